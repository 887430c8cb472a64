/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large messages: read to where they stay, handed to their file in pieces, and what stands behind
 * their end is still heard as commands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/panic.h"
#include "smtpin/test_house.h"
#include "wire/body.h"

static struct policy *strict, *normalising;
static const char configuration[] =
	"hostname mx.example.org\n"
	"listen smtp \"127.0.0.1:2525\"\n"
	"domain example.org any recipient deliver smtp \"127.0.0.1:26\"\n"
	"limits errors unlimited, no-ops unlimited\n";

/* Around each size at which something changes. */
static const size_t sizes[] = {16000, 16384, 16500, 65500, 131072, 245700, 245760, 245800, 262000,
	262143, 262144, 262145, 300000, 524288, 700001};
static const size_t cuts[] = {0, 977, 16384, 65536, 100000};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A header and so many octets of lines, some of which begin with dots. */
static void body_fill(struct text *body, size_t size)
{
	text_put(body, SLICE("From: a@sender.example\r\n\r\n"));
	for (unsigned i = 0; body->len < size; i++) {
		text_put(body, i % 7 ? SLICE("a line of the message ") : SLICE("..a line of dots"));
		text_number(body, i);
		text_put(body, SLICE("\r\n"));
	}
}

static void stuff(struct text *out, struct slice body)
{
	bool at_line_start = true;

	body_stuff(out, body, &at_line_start);
	text_put(out, SLICE(".\r\n"));
}

static struct house *converse(struct policy *policy, const struct slice *parts, size_t count,
	size_t cut, struct text *heard)
{
	struct house_client client = {.house = house_open(policy_ref(policy), SPOOL_WORKS),
		.parts = parts,
		.part_count = count,
		.chunk = cut};

	panic_if(!address_parse(SLICE("203.0.113.9"), &client.from), "no address");
	house_converse(&client);
	assert_int_equal(client.house->edge.gathered, 0);
	*heard = client.heard;
	return client.house;
}

#define ENVELOPE                                                                                   \
	SLICE("HELO a.example\r\n"), SLICE("MAIL FROM:<a@sender.example>\r\n"),                    \
		SLICE("RCPT TO:<bob@example.org>\r\n")

enum { NOOPS = 4000 }; /* more than a stream's buffer holds */

static void commands_behind(struct text *sent, struct slice body)
{
	for (unsigned i = 0; i < NOOPS; i++)
		text_put(sent, SLICE("NOOP\r\n"));
	text_put(sent, SLICE("MAIL FROM:<c@sender.example>\r\nRCPT TO:<bob@example.org>\r\n"));
	text_format(sent, "BDAT %zu LAST\r\n", body.len);
	text_put(sent, body);
	text_put(sent, SLICE("QUIT\r\n"));
}

static void both_are_kept(const struct house *house, struct slice body, struct slice heard)
{
	assert_int_equal(house->kept_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(house->kept[i]->body.len, body.len);
		assert_true(slice_is(house->kept[i]->body, body));
	}
	assert_int_equal(slice_count(heard, SLICE("250 2.0.0 kept")), 2);
	assert_int_equal(slice_count(heard, SLICE("\r\n5")), 0);
	assert_int_equal(slice_count(heard, SLICE("221 ")), 1);
}

static void large_messages_are_kept_and_what_follows_is_heard(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (size_t k = 0; k < COUNT(cuts); k++) {
			struct text body = TEXT_GROWING, sent = TEXT_GROWING, heard;
			body_fill(&body, sizes[i]);
			stuff(&sent, text_slice(&body));
			commands_behind(&sent, text_slice(&body));
			const struct slice parts[] = {
				ENVELOPE, SLICE("DATA\r\n"), text_slice(&sent)};
			struct house *house = converse(strict, parts, 5, cuts[k], &heard);
			both_are_kept(house, text_slice(&body), text_slice(&heard));
			house_close(house);
			text_free(&heard);
			text_free(&sent);
			text_free(&body);
		}
}

/* All in one write, so that the first octets of the data are in the stream's buffer already. */
static void chunks_are_kept_and_what_follows_is_heard(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct text body = TEXT_GROWING, sent = TEXT_GROWING, heard;
		body_fill(&body, sizes[i]);
		size_t half = body.len / 2 + i;
		text_format(&sent, "BDAT %zu\r\n", half);
		text_put(&sent, slice_part(text_slice(&body), 0, half));
		text_format(&sent, "BDAT %zu LAST\r\n", body.len - half);
		text_put(&sent, slice_from(text_slice(&body), half));
		commands_behind(&sent, text_slice(&body));
		const struct slice parts[] = {ENVELOPE, text_slice(&sent)};
		struct house *house = converse(strict, parts, 4, cuts[i % 5], &heard);
		both_are_kept(house, text_slice(&body), text_slice(&heard));
		house_close(house);
		text_free(&heard);
		text_free(&sent);
		text_free(&body);
	}
}

/* In the middle of a line, from `at` on. */
static size_t inside_a_line(struct slice sent, size_t at)
{
	while (slice_find(slice_part(sent, at - 2, at + 4), '\r') != SIZE_MAX ||
		slice_find(slice_part(sent, at - 2, at + 4), '\n') != SIZE_MAX)
		at++;
	return at;
}

/* Wherever it stands, the message is refused at its end, and only there. */
static void a_fault_in_a_large_message_is_found_everywhere(void **state)
{
	static const struct slice faults[] = {{"\0", 1}, {"\n", 1}, {"\r.\r", 3}};

	(void)state;
	for (size_t i = 0; i < COUNT(faults); i++)
		for (size_t at = 40; at < 600000; at += 24983) {
			struct text body = TEXT_GROWING, sent = TEXT_GROWING, heard;
			body_fill(&body, 600000);
			stuff(&sent, text_slice(&body));
			memcpy(sent.at + inside_a_line(text_slice(&sent), at), faults[i].at,
				faults[i].len);
			commands_behind(&sent, SLICE("From: a@sender.example\r\n\r\nx\r\n"));
			const struct slice parts[] = {
				ENVELOPE, SLICE("DATA\r\n"), text_slice(&sent)};
			struct house *house = converse(strict, parts, 5, cuts[at % 5], &heard);
			assert_int_equal(house->kept_count, 1);
			assert_int_equal(slice_count(text_slice(&heard), SLICE("550 5.6.0")), 1);
			assert_int_equal(
				slice_count(text_slice(&heard), SLICE("250 2.0.0 kept")), 1);
			assert_int_equal(slice_count(text_slice(&heard), SLICE("221 ")), 1);
			house_close(house);
			text_free(&heard);
			text_free(&sent);
			text_free(&body);
		}
}

/* Every form of a line end, over every place where a piece may be cut. */
static void line_ends_of_large_messages_become_crlf(void **state)
{
	static const char *const ends[] = {"\r\n", "\n", "\r", "\r\r\n"};
	static const char *const become[] = {"\r\n", "\r\n", "\r\n", "\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++)
		for (size_t shift = 0; shift < 4; shift++) {
			struct text sent = TEXT_GROWING, wanted = TEXT_GROWING, heard;
			body_fill(&wanted, 0);
			text_put(&wanted, slice_part(SLICE("xyz\r\n"), 3 - shift, 5));
			text_put(&sent, text_slice(&wanted));
			while (wanted.len < 800000) {
				text_put(&sent, SLICE("some octets"));
				text_put(&sent, slice_of(ends[i]));
				text_put(&wanted, SLICE("some octets"));
				text_put(&wanted, slice_of(become[i]));
			}
			text_put(&wanted, SLICE("\r\n"));
			text_put(&sent, SLICE("\r\n.\r\n"));
			const struct slice parts[] = {
				ENVELOPE, SLICE("DATA\r\n"), text_slice(&sent), SLICE("QUIT\r\n")};
			struct house *house =
				converse(normalising, parts, 6, cuts[(i + shift) % 5], &heard);
			struct slice body = text_slice(&wanted);
			assert_int_equal(house->kept_count, 1);
			assert_int_equal(house->kept[0]->body.len, body.len);
			assert_true(slice_is(house->kept[0]->body, body));
			house_close(house);
			text_free(&heard);
			text_free(&sent);
			text_free(&wanted);
		}
}

static int policies_open(void **state)
{
	struct text text = TEXT_GROWING;

	(void)state;
	strict = house_policy(slice_of(configuration));
	text_put(&text, slice_of(configuration));
	text_put(&text, SLICE("line ends normalise\n"));
	normalising = house_policy(text_slice(&text));
	text_free(&text);
	return strict && normalising ? 0 : -1;
}

static int policies_close(void **state)
{
	(void)state;
	policy_unref(strict);
	policy_unref(normalising);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_messages_are_kept_and_what_follows_is_heard),
		cmocka_unit_test(chunks_are_kept_and_what_follows_is_heard),
		cmocka_unit_test(a_fault_in_a_large_message_is_found_everywhere),
		cmocka_unit_test(line_ends_of_large_messages_become_crlf),
	};

	return cmocka_run_group_tests(tests, policies_open, policies_close);
}
