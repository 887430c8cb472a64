/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address tricks: every form by which some server somewhere was made to relay, offered by a
 * stranger as a recipient that is not ours. Not one may be accepted.
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

/* No trick's address is in this domain, but every host name and address in it is ours. */
static const char configuration[] =
	"hostname mx.ours.example\n"
	"listen smtp \"127.0.0.1:2525\"\n"
	"domain ours.example mx.ours.example any recipient deliver smtp \"127.0.0.1:26\"\n"
	"network office 192.0.2.0/24\n"
	"relay for network office\n"
	"limits errors unlimited, recipients unlimited\n";
static struct policy *policy;

/* "250 2.1.5" is what an accepted recipient hears. */
static bool is_accepted(struct slice sender, struct slice recipient)
{
	struct arena *arena = arena_new();
	const struct slice parts[] = {SLICE("HELO a.example\r\n"),
		arena_format(arena, "MAIL FROM:%.*s\r\n", SLICE_ARGS(sender)),
		arena_format(arena, "RCPT TO:%.*s\r\n", SLICE_ARGS(recipient)), SLICE("DATA\r\n"),
		SLICE("From: a@sender.example\r\n\r\nx\r\n.\r\n"), SLICE("QUIT\r\n")};
	struct house_client client = {.house = house_open(policy_ref(policy), SPOOL_WORKS),
		.parts = parts,
		.part_count = sizeof parts / sizeof *parts};

	panic_if(!address_parse(SLICE("203.0.113.9"), &client.from), "no address");
	house_converse(&client);
	bool accepted = client.house->kept_count > 0 ||
			slice_count(text_slice(&client.heard), SLICE("250 2.1.5")) > 0;
	text_free(&client.heard);
	house_close(client.house);
	arena_free(arena);
	return accepted;
}

/* 39 forms of reliability: percent, bang, routes, quotes, literals, dots, full-width characters. */
static const char *const forms[] = {
	"<victim@far.example>",
	"<victim%far.example@ours.example>",
	"<victim%far.example@mx.ours.example>",
	"<far.example!victim@ours.example>",
	"<far.example!victim>",
	"<@ours.example:victim@far.example>",
	"<@mx.ours.example,@ours.example:victim@far.example>",
	"<\"victim@far.example\"@ours.example>",
	"<\"victim%far.example\"@ours.example>",
	"<\"victim@far.example\">",
	"<victim@far.example@ours.example>",
	"<victim@ours.example@far.example>",
	"<victim@[127.0.0.1]>",
	"<victim@[203.0.113.9]>",
	"<victim@[IPv6:::1]>",
	"<victim%far.example@[127.0.0.1]>",
	"<victim@far.example.>",
	"<victim@ours.example.>",
	"<victim@sub.ours.example>",
	"<victim@xours.example>",
	"<victim@ours.example.far.example>",
	"<victim@far.example,ours.example>",
	"<victim@far.example;ours.example>",
	"<victim@far.example (ours.example)>",
	"<victim@far.example> <bob@ours.example>",
	"victim@far.example",
	"<victim(x)@far.example>",
	"< victim@far.example>",
	"<victim@far.example >",
	"<victim\\@far.example@ours.example>",
	"<\"victim\\@far.example\"@ours.example>",
	"<|victim@ours.example>",
	"<-victim@ours.example>",
	"<.victim@ours.example>",
	"<victim:far.example@ours.example>",
	"<victim/far.example@ours.example>",
	"<victim@ours\xef\xbc\x8e"
	"example>",
	"<victim\xef\xbc\xa0"
	"far.example@ours.example>",
	"<victim@far.example\t>",
};
static const char *const senders[] = {
	"<>", "<a@sender.example>", "<postmaster@ours.example>", "<a@[203.0.113.9]>"};

static void test_no_form_of_a_foreign_address_is_accepted(void **state)
{
	unsigned accepted = 0;

	(void)state;
	for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
		for (size_t s = 0; s < sizeof senders / sizeof *senders; s++)
			if (is_accepted(slice_of(senders[s]), slice_of(forms[f]))) {
				fprintf(stderr, "accepted: %s\n", forms[f]);
				accepted++;
			}
	assert_int_equal(accepted, 0);
}

/* Half a surrogate pair is no character, and the JSON library takes none: it becomes U+FFFD. */
static void mend_surrogates(char *text, size_t len)
{
	for (size_t i = 0; i + 6 <= len; i++)
		if (!strncasecmp(text + i, "\\ud8", 4) || !strncasecmp(text + i, "\\udc", 4))
			memcpy(text + i, "\\ufffd", 6);
}

static json_t *corpus(const char *name)
{
	enum { CORPUS_MOST = 4 << 20 };
	const char *corpora = getenv("POSTERN_CORPORA");
	char path[512];
	json_error_t error;

	snprintf(path, sizeof path, "%s/%s", corpora ? corpora : "../shared/corpora", name);
	FILE *file = fopen(path, "rb");
	if (!file) {
		fprintf(stderr, "skipped: there is no %s\n", path);
		return NULL;
	}
	char *text = malloc(CORPUS_MOST);
	panic_if(!text, "no memory for a corpus");
	size_t len = fread(text, 1, CORPUS_MOST, file);
	fclose(file);
	mend_surrogates(text, len);
	json_t *json = json_loadb(text, len, JSON_ALLOW_NUL, &error);
	panic_if(!json, "%s:%d: %s", path, error.line, error.text);
	free(text);
	return json;
}

/* The placeholders of the probes: a foreign sender and recipient, and ourselves. */
static struct slice fill_in(const char *pattern, struct arena *arena)
{
	static const struct {
		struct slice name, value;
	} places[] = {
		{SLICE("{fu}"), SLICE("antispam")},
		{SLICE("{fd}"), SLICE("sender.example")},
		{SLICE("{tu}"), SLICE("relaytest")},
		{SLICE("{td}"), SLICE("far.example")},
		{SLICE("{srv}"), SLICE("mx.ours.example")},
		{SLICE("{ip}"), SLICE("127.0.0.1")},
	};
	struct text out = TEXT_GROWING;

	for (struct slice left = slice_of(pattern); left.len;) {
		size_t taken = 1;
		for (size_t i = 0; i < sizeof places / sizeof *places; i++)
			if (slice_starts(left, places[i].name)) {
				text_put(&out, places[i].value);
				taken = places[i].name.len;
			}
		if (taken == 1)
			text_char(&out, left.at[0]);
		left = slice_from(left, taken);
	}
	struct slice filled = arena_slice(arena, text_slice(&out));
	text_free(&out);
	return filled;
}

static void test_no_published_probe_relays(void **state)
{
	json_t *json = corpus("openrelay-tests/open/relay-probes.json");
	json_t *probes = json_object_get(json, "probes");
	struct arena *arena = arena_new();
	unsigned accepted = 0;

	(void)state;
	for (size_t i = 0; i < json_array_size(probes); i++) {
		json_t *probe = json_array_get(probes, i);
		struct slice sender =
			fill_in(json_string_value(json_object_get(probe, "mail_from")), arena);
		struct slice recipient =
			fill_in(json_string_value(json_object_get(probe, "rcpt_to")), arena);
		if (is_accepted(sender, recipient)) {
			fprintf(stderr, "accepted: %.*s to %.*s\n", SLICE_ARGS(sender),
				SLICE_ARGS(recipient));
			accepted++;
		}
	}
	arena_free(arena);
	bool absent = !json;
	json_decref(json);
	if (absent)
		skip();
	assert_int_equal(accepted, 0);
}

static void test_no_published_address_is_taken_for_ours(void **state)
{
	json_t *addresses = corpus("smtp-addresses/open/addresses.json");
	struct arena *arena = arena_new();
	unsigned accepted = 0;

	(void)state;
	for (size_t i = 0; i < json_array_size(addresses); i++) {
		json_t *one = json_object_get(json_array_get(addresses, i), "address");
		struct slice address = {json_string_value(one), json_string_length(one)};
		if (is_accepted(SLICE("<a@sender.example>"),
			    arena_format(arena, "<%.*s>", SLICE_ARGS(address)))) {
			fprintf(stderr, "accepted: %.*s\n", SLICE_ARGS(address));
			accepted++;
		}
	}
	arena_free(arena);
	bool absent = !addresses;
	json_decref(addresses);
	if (absent)
		skip();
	assert_int_equal(accepted, 0);
}

static void test_a_recipient_of_ours_is_accepted(void **state)
{
	(void)state;
	assert_true(is_accepted(SLICE("<a@sender.example>"), SLICE("<bob@ours.example>")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_form_of_a_foreign_address_is_accepted),
		cmocka_unit_test(test_no_published_probe_relays),
		cmocka_unit_test(test_no_published_address_is_taken_for_ours),
		cmocka_unit_test(test_a_recipient_of_ours_is_accepted),
	};

	policy = house_policy(SLICE(configuration));
	if (!policy)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	policy_unref(policy);
	return failed;
}
