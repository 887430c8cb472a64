/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must not end a message: 107 forms that some server somewhere took for the end of data, each
 * followed by a second message to be smuggled in; whole and cut at every octet, under both settings
 * for line ends, and the published sequences where the corpora are at hand.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/panic.h"
#include "smtpin/test_house.h"

static const struct slice befores[] = {SLICE("\n"), SLICE("\r"), SLICE("\r\n"), SLICE("\n\r"),
	SLICE("\r\n\0"), SLICE("\0"), SLICE("\v"), SLICE("\f"), SLICE("\xc2\x85"),
	SLICE("\xe2\x80\xa8"), SLICE("\r\n "), SLICE("\r\n\r")};
static const struct slice afters[] = {SLICE("\n"), SLICE("\r"), SLICE("\r\n"), SLICE("\n\r"),
	SLICE("\r\r\n"), SLICE("\0\r\n"), SLICE(" \r\n"), SLICE("\t\r\n"), SLICE("\v\r\n")};
static const struct slice smuggled =
	SLICE("MAIL FROM:<evil@sender.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
	      "From: evil@sender.example\r\n\r\nevil\r\n.\r\nQUIT\r\n");

static struct policy *strict, *normalising;

static const char configuration[] =
	"hostname mx.example.org\n"
	"listen smtp \"127.0.0.1:2525\"\n"
	"domain example.org any recipient deliver smtp \"127.0.0.1:26\"\n"
	"limits errors unlimited\n";

/* Plays one form with its octets cut at `cut`, and says how it went wrong, or nothing. */
static const char *play(
	struct policy *policy, struct slice body, bool whole, size_t cut, size_t chunk)
{
	const struct slice parts[] = {SLICE("HELO a.example\r\n"),
		SLICE("MAIL FROM:<a@sender.example>\r\n"), SLICE("RCPT TO:<bob@example.org>\r\n"),
		SLICE("DATA\r\n"), slice_part(body, 0, cut), slice_from(body, cut)};
	struct house_client client = {.house = house_open(policy_ref(policy), SPOOL_WORKS),
		.parts = parts,
		.part_count = sizeof parts / sizeof *parts,
		.chunk = chunk};
	const char *wrong = NULL;

	panic_if(!address_parse(SLICE("203.0.113.9"), &client.from), "no address");
	house_converse(&client);
	struct slice heard = text_slice(&client.heard);
	size_t kept = client.house->kept_count;
	size_t answers = slice_count(heard, SLICE("250 2.0.0 kept")) +
			 slice_count(heard, SLICE("550 5.6.0 "));
	if (kept > 1)
		wrong = "a second message was taken";
	else if (answers != 1)
		wrong = "not exactly one answer to the data";
	else if (kept &&
		 !slice_is(client.house->kept[0]->envelope.sender, SLICE("a@sender.example")))
		wrong = "the wrong sender";
	else if (kept && whole &&
		 !slice_count(client.house->kept[0]->body, SLICE("MAIL FROM:<evil")))
		wrong = "the message was cut short";
	else if (kept && has_bare_end(client.house->kept[0]->body))
		wrong = "a bare line end was kept";
	text_free(&client.heard);
	house_close(client.house);
	return wrong;
}

static unsigned play_form(struct slice form, const char *name)
{
	struct text body = TEXT_GROWING;
	unsigned failures = 0;
	struct policy *policies[] = {strict, normalising};
	/* Some published ones hold the true end, and octets behind it that are no commands. */
	bool whole = !slice_count(form, SLICE("\r\n.\r\n"));

	text_put(&body, SLICE("From: a@sender.example\r\n\r\nbody"));
	size_t start = body.len;
	text_put(&body, form);
	text_put(&body, smuggled);
	for (size_t i = 0; i < 2; i++)
		for (size_t cut = start; cut <= start + form.len; cut++) {
			const char *wrong =
				play(policies[i], text_slice(&body), whole, cut, cut == start);
			if (wrong) {
				fprintf(stderr, "%s, setting %zu, cut at %zu: %s\n", name, i,
					cut - start, wrong);
				failures++;
			}
		}
	text_free(&body);
	return failures;
}

static void test_no_form_but_the_true_one_ends_the_data(void **state)
{
	unsigned failures = 0, forms = 0;

	(void)state;
	for (size_t b = 0; b < sizeof befores / sizeof *befores; b++)
		for (size_t a = 0; a < sizeof afters / sizeof *afters; a++) {
			struct text form = TEXT_GROWING;
			char name[64];
			text_put(&form, befores[b]);
			text_char(&form, '.');
			text_put(&form, afters[a]);
			snprintf(name, sizeof name, "form %zu.%zu", b, a);
			if (!slice_is(text_slice(&form), SLICE("\r\n.\r\n"))) {
				failures += play_form(text_slice(&form), name);
				forms++;
			}
			text_free(&form);
		}
	assert_int_equal(forms, 107);
	assert_int_equal(failures, 0);
}

/* In a chunk nothing ends the data but the count of its octets, whatever they are. */
static const char *play_chunk(struct policy *policy, struct slice body)
{
	char command[64];
	snprintf(command, sizeof command, "BDAT %zu LAST\r\n", body.len);
	const struct slice parts[] = {SLICE("HELO a.example\r\n"),
		SLICE("MAIL FROM:<a@sender.example>\r\n"), SLICE("RCPT TO:<bob@example.org>\r\n"),
		slice_of(command), body, SLICE("NOOP\r\n")};
	struct house_client client = {.house = house_open(policy_ref(policy), SPOOL_WORKS),
		.parts = parts,
		.part_count = sizeof parts / sizeof *parts};
	const char *wrong = NULL;

	panic_if(!address_parse(SLICE("203.0.113.9"), &client.from), "no address");
	house_converse(&client);
	struct slice heard = text_slice(&client.heard);
	size_t kept = client.house->kept_count;
	size_t answers = slice_count(heard, SLICE("250 2.0.0 kept")) +
			 slice_count(heard, SLICE("550 5.6.0 "));
	bool good = !has_bare_end(body) && !slice_has(body, '\0');
	if (answers != 1 || !slice_count(heard, SLICE("250 2.0.0 ok")))
		wrong = "not exactly one answer to the chunk, and one to what follows";
	else if (kept && has_bare_end(client.house->kept[0]->body))
		wrong = "a bare line end was kept";
	else if (good && (!kept || !slice_is(client.house->kept[0]->body, body)))
		wrong = "the message is not what was sent";
	else if (policy == strict && kept && !good)
		wrong = "it was taken with what DATA would not take";
	text_free(&client.heard);
	house_close(client.house);
	return wrong;
}

static void test_no_form_ends_a_chunk(void **state)
{
	unsigned failures = 0;
	struct policy *policies[] = {strict, normalising};

	(void)state;
	for (size_t i = 0; i < 2 * 12 * 9; i++) {
		struct text body = TEXT_GROWING;
		text_put(&body, SLICE("From: a@sender.example\r\n\r\nbody"));
		text_put(&body, befores[i / 2 % 12]);
		text_char(&body, '.');
		text_put(&body, afters[i / 24]);
		text_put(&body, smuggled);
		const char *wrong = play_chunk(policies[i % 2], text_slice(&body));
		if (wrong)
			fprintf(stderr, "form %zu.%zu: %s\n", i / 2 % 12, i / 24, wrong);
		failures += wrong != NULL;
		text_free(&body);
	}
	assert_int_equal(failures, 0);
}

static unsigned sextet(char c)
{
	const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return (unsigned)slice_find(slice_of(digits), c);
}

static void text_base64(struct text *out, const char *encoded)
{
	unsigned bits = 0, have = 0;

	for (; *encoded && *encoded != '='; encoded++) {
		bits = bits << 6 | sextet(*encoded);
		have += 6;
		if (have >= 8) {
			have -= 8;
			text_char(out, (char)(bits >> have & 0xff));
		}
	}
}

static void test_no_published_sequence_ends_the_data(void **state)
{
	const char *corpora = getenv("POSTERN_CORPORA");
	char path[512];
	unsigned failures = 0;

	(void)state;
	snprintf(path, sizeof path, "%s/smtp-smuggling/open/end-of-data-sequences.json",
		corpora ? corpora : "../shared/corpora");
	json_t *sequences = json_load_file(path, 0, NULL);
	if (!sequences) {
		fprintf(stderr, "skipped: there is no %s\n", path);
		skip();
	}
	for (size_t i = 0; i < json_array_size(sequences); i++) {
		json_t *one = json_array_get(sequences, i);
		struct text form = TEXT_GROWING;
		text_base64(&form, json_string_value(json_object_get(one, "sequence_b64")));
		failures += play_form(
			text_slice(&form), json_string_value(json_object_get(one, "name")));
		text_free(&form);
	}
	json_decref(sequences);
	assert_int_equal(failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_form_but_the_true_one_ends_the_data),
		cmocka_unit_test(test_no_form_ends_a_chunk),
		cmocka_unit_test(test_no_published_sequence_ends_the_data),
	};
	char text[512];

	strict = house_policy(SLICE(configuration));
	snprintf(text, sizeof text, "%sline ends normalise\n", configuration);
	normalising = house_policy(slice_of(text));
	if (!strict || !normalising)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	policy_unref(strict);
	policy_unref(normalising);
	return failed;
}
