/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the table keeps the promises that replies, bounces and `why` rest on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "reason/reason.h"

/* A cause is a class of reasons, an actor is who can do something about it. */
static const char *const causes[] = {"relay-denied", "authentication-required",
	"authentication-failed", "sender-not-owned", "unknown-recipient", "recipient-moved",
	"mailbox-full", "mailbox-disabled", "domain-not-found", "not-accepting-mail", "spf-fail",
	"dkim-fail", "dmarc-fail", "reverse-dns", "address-blocklisted", "domain-blocklisted",
	"reputation", "blocked-sender", "restricted-recipient", "forwarding-forbidden",
	"content-spam", "content-virus", "content-refused", "message-too-large", "rate-limited",
	"too-many-connections", "greylisted", "tls-required", "tls-failed", "policy", "security",
	"protocol-error", "syntax", "loop", "network", "timeout-expired", "remote-system",
	"remote-full", "suppressed", "not-a-bounce", "unclear"};
static const char *const actors[] = {
	"sender", "sender-admin", "recipient", "recipient-admin", "nobody"};

static bool is_one_of(struct slice name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(name, slice_of(list[i])))
			return true;
	return false;
}

#define EACH_REASON(row)                                                                           \
	for (int number = REASON_NONE + 1; number < REASONS; number++)                             \
		for (const struct reason_row *row = reason_row((enum reason)number); row;          \
			row = NULL)

static void names_are_unique_and_found_again(void **state)
{
	(void)state;
	EACH_REASON(row)
	assert_int_equal(reason_find(row->name), number);
	assert_int_equal(reason_find(SLICE("no-such-reason")), REASON_NONE);
}

static void names_are_words_for_metrics(void **state)
{
	(void)state;
	EACH_REASON(row)
	for (size_t i = 0; i < row->name.len; i++)
		assert_true((row->name.at[i] >= 'a' && row->name.at[i] <= 'z') ||
			    ascii_is_digit(row->name.at[i]) || row->name.at[i] == '-');
}

static void codes_fit_their_classes(void **state)
{
	(void)state;
	EACH_REASON(row)
	{
		assert_in_range(row->code, 400, 599);
		assert_int_equal(row->code / 100, row->enhanced.class);
		assert_true(row->enhanced.subject <= 7);
	}
}

static void every_text_is_ascii_and_there(void **state)
{
	(void)state;
	EACH_REASON(row)
	{
		assert_true(row->text.len > 0 && row->explanation.len > 0 && row->steps.len > 0);
		for (size_t i = 0; i < row->text.len; i++)
			assert_true(ascii_is_print(row->text.at[i]));
		assert_true(utf8_is_ascii(row->explanation) && utf8_is_ascii(row->steps));
	}
}

static void every_cause_and_actor_is_of_the_contract(void **state)
{
	(void)state;
	EACH_REASON(row)
	{
		assert_true(is_one_of(row->cause, causes, sizeof causes / sizeof *causes));
		assert_true(is_one_of(row->actor, actors, sizeof actors / sizeof *actors));
	}
}

/* RFC 5321 4.5.3.1.5: with "550-5.7.10 ", " [why 7K3Q-9MZD-2C4T]" and CRLF. A domain of 255 octets
 * still fits whole. */
static void words_fit_a_reply_line(void **state)
{
	(void)state;
	EACH_REASON(row)
	assert_true(row->text.len + 255 + 35 <= REPLY_LINE_MAX);
}

static void rows_stand_in_the_order_in_which_they_speak(void **state)
{
	(void)state;
	for (int i = REASON_RELAY_DENIED + 1; i <= REASON_TOO_MANY_HOPS; i++)
		assert_true(
			reason_row((enum reason)(i - 1))->rank <= reason_row((enum reason)i)->rank);
}

static void arguments_are_put_in_their_places(void **state)
{
	struct arena *arena = arena_new();
	struct slice arguments[] = {SLICE("adatum.com"), SLICE("mx.example.org")};

	(void)state;
	struct slice words = reason_words(REASON_RELAY_DENIED, arguments, 2, arena);
	assert_true(slice_is(words,
		SLICE("Relaying to adatum.com is only for clients that mx.example.org knows, and "
		      "this one is not among them")));
	words = reason_words(REASON_UNKNOWN_RECIPIENT, NULL, 0, arena);
	assert_true(slice_is(words, SLICE("There is no mailbox  here")));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_found_again),
		cmocka_unit_test(names_are_words_for_metrics),
		cmocka_unit_test(codes_fit_their_classes),
		cmocka_unit_test(every_text_is_ascii_and_there),
		cmocka_unit_test(every_cause_and_actor_is_of_the_contract),
		cmocka_unit_test(words_fit_a_reply_line),
		cmocka_unit_test(rows_stand_in_the_order_in_which_they_speak),
		cmocka_unit_test(arguments_are_put_in_their_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
