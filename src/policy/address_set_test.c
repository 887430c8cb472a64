/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of addresses against sets of bits: all their laws over a space of 64 addresses, at the
 * beginning, in the middle and at the end of the 128 bits. */
#include "policy/address_set.h"
#include "policy/testing.h"

enum { SPACE = 64, ROUNDS = 20000, RANGES = 6 };

static uint64_t next_number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static const address_number bases[] = {
	0, (address_number)0xffff00000000 - 32, ADDRESS_LAST - (SPACE - 1)};

static uint64_t bits_of(struct address_set set, address_number base)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < SPACE; i++)
		bits |= (uint64_t)set_has(set, base + i) << i;
	return bits;
}

static struct address_set set_random(struct arena *arena, address_number base, uint64_t *state)
{
	struct range *ranges = ARENA_ARRAY(arena, struct range, RANGES);
	size_t count = next_number(state) % RANGES;

	for (size_t i = 0; i < count; i++) {
		unsigned first = next_number(state) % SPACE;
		unsigned last = first + (unsigned)(next_number(state) % (SPACE - first));
		ranges[i] = (struct range){base + first, base + last};
	}
	return set_of_ranges(ranges, count);
}

static void assert_in_order(struct address_set set)
{
	for (size_t i = 0; i < set.count; i++) {
		assert_true(set.at[i].first <= set.at[i].last);
		if (i > 0)
			assert_true(set.at[i - 1].last < set.at[i].first);
	}
}

static void sets_obey_the_laws_of_sets(void **state)
{
	struct arena *arena = arena_new();
	uint64_t seed = 88172645463325252u;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		address_number base = bases[round % 3];
		struct address_set a = set_random(arena, base, &seed);
		struct address_set b = set_random(arena, base, &seed);
		uint64_t left = bits_of(a, base), right = bits_of(b, base);
		struct address_set made[] = {set_join(arena, a, b), set_meet(arena, a, b),
			set_without(arena, a, b), set_not(arena, a)};
		uint64_t expected[] = {left | right, left & right, left & ~right, ~left};
		for (size_t i = 0; i < 4; i++) {
			assert_in_order(made[i]);
			assert_true(bits_of(made[i], base) == expected[i]);
		}
		arena_reset(arena);
	}
	arena_free(arena);
}

static void assert_range(const char *first, const char *last, const char *expected)
{
	struct address from, to;
	char buffer[100];
	struct text text = TEXT_FIXED(buffer);

	assert_true(address_parse(slice_of(first), &from) && address_parse(slice_of(last), &to));
	text_range(&text, (struct range){number_of_address(&from), number_of_address(&to)});
	text_char(&text, '\0');
	assert_string_equal(buffer, expected);
}

static void a_range_is_written_as_a_network_where_it_is_one(void **state)
{
	(void)state;
	assert_range("192.0.2.0", "192.0.2.255", "192.0.2.0/24");
	assert_range("192.0.2.7", "192.0.2.7", "192.0.2.7");
	assert_range("192.0.2.2", "192.0.2.255", "192.0.2.2-192.0.2.255");
	assert_range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0");
	assert_range("2001:db8::", "2001:db8::ff", "2001:db8::/120");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_obey_the_laws_of_sets),
		cmocka_unit_test(a_range_is_written_as_a_network_where_it_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
