/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/leases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define MINUTE (60 * NS_PER_S)

static int setup(void **state)
{
	*state = leases_new(1);
	return 0;
}

static int teardown(void **state)
{
	leases_free(*state);
	return 0;
}

static struct address ip(const char *text)
{
	struct address address;

	assert_true(address_parse(slice_of(text), &address));
	return address;
}

static bool lend(struct leases *leases, const char *client, const char *account, mono_ns at)
{
	const struct lease_view lease = {.client = ip(client),
		.account = slice_of(account),
		.since = at,
		.until = at + 30 * MINUTE};

	return leases_put(leases, &lease, at);
}

/* "alice bob": who holds leases there, the newest first. */
static void held_is(struct leases *leases, const char *client, mono_ns now, const char *wanted)
{
	struct lease_view views[LEASES_OF_ADDRESS];
	struct address address = ip(client);
	size_t count = leases_at(leases, &address, now, views, LEASES_OF_ADDRESS);
	struct slice left = slice_of(wanted);

	for (size_t i = 0; i < count; i++)
		assert_true(slice_is(views[i].account, slice_cut(&left, ' ')));
	assert_int_equal(left.len, 0);
	assert_int_equal(count > 0, *wanted != '\0');
}

static void a_lease_is_of_one_address_alone(void **state)
{
	assert_true(lend(*state, "192.0.2.7", "alice", 0));
	assert_true(lend(*state, "2001:db8::7", "alice", 0));
	held_is(*state, "192.0.2.7", MINUTE, "alice");
	held_is(*state, "192.0.2.8", MINUTE, "");
	held_is(*state, "2001:db8::7", MINUTE, "alice");
	held_is(*state, "2001:db8::8", MINUTE, "");
	held_is(*state, "::ffff:192.0.2.7", MINUTE, "alice");
}

static void several_accounts_hold_leases_at_one_address(void **state)
{
	assert_true(lend(*state, "192.0.2.7", "alice", 0));
	assert_true(lend(*state, "192.0.2.7", "bob", MINUTE));
	held_is(*state, "192.0.2.7", 2 * MINUTE, "bob alice");
	assert_true(lend(*state, "192.0.2.7", "alice", 3 * MINUTE));
	held_is(*state, "192.0.2.7", 4 * MINUTE, "alice bob");
	held_is(*state, "192.0.2.7", 32 * MINUTE, "alice");
	assert_int_equal(leases_count(*state), 2);
}

static void a_lease_ends_by_its_time_and_not_before(void **state)
{
	assert_true(lend(*state, "192.0.2.7", "alice", 0));
	held_is(*state, "192.0.2.7", 30 * MINUTE - 1, "alice");
	held_is(*state, "192.0.2.7", 30 * MINUTE, "");
	leases_sweep(*state, 30 * MINUTE - 1);
	assert_int_equal(leases_count(*state), 1);
	leases_sweep(*state, 30 * MINUTE);
	assert_int_equal(leases_count(*state), 0);
}

static void no_lease_lives_longer_than_the_longest(void **state)
{
	const struct lease_view lease = {
		.client = ip("192.0.2.7"), .account = SLICE("alice"), .until = NEVER};

	assert_true(leases_put(*state, &lease, 0));
	held_is(*state, "192.0.2.7", LEASE_LONGEST - 1, "alice");
	held_is(*state, "192.0.2.7", LEASE_LONGEST, "");
	assert_false(leases_put(*state, &lease, LEASE_LONGEST));
}

static void leases_end_by_address_by_account_and_by_both(void **state)
{
	struct address home = ip("192.0.2.7"), work = ip("192.0.2.8");

	assert_true(lend(*state, "192.0.2.7", "alice", 0) && lend(*state, "192.0.2.7", "bob", 0));
	assert_true(lend(*state, "192.0.2.8", "alice", 0) && lend(*state, "192.0.2.8", "carol", 0));
	assert_int_equal(leases_end(*state, &home, SLICE("alice")), 1);
	assert_int_equal(leases_end(*state, &home, SLICE("alice")), 0);
	held_is(*state, "192.0.2.7", 1, "bob");
	assert_int_equal(leases_end_account(*state, SLICE("alice")), 1);
	held_is(*state, "192.0.2.8", 1, "carol");
	assert_int_equal(leases_end_address(*state, &work), 1);
	assert_int_equal(leases_end_address(*state, &work), 0);
	assert_int_equal(leases_end_all(*state), 1);
	assert_int_equal(leases_count(*state), 0);
}

static void who_has_one_password_ends_no_leases_of_others(void **state)
{
	char address[40];

	assert_true(lend(*state, "192.0.2.7", "alice", 0));
	for (int i = 0; i < 1000; i++) {
		snprintf(address, sizeof address, "2001:db8::%x", i + 1);
		assert_true(lend(*state, address, "mallory", i));
	}
	assert_int_equal(leases_count(*state), 1 + LEASES_OF_ACCOUNT);
	assert_int_equal(leases_forgotten(*state), 1000 - LEASES_OF_ACCOUNT);
	held_is(*state, "192.0.2.7", 1, "alice");
	held_is(*state, "2001:db8::1", 1000, "");
	held_is(*state, "2001:db8::3e8", 1000, "mallory");
}

static void an_address_holds_so_many(void **state)
{
	char account[20];

	for (int i = 0; i < 100; i++) {
		snprintf(account, sizeof account, "a%d", i);
		assert_true(lend(*state, "192.0.2.7", account, i));
	}
	assert_int_equal(leases_count(*state), LEASES_OF_ADDRESS);
}

static void memory_is_bounded(void **state)
{
	char account[20], address[40];

	for (int i = 0; i < LEASES_MOST + 10; i++) {
		snprintf(account, sizeof account, "a%d", i);
		snprintf(address, sizeof address, "10.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
		assert_true(lend(*state, address, account, i));
	}
	assert_int_equal(leases_count(*state), LEASES_MOST);
	held_is(*state, "10.0.0.0", LEASES_MOST, "");
}

static void a_name_that_is_none_is_not_taken(void **state)
{
	char name[LEASE_ACCOUNT_MOST + 2];

	for (size_t i = 0; i < sizeof name; i++)
		name[i] = i + 1 < sizeof name ? 'a' : '\0';
	assert_false(lend(*state, "192.0.2.7", "", 0));
	assert_false(lend(*state, "192.0.2.7", name, 0));
	assert_int_equal(leases_count(*state), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(a_lease_is_of_one_address_alone),
		TEST(several_accounts_hold_leases_at_one_address),
		TEST(a_lease_ends_by_its_time_and_not_before),
		TEST(no_lease_lives_longer_than_the_longest),
		TEST(leases_end_by_address_by_account_and_by_both),
		TEST(who_has_one_password_ends_no_leases_of_others),
		TEST(an_address_holds_so_many),
		TEST(memory_is_bounded),
		TEST(a_name_that_is_none_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
