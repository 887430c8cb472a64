/* SPDX-License-Identifier: Apache-2.0 */
/* Return addresses for forwarded mail: there and back again, and what is not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/srs.h"

static const struct srs_secret secret = {{7, 7, 7}}, other = {{7, 7, 8}};
#define DAY (24 * 3600 * NS_PER_S)
static const wall_ns now = 20000 * DAY + 5 * NS_PER_S;

static int arena_setup(void **state)
{
	*state = arena_new();
	return 0;
}

static int arena_teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static struct mailbox mailbox_of(const char *text, struct arena *arena)
{
	struct mailbox mailbox;

	assert_int_equal(mailbox_parse(slice_of(text), arena, &mailbox), MAILBOX_OK);
	return mailbox;
}

static struct mailbox forwarded(
	const struct mailbox *sender, const char *domain, struct arena *arena)
{
	struct mailbox address;

	assert_true(srs_forward(&secret, sender, slice_of(domain), now, arena, &address));
	assert_true(srs_is_one(&address));
	assert_true(slice_is(address.domain, slice_of(domain)));
	return address;
}

static void what_is_rewritten_comes_back(void **state)
{
	static const char *const senders[] = {"alice@a.example", "Alice.B+tag@a.example",
		"\"a b\"@a.example", "\"a\\\"b\"@a.example", "x=y=z@a.example", "srs@a.example",
		"alice@[192.0.2.1]", "\xc3\xa4@a.example", "\"\"@a.example"};

	for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
		struct mailbox sender = mailbox_of(senders[i], *state), back;
		struct mailbox address = forwarded(&sender, "b.example", *state);
		assert_true(srs_reverse(&secret, &address, now, *state, &back));
		assert_true(slice_is(back.text, sender.text));
		assert_false(srs_reverse(&other, &address, now, *state, &back));
	}
}

static void letters_may_change_their_case(void **state)
{
	struct mailbox sender = mailbox_of("alice@a.example", *state), back;
	struct mailbox address = forwarded(&sender, "b.example", *state);

	char bytes[64];
	for (size_t i = 0; i < address.local.len; i++) {
		char byte = address.local.at[i];
		bytes[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
	}
	struct mailbox small = address;
	small.local = (struct slice){bytes, address.local.len};
	assert_true(srs_reverse(&secret, &small, now, *state, &back));
	assert_true(slice_is(back.text, sender.text));
}

static void it_holds_for_21_days(void **state)
{
	struct mailbox sender = mailbox_of("alice@a.example", *state), back;
	struct mailbox address = forwarded(&sender, "b.example", *state);

	assert_true(srs_reverse(&secret, &address, now + 21 * DAY, *state, &back));
	assert_false(srs_reverse(&secret, &address, now + 22 * DAY, *state, &back));
	assert_false(srs_reverse(&secret, &address, now - DAY, *state, &back));
}

static void a_chain_of_forwarders_ends_at_the_first(void **state)
{
	struct mailbox sender = mailbox_of("alice@a.example", *state), back;
	struct mailbox first = forwarded(&sender, "b.example", *state);
	struct mailbox second = forwarded(&first, "c.example", *state);
	struct mailbox third = forwarded(&second, "d.example", *state);

	assert_true(slice_starts(second.local, SLICE("SRS1=")));
	assert_int_equal(second.local.len, third.local.len);
	assert_true(srs_reverse(&secret, &third, now + 3 * DAY, *state, &back));
	assert_true(slice_is(back.text, first.text));
	assert_true(srs_reverse(&secret, &back, now, *state, &sender));
	assert_true(slice_is(sender.text, SLICE("alice@a.example")));
}

static void what_was_changed_is_not_ours(void **state)
{
	struct mailbox sender = mailbox_of("alice@a.example", *state), back;
	struct mailbox address = forwarded(&sender, "b.example", *state);

	for (size_t i = 5; i < address.local.len; i++) {
		struct mailbox changed = address;
		struct slice copy = arena_slice(*state, address.local);
		char *bytes = arena_alloc(*state, copy.len);
		for (size_t j = 0; j < copy.len; j++)
			bytes[j] = j == i ? (copy.at[j] == 'q' ? 'w' : 'q') : copy.at[j];
		changed.local = (struct slice){bytes, copy.len};
		if (!slice_is_nocase(changed.local, address.local))
			assert_false(srs_reverse(&secret, &changed, now, *state, &back));
	}
}

static void what_has_none_and_what_is_none(void **state)
{
	static const char *const strangers[] = {"SRS0=@b.example", "SRS0=x@b.example",
		"SRS0=AAAAAAAA=AA=a.example=al@b.example", "SRS1=AAAAAAAA@b.example",
		"SRS2=AAAAAAAA=AA=a.example=al@b.example", "srs@b.example", "SRS0@b.example"};
	struct mailbox address, null = {.is_null = true};
	struct mailbox longer =
		mailbox_of("bounces-to-a-list-of-many-1234567890123456789@lists.a.example", *state);

	assert_false(srs_forward(&secret, &null, SLICE("b.example"), now, *state, &address));
	assert_false(srs_forward(&secret, &longer, SLICE("b.example"), now, *state, &address));
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		struct mailbox stranger = mailbox_of(strangers[i], *state);
		assert_false(srs_reverse(&secret, &stranger, now, *state, &address));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_rewritten_comes_back),
		TEST(letters_may_change_their_case),
		TEST(it_holds_for_21_days),
		TEST(a_chain_of_forwarders_ends_at_the_first),
		TEST(what_was_changed_is_not_ours),
		TEST(what_has_none_and_what_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
