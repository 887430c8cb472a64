/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of guessing, on a clock of the test's own. */
#include "accounts/guesses.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define MINUTE (60 * NS_PER_S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
enum { OF_A_CLASS = 1000 };

static mono_ns now;

static int setup(void **state)
{
	now = 1000 * DAY;
	*state = counters_new(1, OF_A_CLASS);
	return 0;
}

static int teardown(void **state)
{
	counters_free(*state);
	return 0;
}

static struct address address_of(const char *text)
{
	struct address address;

	assert_true(address_parse(slice_of(text), &address));
	return address;
}

static enum guessing begin(
	struct counters *counters, struct guess *guess, const char *from, const char *account)
{
	struct address client = address_of(from);
	struct counting_state state;
	struct slice full;

	*guess = (struct guess){0};
	return guess_begin(counters, guess, &client, slice_of(account), now, &full, &state);
}

/* One wrong password; false: it was not tested any more. */
static bool guess_wrong(struct counters *counters, const char *from, const char *account)
{
	struct guess guess;

	if (begin(counters, &guess, from, account) != GUESS_FREE)
		return false;
	guess_was_wrong(counters, &guess, now);
	return true;
}

static bool sign_in(struct counters *counters, const char *from, const char *account)
{
	struct guess guess;

	if (begin(counters, &guess, from, account) != GUESS_FREE)
		return false;
	guess_was_right(counters, &guess, now);
	return true;
}

/* How many wrong ones are tested of `tries`, one every `pause`, each for another account. */
static unsigned tested(struct counters *counters, const char *from, unsigned tries, mono_ns pause)
{
	unsigned count = 0;
	char account[32];

	for (unsigned i = 0; i < tries; i++) {
		snprintf(account, sizeof account, "user%u@example.org", i);
		count += guess_wrong(counters, from, account);
		now += pause;
	}
	return count;
}

static void an_address_has_ten_guesses_a_minute(void **state)
{
	assert_int_equal(tested(*state, "192.0.2.1", 1000, NS_PER_MS), 10);
	assert_true(guess_wrong(*state, "192.0.2.2", "a@example.org"));
	now += MINUTE;
	assert_int_equal(tested(*state, "192.0.2.1", 50, 0), 10);
}

static void an_address_has_a_hundred_guesses_a_day(void **state)
{
	assert_int_equal(tested(*state, "192.0.2.1", 1000, 10 * NS_PER_S), 100);
	now += DAY;
	assert_true(guess_wrong(*state, "192.0.2.1", "a@example.org"));
}

static void an_ipv6_address_is_its_64(void **state)
{
	char from[64];
	unsigned count = 0;

	for (unsigned i = 0; i < 100; i++) {
		snprintf(from, sizeof from, "2001:db8:1:2::%x", i + 1);
		count += guess_wrong(*state, from, "a@example.org");
	}
	assert_int_equal(count, 10);
	assert_true(guess_wrong(*state, "2001:db8:1:3::1", "a@example.org"));
}

static void an_account_has_twenty_guesses_an_hour_from_everywhere(void **state)
{
	char from[64];
	unsigned count = 0;

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(from, sizeof from, "198.51.%u.%u", i / 200, 1 + i % 200);
		count += guess_wrong(*state, from, "alice@example.org");
		now += NS_PER_S;
	}
	assert_int_equal(count, 20);
	assert_false(sign_in(*state, "203.0.113.5", "alice@example.org"));
	assert_true(sign_in(*state, "203.0.113.5", "bob@example.org"));
	now += HOUR;
	assert_true(sign_in(*state, "203.0.113.5", "alice@example.org"));
}

static void a_network_has_a_hundred_guesses_a_minute(void **state)
{
	char from[64], account[64];
	unsigned count = 0;

	for (unsigned i = 0; i < 2000; i++) {
		snprintf(from, sizeof from, "198.51.100.%u", i % 250);
		snprintf(account, sizeof account, "user%u", i);
		count += guess_wrong(*state, from, account);
	}
	assert_int_equal(count, 100);
	assert_true(guess_wrong(*state, "198.51.101.1", "x"));
}

static void the_lock_of_an_account_is_not_felt_where_it_has_signed_in_before(void **state)
{
	char from[64];

	assert_true(sign_in(*state, "192.0.2.7", "alice@example.org"));
	for (unsigned i = 0; i < 100; i++) {
		snprintf(from, sizeof from, "198.51.%u.1", i);
		(void)guess_wrong(*state, from, "alice@example.org");
	}
	assert_false(sign_in(*state, "203.0.113.5", "alice@example.org"));
	assert_true(sign_in(*state, "192.0.2.7", "alice@example.org"));
	assert_false(sign_in(*state, "192.0.2.8", "alice@example.org"));
	now += 61 * DAY; /* it is known for so long */
	for (unsigned i = 0; i < 100; i++) {
		snprintf(from, sizeof from, "198.51.%u.1", i);
		(void)guess_wrong(*state, from, "alice@example.org");
	}
	assert_false(sign_in(*state, "192.0.2.7", "alice@example.org"));
}

static void a_known_address_has_its_own_limit_all_the_same(void **state)
{
	unsigned count = 0;

	assert_true(sign_in(*state, "192.0.2.7", "alice@example.org"));
	for (unsigned i = 0; i < 100; i++)
		count += guess_wrong(*state, "192.0.2.7", "alice@example.org");
	assert_int_equal(count, 10);
}

static void so_many_at_once_are_no_more_than_one_after_the_other(void **state)
{
	static struct guess guesses[20];
	unsigned taken = 0, waiting = 0;

	for (unsigned i = 0; i < 20; i++) {
		enum guessing guessing = begin(*state, &guesses[i], "192.0.2.1", "");
		taken += guessing == GUESS_FREE;
		waiting += guessing == GUESS_WAIT;
	}
	assert_int_equal(taken, 10);
	assert_int_equal(waiting, 10);
	for (unsigned i = 0; i < 5; i++)
		guess_was_right(*state, &guesses[i], now);
	for (unsigned i = 5; i < 10; i++)
		guess_was_wrong(*state, &guesses[i], now);
	for (unsigned i = 10; i < 15; i++)
		assert_int_equal(begin(*state, &guesses[i], "192.0.2.1", ""), GUESS_FREE);
	assert_int_equal(begin(*state, &guesses[15], "192.0.2.1", ""), GUESS_WAIT);
	for (unsigned i = 10; i < 15; i++)
		guess_was_wrong(*state, &guesses[i], now);
	assert_int_equal(begin(*state, &guesses[15], "192.0.2.1", ""), GUESS_TOO_MANY);
}

static void what_nobody_could_tell_is_no_guess(void **state)
{
	struct guess guess;

	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(begin(*state, &guess, "192.0.2.1", "a"), GUESS_FREE);
		guess_forget(*state, &guess);
	}
	assert_int_equal(counters_count(*state), 0);
}

static void the_delay_grows(void **state)
{
	static const mono_ns wanted[] = {0, 0, NS_PER_S / 2, NS_PER_S, 2 * NS_PER_S, 4 * NS_PER_S,
		8 * NS_PER_S, 8 * NS_PER_S};
	struct guess guess;

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		assert_int_equal(begin(*state, &guess, "192.0.2.1", "a"), GUESS_FREE);
		guess_was_wrong(*state, &guess, now);
		assert_int_equal(guess_delay(*state, &guess, now), wanted[i]);
	}
	now += MINUTE;
	assert_int_equal(guess_delay(*state, &guess, now), 0);
}

/* Who invents names and addresses makes us forget, but never more than a class has room for, and
 * not whom he goes on guessing at. */
static void memory_is_bounded(void **state)
{
	char from[64], account[64];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(from, sizeof from, "203.0.%u.1", i);
		assert_true(guess_wrong(*state, from, "alice@example.org"));
	}
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(from, sizeof from, "2001:db8:%x:%x::1", i / 200, i);
		snprintf(account, sizeof account, "user%u@example.org", i);
		(void)guess_wrong(*state, from, account);
		if (i % 500 == 0)
			assert_false(guess_wrong(*state, "198.51.100.1", "alice@example.org"));
		now += NS_PER_MS;
	}
	assert_true(counters_count(*state) <= 4 * OF_A_CLASS);
	assert_true(counters_forgotten(*state) > 0);
}

/* As the role has it (signin.h): what the library of memory says is in use. A name is as long as
 * one in use; addresses are of networks of their own. */
static void a_million_names_and_addresses_take_no_more_than_twenty_thousand(void **state)
{
	enum { ROOM = 20000, FIRST = 2 * ROOM, ALL = 1000000 };
	struct counters *counters = counters_new(7, ROOM);
	size_t before = mallinfo2().uordblks, at_first = 0;
	char from[64], account[64];

	(void)state;
	for (unsigned i = 0; i < ALL; i++) {
		snprintf(from, sizeof from, "2001:%x:%x::1", i >> 16, i & 0xffff);
		snprintf(account, sizeof account, "somebody%u@department.example.org", i);
		(void)guess_wrong(counters, from, account);
		now += NS_PER_MS;
		if (i == FIRST)
			at_first = mallinfo2().uordblks - before;
	}
	size_t at_last = mallinfo2().uordblks - before;
	assert_true(counters_count(counters) <= 5 * ROOM);
	assert_true(at_last <= at_first + at_first / 10);
	assert_true(at_last < (size_t)40 << 20);
	counters_free(counters);
}

static void strange_names_make_keys_of_one_word(void **state)
{
	static const char *const names[] = {"a b", "a\nb", "\x01", ""};
	static char longest[3001];
	struct counter_view view;
	size_t at = 0;

	for (size_t i = 0; i < sizeof longest - 1; i++)
		longest[i] = 'x';
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_true(guess_wrong(*state, "192.0.2.1", names[i]));
	assert_true(guess_wrong(*state, "192.0.2.1", longest));
	while (counters_next(*state, &at, now, &view)) {
		unsigned blanks = 0;
		for (size_t i = 0; i < view.key.len; i++)
			blanks += view.key.at[i] == ' ';
		assert_int_equal(blanks, 2);
	}
}

/* ---- who is not heard any more ---- */

/* How long its address is shut after one more try, whatever became of that. */
static mono_ns shut_for(struct counters *counters, const char *from, const char *account)
{
	struct guess guess;

	if (begin(counters, &guess, from, account) == GUESS_FREE)
		guess_was_wrong(counters, &guess, now);
	return guess_shut_for(counters, &guess, now);
}

static void an_address_is_shut_from_its_last_guess_until_the_next_is_free(void **state)
{
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(shut_for(*state, "192.0.2.1", "a@example.org"), 0);
		now += NS_PER_S;
	}
	assert_int_equal(shut_for(*state, "192.0.2.1", "a@example.org"), MINUTE - 9 * NS_PER_S);
	now += MINUTE - 10 * NS_PER_S;
	assert_int_equal(shut_for(*state, "192.0.2.1", "a@example.org"), NS_PER_S);
	assert_int_equal(shut_for(*state, "192.0.2.2", "a@example.org"), 0);
	now += NS_PER_S; /* one is free; with the next wrong one it is shut again */
	assert_int_equal(shut_for(*state, "192.0.2.1", "a@example.org"), NS_PER_S);
}

static void of_a_network_that_guesses_only_who_comes_is_shut(void **state)
{
	char from[32];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(from, sizeof from, "192.0.2.%u", i + 1);
		mono_ns shut = shut_for(*state, from, "");
		assert_int_equal(shut, i == 99 ? MINUTE : 0);
	}
	assert_int_equal(shut_for(*state, "192.0.2.200", ""), MINUTE);
	assert_int_equal(shut_for(*state, "192.0.3.200", ""), 0);
}

static void a_home_is_never_shut(void **state)
{
	assert_true(sign_in(*state, "192.0.2.1", "alice@example.org"));
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(shut_for(*state, "192.0.2.1", "bob@example.org"), 0);
	now += 59 * DAY;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(shut_for(*state, "192.0.2.1", "bob@example.org"), 0);
	now += 2 * DAY;
	mono_ns shut = 0;
	for (unsigned i = 0; i < 20; i++)
		shut = shut_for(*state, "192.0.2.1", "bob@example.org");
	assert_int_equal(shut, MINUTE);
}

static void the_lock_of_an_account_shuts_no_address(void **state)
{
	char from[32];

	for (unsigned i = 0; i < 25; i++) {
		snprintf(from, sizeof from, "198.51.%u.1", i);
		assert_int_equal(shut_for(*state, from, "alice@example.org"), 0);
	}
}

static mono_ns shut_untested(struct counters *counters, const char *from)
{
	struct guess guess;

	if (begin(counters, &guess, from, "a@example.org") != GUESS_FREE)
		fail();
	guess_was_untested(counters, &guess, now);
	return guess_shut_for(counters, &guess, now);
}

static void who_comes_while_there_is_no_room_is_shut_after_ten_a_minute(void **state)
{
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(shut_untested(*state, "192.0.2.1"), 0);
	assert_int_equal(shut_untested(*state, "192.0.2.1"), MINUTE);
	assert_int_equal(shut_untested(*state, "192.0.2.1"), MINUTE);
	assert_true(guess_wrong(*state, "192.0.2.1", "b@example.org")); /* it was no guess */
	assert_true(sign_in(*state, "192.0.2.2", "alice@example.org"));
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(shut_untested(*state, "192.0.2.2"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_address_has_ten_guesses_a_minute),
		TEST(an_address_has_a_hundred_guesses_a_day),
		TEST(an_ipv6_address_is_its_64),
		TEST(an_account_has_twenty_guesses_an_hour_from_everywhere),
		TEST(a_network_has_a_hundred_guesses_a_minute),
		TEST(the_lock_of_an_account_is_not_felt_where_it_has_signed_in_before),
		TEST(a_known_address_has_its_own_limit_all_the_same),
		TEST(so_many_at_once_are_no_more_than_one_after_the_other),
		TEST(what_nobody_could_tell_is_no_guess),
		TEST(the_delay_grows),
		TEST(memory_is_bounded),
		TEST(a_million_names_and_addresses_take_no_more_than_twenty_thousand),
		TEST(strange_names_make_keys_of_one_word),
		TEST(an_address_is_shut_from_its_last_guess_until_the_next_is_free),
		TEST(of_a_network_that_guesses_only_who_comes_is_shut),
		TEST(a_home_is_never_shut),
		TEST(the_lock_of_an_account_shuts_no_address),
		TEST(who_comes_while_there_is_no_room_is_shut_after_ten_a_minute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
