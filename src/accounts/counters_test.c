/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define MINUTE (60 * NS_PER_S)

static struct counting_counter want(const char *key, uint64_t most)
{
	return (struct counting_counter){
		.key = slice_of(key), .period = MINUTE, .most = most, .places = 1};
}

static struct counting_counter want_messages(const char *key, uint64_t most)
{
	struct counting_counter wanted = want(key, most);

	wanted.by_message = true;
	return wanted;
}

static enum reservation reserve(struct counters *counters, struct holder *holder, uint32_t request,
	struct counting_counter wanted, mono_ns now)
{
	struct counting_state state;

	return counters_reserve(counters, holder, request, &wanted, 1, now, &state);
}

/* One accepted recipient. */
static bool accept(struct counters *counters, const char *key, uint64_t most, mono_ns now)
{
	struct holder holder = {0};
	struct counting_counter wanted = want(key, most);
	bool taken = reserve(counters, &holder, 1, wanted, now) == RESERVED;

	if (taken)
		counters_keep(counters, &holder, &wanted, now);
	counters_drop(counters, &holder);
	return taken;
}

static struct counter_view only(struct counters *counters, mono_ns now)
{
	struct counter_view view = {0};
	size_t at = 0;

	assert_int_equal(counters_count(counters), 1);
	assert_true(counters_next(counters, &at, now, &view));
	return view;
}

static void the_window_slides_exactly(void **state)
{
	struct counters *counters = counters_new(1, 10);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(accept(counters, "k", 5, i * NS_PER_S));
	assert_false(accept(counters, "k", 5, 10 * NS_PER_S));
	assert_false(accept(counters, "k", 5, MINUTE - 1));
	assert_true(accept(counters, "k", 5, MINUTE));
	assert_false(accept(counters, "k", 5, MINUTE + NS_PER_S - 1));
	assert_true(accept(counters, "k", 5, MINUTE + NS_PER_S));
	counters_free(counters);
}

static void it_says_how_many_and_when_the_next_is_free(void **state)
{
	struct counters *counters = counters_new(1, 10);
	struct holder holder = {0};
	struct counting_counter wanted = want("k", 2);
	struct counting_state got;

	(void)state;
	assert_true(accept(counters, "k", 2, 0));
	assert_true(accept(counters, "k", 2, 7));
	assert_int_equal(
		counters_reserve(counters, &holder, 1, &wanted, 1, 10, &got), RESERVED_NOTHING);
	assert_true(got.full);
	assert_int_equal(got.used, 2);
	assert_int_equal(got.free_in, MINUTE - 10);
	wanted.most = 1; /* the number has changed: its past has not */
	assert_int_equal(
		counters_reserve(counters, &holder, 1, &wanted, 1, 10, &got), RESERVED_NOTHING);
	assert_int_equal(got.free_in, MINUTE + 7 - 10);
	wanted.most = 0;
	assert_int_equal(
		counters_reserve(counters, &holder, 1, &wanted, 1, 10, &got), RESERVED_NOTHING);
	wanted.most = 3;
	assert_int_equal(counters_reserve(counters, &holder, 1, &wanted, 1, 10, &got), RESERVED);
	assert_int_equal(got.used, 2);
	counters_drop(counters, &holder);
	counters_free(counters);
}

static void two_cannot_both_have_the_last_place(void **state)
{
	struct counters *counters = counters_new(1, 10);
	struct holder one = {.id = 1}, two = {.id = 2};

	(void)state;
	assert_int_equal(reserve(counters, &one, 1, want("k", 1), 0), RESERVED);
	assert_int_equal(reserve(counters, &two, 1, want("k", 1), 0), RESERVED_NOTHING);
	counters_release(counters, &one, 1);
	assert_int_equal(reserve(counters, &two, 1, want("k", 1), 0), RESERVED);
	assert_int_equal(reserve(counters, &one, 2, want("k", 1), 0), RESERVED_NOTHING);
	counters_drop(counters, &two);
	assert_int_equal(counters_count(counters), 0);
	counters_drop(counters, &one);
	counters_free(counters);
}

/* A place taken in a long transaction counts for a whole period after its acceptance. */
static void a_reserved_place_counts_until_it_is_kept_and_from_then_on(void **state)
{
	struct counters *counters = counters_new(1, 10);
	struct holder holder = {0};
	struct counting_counter wanted = want("k", 1);

	(void)state;
	assert_int_equal(reserve(counters, &holder, 1, wanted, 0), RESERVED);
	assert_false(accept(counters, "k", 1, 10 * MINUTE));
	counters_keep(counters, &holder, &wanted, 10 * MINUTE);
	counters_drop(counters, &holder);
	assert_false(accept(counters, "k", 1, 11 * MINUTE - 1));
	assert_true(accept(counters, "k", 1, 11 * MINUTE));
	counters_free(counters);
}

static void all_counters_or_none(void **state)
{
	struct counters *counters = counters_new(1, 10);
	struct holder holder = {0};
	struct counting_counter wanted[2] = {want("a", 5), want("b", 1)};
	struct counting_state states[2];

	(void)state;
	assert_true(accept(counters, "b", 1, 0));
	assert_int_equal(
		counters_reserve(counters, &holder, 1, wanted, 2, 0, states), RESERVED_NOTHING);
	assert_false(states[0].full);
	assert_true(states[1].full);
	assert_int_equal(only(counters, 0).kept, 1); /* "a" was not begun */
	counters_drop(counters, &holder);
	counters_free(counters);
}

static void two_clauses_that_count_the_same_take_one_place(void **state)
{
	struct counters *counters = counters_new(1, 10);
	struct holder holder = {0};
	struct counting_counter wanted[2] = {want("k", 1), want("k", 2)};
	struct counting_state states[2];

	(void)state;
	assert_int_equal(counters_reserve(counters, &holder, 1, wanted, 2, 0, states), RESERVED);
	assert_int_equal(only(counters, 0).reserved, 1);
	counters_release(counters, &holder, 1);
	assert_int_equal(counters_count(counters), 0);
	counters_drop(counters, &holder);
	counters_free(counters);
}

static void a_message_is_counted_once(void **state)
{
	struct counters *counters = counters_new(1, 10);
	struct holder holder = {0}, other = {0};
	struct counting_counter wanted = want_messages("k", 1);

	(void)state;
	for (uint32_t request = 1; request <= 3; request++)
		assert_int_equal(reserve(counters, &holder, request, wanted, 0), RESERVED);
	assert_int_equal(only(counters, 0).reserved, 1);
	assert_int_equal(reserve(counters, &other, 1, wanted, 0), RESERVED_NOTHING);
	/* The recipient that took the place is given up: the others still hold it. */
	counters_release(counters, &holder, 1);
	assert_int_equal(only(counters, 0).reserved, 1);
	counters_release(counters, &holder, 2);
	assert_int_equal(only(counters, 0).reserved, 1);
	counters_keep(counters, &holder, &wanted, 1);
	counters_drop(counters, &holder);
	assert_int_equal(only(counters, 1).kept, 1);
	assert_int_equal(only(counters, 1).reserved, 0);
	counters_drop(counters, &other);
	counters_free(counters);
}

static void what_was_not_reserved_is_kept_all_the_same(void **state)
{
	struct counters *counters = counters_new(1, 10);
	struct holder holder = {0};
	struct counting_counter kept = want("k", 5);

	(void)state;
	kept.places = 3;
	counters_keep(counters, &holder, &kept, 0);
	assert_int_equal(only(counters, 0).kept, 3);
	assert_int_equal(only(counters, 0).reserved, 0);
	counters_drop(counters, &holder);
	counters_free(counters);
}

static void strangers_make_us_forget_only_their_own_kind(void **state)
{
	struct counters *counters = counters_new(1, 10);
	char key[32];

	(void)state;
	assert_true(accept(counters, "account alice", 1, 0));
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "sender s%d", i);
		assert_true(accept(counters, key, 1, 1));
	}
	assert_int_equal(counters_count(counters), 11);
	assert_int_equal(counters_forgotten(counters), 90);
	assert_false(accept(counters, "account alice", 1, 2));
	assert_false(accept(counters, "sender s99", 1, 2));
	assert_true(accept(counters, "sender s0", 1, 2));
	counters_free(counters);
}

static void no_reservation_is_forgotten(void **state)
{
	struct counters *counters = counters_new(1, 2);
	struct holder holder = {0};

	(void)state;
	assert_int_equal(reserve(counters, &holder, 1, want("s a", 1), 0), RESERVED);
	assert_int_equal(reserve(counters, &holder, 2, want("s b", 1), 0), RESERVED);
	assert_int_equal(reserve(counters, &holder, 3, want("s c", 1), 0), RESERVED_NO_ROOM);
	counters_drop(counters, &holder);
	counters_free(counters);
}

static void what_has_expired_is_swept(void **state)
{
	struct counters *counters = counters_new(1, 10);

	(void)state;
	assert_true(accept(counters, "a", 9, 0));
	assert_true(accept(counters, "b", 9, 5));
	counters_sweep(counters, MINUTE);
	assert_int_equal(counters_count(counters), 1);
	counters_sweep(counters, MINUTE + 5);
	assert_int_equal(counters_count(counters), 0);
	counters_free(counters);
}

/* More moments than are kept apart: never a place more than the limit in any window. */
static void coarse_moments_come_free_late_never_early(void **state)
{
	enum { MOST = 3 * MOMENTS_MOST };
	struct counters *counters = counters_new(1, 10);
	mono_ns *accepted = calloc(4 * MOST, sizeof *accepted);
	size_t count = 0;
	mono_ns step = MINUTE / (2 * MOST);

	(void)state;
	assert_non_null(accepted);
	for (mono_ns now = 0; now < 2 * MINUTE; now += step)
		if (accept(counters, "k", MOST, now))
			accepted[count++] = now;
	for (size_t i = MOST; i < count; i++)
		assert_true(accepted[i] - accepted[i - MOST] >= MINUTE);
	assert_true(count > MOST + MOST / 2);
	assert_true(only(counters, 2 * MINUTE).kept <= MOST);
	free(accepted);
	counters_free(counters);
}

/* Against a list of every acceptance, with random calls. */
static void it_agrees_with_a_list_of_all_acceptances(void **state)
{
	enum { MOST = 7, STEPS = 20000 };
	struct counters *counters = counters_new(1, 10);
	static mono_ns kept[STEPS];
	size_t count = 0;
	unsigned seed = 4;
	mono_ns now = 0;

	(void)state;
	for (unsigned i = 0; i < STEPS; i++) {
		size_t inside = 0;
		now += (mono_ns)(rand_r(&seed) % 13) * NS_PER_S;
		for (size_t k = count; k-- > 0 && now - kept[k] < MINUTE;)
			inside++;
		bool taken = accept(counters, "k", MOST, now);
		assert_int_equal(taken, inside < MOST);
		if (taken)
			kept[count++] = now;
	}
	counters_free(counters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_slides_exactly),
		cmocka_unit_test(it_says_how_many_and_when_the_next_is_free),
		cmocka_unit_test(two_cannot_both_have_the_last_place),
		cmocka_unit_test(a_reserved_place_counts_until_it_is_kept_and_from_then_on),
		cmocka_unit_test(all_counters_or_none),
		cmocka_unit_test(two_clauses_that_count_the_same_take_one_place),
		cmocka_unit_test(a_message_is_counted_once),
		cmocka_unit_test(what_was_not_reserved_is_kept_all_the_same),
		cmocka_unit_test(strangers_make_us_forget_only_their_own_kind),
		cmocka_unit_test(no_reservation_is_forgotten),
		cmocka_unit_test(what_has_expired_is_swept),
		cmocka_unit_test(coarse_moments_come_free_late_never_early),
		cmocka_unit_test(it_agrees_with_a_list_of_all_acceptances),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
