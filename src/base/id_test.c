/* SPDX-License-Identifier: Apache-2.0 */
/* Ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/id.h"

#define NOW (INT64_C(1795253400) * NS_PER_S)

static void ids_only_rise_even_when_the_clock_falls(void **state)
{
	(void)state;
	struct id_source source = {.slot = 5};
	uint64_t last = 0;

	for (int i = 0; i < 1200000; i++) { /* twice the counter */
		uint64_t id = id_next(&source, NOW - (i % 1000) * NS_PER_MS);
		if (id <= last)
			fail_msg("%d", i);
		last = id;
	}
	assert_true(last >> 60 == 0);
}

static void ids_of_two_slots_differ_and_carry_their_time(void **state)
{
	(void)state;
	struct id_source one = {.slot = 0}, two = {.slot = ID_SLOTS - 1};
	uint64_t a = id_next(&one, NOW), b = id_next(&two, NOW);

	assert_true(a != b);
	assert_true(id_time(a) <= NOW && NOW - id_time(a) < NS_PER_S / 32);
	assert_int_equal(id_time(a), id_time(b));
}

static void what_is_written_is_read_again(void **state)
{
	(void)state;
	static const uint64_t ids[] = {
		0, 1, 31, UINT64_C(0x123456789abcdef), (UINT64_C(1) << 60) - 1};

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		char raw[ID_TEXT_LEN];
		struct text text = TEXT_FIXED(raw);
		uint64_t back;
		text_id(&text, ids[i]);
		assert_int_equal(text.len, ID_TEXT_LEN);
		assert_false(text.cut);
		assert_true(id_parse(text_slice(&text), &back));
		assert_int_equal(back, ids[i]);
	}
}

static void ids_are_read_as_people_write_them(void **state)
{
	(void)state;
	static const struct {
		struct slice given;
		bool fits;
	} cases[] = {
		{SLICE("7K3Q-9MZD-2C4T"), true},
		{SLICE("7k3q9mzd2c4t"), true},
		{SLICE("7K3Q-9MZD-2C4"), false},
		{SLICE("7K3Q-9MZD-2C4TX"), false},
		{SLICE("7K3Q-9MZD-2C4U"), false},
		{SLICE("7K3Q-9MZD-2C4 "), false},
		{SLICE("7K3Q-9MZD-2C4\0"), false},
		{SLICE("------------"), false},
		{SLICE(""), false},
	};
	uint64_t id, alike;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(id_parse(cases[i].given, &id), cases[i].fits);
	assert_true(id_parse(SLICE("0000-0000-01LI"), &id));
	assert_true(id_parse(SLICE("OOOO-oooo-0111"), &alike));
	assert_int_equal(id, alike);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_only_rise_even_when_the_clock_falls),
		cmocka_unit_test(ids_of_two_slots_differ_and_carry_their_time),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(ids_are_read_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
