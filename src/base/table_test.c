/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs and tables: what holds very many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/slab.h"
#include "base/table.h"

enum { THINGS = 5000 };

struct thing {
	uint64_t first, second;
	char room[24];
};

static bool is_thing(const void *owner, uint32_t number, struct table_key key)
{
	const struct thing *thing = slab_at(owner, number);

	return thing->first == key.first && thing->second == key.second;
}

static struct table_key key_of(uint32_t i)
{
	return (struct table_key){i / 3, i % 3};
}

static void an_object_is_zeroed_and_stays_where_it_is(void **state)
{
	(void)state;
	struct slab *slab = slab_new(sizeof(struct thing));
	static struct thing *things[THINGS];
	static uint32_t numbers[THINGS];

	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < THINGS; i++) {
			numbers[i] = slab_take(slab);
			things[i] = slab_at(slab, numbers[i]);
			assert_true(things[i]->first == 0 && things[i]->room[23] == 0);
			things[i]->first = i + 1;
			things[i]->room[23] = 'x';
		}
		for (uint32_t i = 0; i < THINGS; i++) {
			assert_ptr_equal(slab_at(slab, numbers[i]), things[i]);
			assert_true(things[i]->first == i + 1);
			slab_give(slab, numbers[i]);
		}
	}
	slab_free(slab);
}

static void all_objects_in_use_are_seen_once_and_may_go_on_the_way(void **state)
{
	(void)state;
	struct slab *slab = slab_new(sizeof(uint64_t));
	uint64_t sum = 0, *object;

	for (uint64_t i = 0; i < THINGS; i++)
		*(uint64_t *)slab_at(slab, slab_take(slab)) = i;
	for (uint32_t i = 0; i < THINGS; i += 2)
		slab_give(slab, i);
	for (uint32_t at = 0; (object = slab_next(slab, &at)); at++) {
		sum += *object;
		slab_give(slab, at);
	}
	assert_int_equal(sum, (uint64_t)THINGS / 2 * (THINGS / 2));
	assert_int_equal(slab->taken, 0);
	slab_free(slab);
}

/* From either end, or from both: of what is empty one piece stays. */
static void memory_of_which_nothing_is_in_use_goes_back(void **state)
{
	(void)state;
	const size_t piece = SLAB_PIECE * sizeof(struct thing);

	for (int order = 0; order < 3; order++) {
		struct slab *slab = slab_new(sizeof(struct thing));
		for (uint32_t i = 0; i < THINGS; i++)
			slab_take(slab);
		size_t full = slab_memory(slab);
		assert_true(full >= THINGS * sizeof(struct thing));
		assert_true(full < THINGS * sizeof(struct thing) + 4096);
		for (uint32_t i = 0; i < THINGS; i++)
			slab_give(slab, order == 0   ? i
					: order == 1 ? THINGS - 1 - i
					: i % 2      ? i / 2
						     : THINGS - 1 - i / 2);
		assert_true(slab_memory(slab) <= piece + 4096);
		slab_free(slab);
	}
}

/* Thousands of steps of a small generator, against an array. */
static void a_table_holds_what_was_put_and_not_taken(void **state)
{
	(void)state;
	struct slab *slab = slab_new(sizeof(struct thing));
	struct table *table = table_new(42, is_thing, slab);
	static uint32_t numbers[THINGS];
	uint64_t random = 1;
	size_t count = 0;

	for (uint32_t i = 0; i < THINGS; i++)
		numbers[i] = TABLE_NONE;
	for (int step = 0; step < 400000; step++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		uint32_t i = (uint32_t)((random >> 33) % THINGS);
		struct table_key key = key_of(i);
		assert_int_equal(table_get(table, key), numbers[i]);
		bool take = (random >> 20) % 8 < (step / 80000 % 2 ? 7u : 1u);
		if (take) {
			assert_int_equal(table_take(table, key), numbers[i]);
			if (numbers[i] == TABLE_NONE)
				continue;
			slab_give(slab, numbers[i]);
			numbers[i] = TABLE_NONE;
			count--;
		} else if (numbers[i] == TABLE_NONE) {
			numbers[i] = slab_take(slab);
			*(struct thing *)slab_at(slab, numbers[i]) =
				(struct thing){key.first, key.second, {0}};
			table_put(table, key, numbers[i]);
			count++;
		}
		assert_int_equal(table_count(table), count);
	}
	for (uint32_t i = 0; i < THINGS; i++)
		assert_int_equal(table_take(table, key_of(i)), numbers[i]);
	assert_int_equal(table_count(table), 0);
	table_free(table);
	slab_free(slab);
}

/* However many: no time comes when half of it is empty. */
static void a_number_takes_twelve_bytes_at_most(void **state)
{
	(void)state;
	struct slab *slab = slab_new(sizeof(struct thing));
	struct table *table = table_new(7, is_thing, slab);

	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t number = slab_take(slab);
		struct table_key key = key_of(i);
		*(struct thing *)slab_at(slab, number) = (struct thing){key.first, key.second, {0}};
		table_put(table, key, number);
		if (i > 20000 && i % 1000 == 0)
			assert_true(table_memory(table) <= (size_t)12 * i);
	}
	for (uint32_t i = 0; i < 200000; i++)
		assert_true(is_thing(slab, table_get(table, key_of(i)), key_of(i)));
	assert_int_equal(table_get(table, key_of(200000)), TABLE_NONE);
	table_free(table);
	slab_free(slab);
}

static bool is_number(const void *owner, uint32_t number, struct table_key key)
{
	(void)owner;
	return number == key.first;
}

static void the_last_that_is_taken_leaves_an_empty_table(void **state)
{
	(void)state;
	struct table *table = table_new(7, is_number, NULL);
	size_t empty = table_memory(table);

	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < THINGS; i++)
			table_put(table, (struct table_key){i, 0}, i);
		for (uint32_t i = 0; i < THINGS; i++)
			assert_int_equal(table_take(table, (struct table_key){i, 0}), i);
		assert_int_equal(table_memory(table), empty);
		assert_int_equal(table_take(table, (struct table_key){1, 0}), TABLE_NONE);
	}
	table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_zeroed_and_stays_where_it_is),
		cmocka_unit_test(all_objects_in_use_are_seen_once_and_may_go_on_the_way),
		cmocka_unit_test(memory_of_which_nothing_is_in_use_goes_back),
		cmocka_unit_test(a_table_holds_what_was_put_and_not_taken),
		cmocka_unit_test(a_number_takes_twelve_bytes_at_most),
		cmocka_unit_test(the_last_that_is_taken_leaves_an_empty_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
