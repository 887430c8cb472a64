/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and results as payloads: round trips, cut and flipped everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "spool/envelope.h"
#include "spool/record.h"
#include "spool/result.h"

static const struct envelope_recipient recipients[] = {
	{SLICE("anna@example.org"), SLICE("rfc822;anna@example.org"), NOTIFY_FAILURE},
	{SLICE("postmaster"), SLICE(""), NOTIFY_UNSET},
	{SLICE("carl@example.com"), SLICE("rfc822;c@example.org"), NOTIFY_FAILURE | NOTIFY_DELAY,
		ENVELOPE_RECIPIENT_FORWARDED},
	{SLICE("all@example.org"), SLICE(""), NOTIFY_UNSET, ENVELOPE_RECIPIENT_REFUSED,
		SLICE("550 5.7.1 Ask first [why 7K3Q-9MZD-2C4T]"), SLICE("refused-recipient")},
	{SLICE("dora@example.org"), SLICE(""), NOTIFY_NEVER},
};

static struct message a_message(void)
{
	return (struct message){
		.envelope = {.flags = ENVELOPE_BELIEVED | ENVELOPE_SMTPUTF8,
			.received = 1234567890,
			.sender = SLICE("bert@example.net"),
			.return_path = SLICE("SRS0=x@example.org"),
			.envid = SLICE("QQ314159"),
			.ret = RET_HDRS,
			.listener = SLICE("0.0.0.0:25"),
			.account = SLICE("bert"),
			.client = SLICE("192.0.2.1"),
			.client_name = SLICE("host.example.net"),
			.helo = SLICE("host"),
			.policy_hash = SLICE("abcd"),
			.recipients = recipients,
			.recipient_count = 5},
		.facts = SLICE("facts"),
		.trace = SLICE("Received: from x\r\n"),
		.body_flags = BODY_FLAG_DOTS,
		.body_size = 11,
	};
}

static struct text encoded(struct slice body)
{
	struct message message = a_message();
	struct text out = TEXT_GROWING;

	message_encode(&out, &message, body.len);
	text_put(&out, body);
	return out;
}

#define assert_same(a, b) assert_true(slice_is((a), (b)))

static void assert_is_a_message(const struct message *seen)
{
	struct message sent = a_message();
	const struct envelope *a = &seen->envelope, *b = &sent.envelope;

	assert_true(a->flags == b->flags && a->received == b->received && a->ret == b->ret);
	assert_same(a->sender, b->sender);
	assert_same(a->return_path, b->return_path);
	assert_same(a->envid, b->envid);
	assert_same(a->listener, b->listener);
	assert_same(a->account, b->account);
	assert_same(a->client, b->client);
	assert_same(a->client_name, b->client_name);
	assert_same(a->helo, b->helo);
	assert_same(a->policy_hash, b->policy_hash);
	assert_int_equal(a->recipient_count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_same(a->recipients[i].address, recipients[i].address);
		assert_same(a->recipients[i].orcpt, recipients[i].orcpt);
		assert_int_equal(a->recipients[i].notify, recipients[i].notify);
		assert_int_equal(a->recipients[i].flags, recipients[i].flags);
		assert_same(a->recipients[i].reply, recipients[i].reply);
		assert_same(a->recipients[i].reason, recipients[i].reason);
	}
	assert_same(seen->facts, sent.facts);
	assert_same(seen->trace, sent.trace);
	assert_int_equal(seen->body_flags, sent.body_flags);
	assert_true(seen->body_size == sent.body_size);
}

static void a_message_comes_back_as_it_was(void **state)
{
	struct arena *arena = arena_new();
	struct text out = encoded(SLICE("hello\r\n..\r\n"));
	struct message seen;

	(void)state;
	assert_true(message_decode(text_slice(&out), arena, &seen));
	assert_is_a_message(&seen);
	assert_same(seen.body, SLICE("hello\r\n..\r\n"));
	text_free(&out);
	arena_free(arena);
}

static void a_message_cut_anywhere_is_refused_and_asks_for_more_while_there_is_some(void **state)
{
	struct arena *arena = arena_new();
	struct text out = encoded(SLICE("hello\r\n..\r\n"));
	struct message seen;
	size_t envelope = out.len - 11;

	(void)state;
	for (size_t len = 0; len < out.len; len++) {
		struct slice cut = {out.at, len};
		assert_false(message_decode(cut, arena, &seen));
		enum message_part part = message_decode_part(cut, out.len, arena, &seen);
		assert_int_equal(part, len < envelope ? MESSAGE_NEEDS_MORE : MESSAGE_WHOLE);
		if (part == MESSAGE_WHOLE)
			assert_is_a_message(&seen);
	}
	text_free(&out);
	arena_free(arena);
}

static void bytes_behind_a_message_are_refused(void **state)
{
	struct arena *arena = arena_new();
	struct text out = encoded(SLICE("hello\r\n..\r\n"));
	struct message seen;

	(void)state;
	text_char(&out, 'x');
	assert_false(message_decode(text_slice(&out), arena, &seen));
	text_free(&out);
	arena_free(arena);
}

static void an_unknown_section_is_passed_over_and_a_section_twice_is_refused(void **state)
{
	struct arena *arena = arena_new();
	struct text out = TEXT_GROWING, plain = encoded(SLICE("hello\r\n..\r\n"));
	struct message seen;

	(void)state;
	text_put(&out, (struct slice){"\x21\x00\x00\x00\x03\x00\x00\x00new", 11});
	text_put(&out, text_slice(&plain));
	assert_true(message_decode(text_slice(&out), arena, &seen));
	assert_is_a_message(&seen);
	text_clear(&out);
	text_put(&out, (struct slice){"\x02\x00\x00\x00\x00\x00\x00\x00", 8});
	text_put(&out, text_slice(&plain));
	assert_false(message_decode(text_slice(&out), arena, &seen));
	text_free(&out);
	text_free(&plain);
	arena_free(arena);
}

static void flipped_bits_never_read_outside_the_payload(void **state)
{
	struct arena *arena = arena_new();
	struct text out = encoded(SLICE("hello\r\n..\r\n"));
	struct message seen;
	size_t refused = 0;

	(void)state;
	for (size_t bit = 0; bit < out.len * 8; bit++) {
		char *copy = malloc(out.len);
		assert_non_null(copy);
		memcpy(copy, out.at, out.len);
		copy[bit / 8] ^= (char)(1u << bit % 8);
		refused += !message_decode((struct slice){copy, out.len}, arena, &seen);
		arena_reset(arena);
		free(copy);
	}
	assert_true(refused > 100);
	text_free(&out);
	arena_free(arena);
}

static void results_come_back_as_they_were(void **state)
{
	static const struct {
		uint8_t type;
		struct result_record result;
	} cases[] = {
		{RECORD_RESULT, {3, 1, 0, 77, SLICE("250 ok")}},
		{RECORD_DEFER, {65535, 0, 9, -1, SLICE("")}},
		{RECORD_ATTEMPT, {0, 0, 0, 0, SLICE("")}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct text out = TEXT_GROWING;
		struct result_record seen;
		result_encode(&out, cases[i].type, &cases[i].result);
		assert_true(result_decode(cases[i].type, text_slice(&out), &seen));
		assert_true(seen.recipient == cases[i].result.recipient &&
			    seen.result == cases[i].result.result &&
			    seen.attempt == cases[i].result.attempt &&
			    seen.time == cases[i].result.time);
		assert_same(seen.words, cases[i].result.words);
		text_char(&out, 0);
		assert_false(result_decode(cases[i].type, text_slice(&out), &seen));
		text_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_back_as_it_was),
		cmocka_unit_test(
			a_message_cut_anywhere_is_refused_and_asks_for_more_while_there_is_some),
		cmocka_unit_test(bytes_behind_a_message_are_refused),
		cmocka_unit_test(an_unknown_section_is_passed_over_and_a_section_twice_is_refused),
		cmocka_unit_test(flipped_bits_never_read_outside_the_payload),
		cmocka_unit_test(results_come_back_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
