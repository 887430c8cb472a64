/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and their times, on a clock of the test's own. */
#include "account/addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static struct address address_of(const char *text)
{
	struct address address;

	assert_true(address_parse(slice_of(text), &address));
	return address;
}

static void put(struct addresses *addresses, const char *text, mono_ns until, mono_ns now)
{
	struct address address = address_of(text);

	addresses_put(addresses, &address, until, now);
}

static mono_ns until(const struct addresses *addresses, const char *text, mono_ns now)
{
	struct address address = address_of(text);

	return addresses_until(addresses, &address, now);
}

static int setup(void **state)
{
	*state = addresses_new(7);
	return 0;
}

static int teardown(void **state)
{
	addresses_free(*state);
	return 0;
}

static void an_address_is_there_until_its_time(void **state)
{
	put(*state, "192.0.2.1", 100, 10);
	assert_int_equal(until(*state, "192.0.2.1", 99), 100);
	assert_int_equal(until(*state, "192.0.2.1", 100), 0);
	assert_int_equal(until(*state, "192.0.2.2", 99), 0);
	assert_int_equal(addresses_count(*state, 99), 1);
	assert_int_equal(addresses_count(*state, 100), 0);
}

static void a_later_word_takes_the_place_of_an_earlier_one(void **state)
{
	put(*state, "192.0.2.1", 100, 10);
	put(*state, "192.0.2.1", 50, 20);
	assert_int_equal(until(*state, "192.0.2.1", 20), 50);
	put(*state, "192.0.2.1", 0, 30);
	assert_int_equal(until(*state, "192.0.2.1", 30), 0);
	assert_int_equal(addresses_count(*state, 0), 0);
}

static void of_ipv6_a_64_is_one_address(void **state)
{
	put(*state, "2001:db8:1:2::1", 100, 10);
	assert_int_equal(until(*state, "2001:db8:1:2:ffff::9", 10), 100);
	assert_int_equal(until(*state, "2001:db8:1:3::1", 10), 0);
}

static void ipv4_addresses_are_not_one_64(void **state)
{
	put(*state, "::1", 100, 10);
	assert_int_equal(until(*state, "192.0.2.1", 10), 0);
	put(*state, "192.0.2.1", 70, 10);
	assert_int_equal(until(*state, "::1", 10), 100);
	assert_int_equal(until(*state, "192.0.2.2", 10), 0);
}

static void put_many(struct addresses *addresses, unsigned first, unsigned count, mono_ns now)
{
	char text[32];

	for (unsigned i = first; i < first + count; i++) {
		snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
		put(addresses, text, now + 1000, now);
	}
}

static void above_its_room_the_one_put_longest_ago_is_forgotten(void **state)
{
	put_many(*state, 0, ADDRESSES_MOST, 10);
	assert_int_equal(until(*state, "10.0.0.0", 11), 1010);
	put(*state, "10.0.0.0", 2000, 11);
	put_many(*state, ADDRESSES_MOST, 1, 12);
	assert_int_equal(addresses_count(*state, 12), ADDRESSES_MOST);
	assert_int_equal(until(*state, "10.0.0.0", 12), 2000);
	assert_int_equal(until(*state, "10.0.0.1", 12), 0);
	assert_int_equal(until(*state, "10.0.0.2", 12), 1010);
}

static void all_of_them_can_be_told(void **state)
{
	struct address address, expected = address_of("192.0.2.1");
	mono_ns time;
	size_t at = 0;

	put(*state, "192.0.2.1", 100, 10);
	assert_true(addresses_next(*state, &at, &address, &time));
	assert_true(address_is(&address, &expected));
	assert_int_equal(time, 100);
	assert_false(addresses_next(*state, &at, &address, &time));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_address_is_there_until_its_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_later_word_takes_the_place_of_an_earlier_one, setup, teardown),
		cmocka_unit_test_setup_teardown(of_ipv6_a_64_is_one_address, setup, teardown),
		cmocka_unit_test_setup_teardown(ipv4_addresses_are_not_one_64, setup, teardown),
		cmocka_unit_test_setup_teardown(
			above_its_room_the_one_put_longest_ago_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(all_of_them_can_be_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
