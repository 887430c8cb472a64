/* SPDX-License-Identifier: Apache-2.0 */
#include "packets/counting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "packets/round_trip.h"

#define BOTH(field) (sent.field == got.field)
#define BOTH_SLICE(field) slice_is(sent.field, got.field)
/* "a b": a period of 1 ns, at most 2, 3 places */
#define A_COUNTER SLICE("\3\0a b\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\1")
#define A_STATE SLICE("\1\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0")

ROUND_TRIP(reserve_comes_back, counting_reserve, false,
	BOTH(request) && BOTH(holder) && BOTH(count) && BOTH_SLICE(counters), .request = 7,
	.holder = UINT64_MAX, .count = 1, .counters = A_COUNTER)
ROUND_TRIP(answer_comes_back, counting_answer, false,
	BOTH(request) && BOTH(unknown) && BOTH(count) && BOTH_SLICE(states), .request = 7,
	.unknown = true, .count = 1, .states = A_STATE)
ROUND_TRIP(release_comes_back, counting_release, false, BOTH(holder) && BOTH(request), .holder = 5,
	.request = 6)
ROUND_TRIP(keep_comes_back, counting_keep, false,
	BOTH(holder) && BOTH(last) && BOTH(count) && BOTH_SLICE(counters), .holder = 9,
	.last = true, .count = 1, .counters = A_COUNTER)
ROUND_TRIP(drop_comes_back, counting_drop, false, BOTH(holder), .holder = 1)

static void a_counter_is_written_as_it_is_read(void **state)
{
	struct reader in = reader_of(A_COUNTER);
	struct counting_counter counter;
	char buffer[64];
	struct writer out = writer_over(buffer, sizeof buffer);

	(void)state;
	assert_true(counting_counter_read(&in, &counter));
	assert_true(slice_is(counter.key, SLICE("a b")));
	assert_int_equal(counter.period, 1);
	assert_int_equal(counter.most, 2);
	assert_int_equal(counter.places, 3);
	assert_true(counter.by_message);
	counting_counter_write(&out, &counter);
	assert_true(slice_is(writer_slice(&out), A_COUNTER));
}

static void a_state_is_written_as_it_is_read(void **state)
{
	struct reader in = reader_of(A_STATE);
	struct counting_state got;
	char buffer[64];
	struct writer out = writer_over(buffer, sizeof buffer);

	(void)state;
	assert_true(counting_state_read(&in, &got));
	assert_true(got.full && got.used == 2 && got.free_in == 3);
	counting_state_write(&out, &got);
	assert_true(slice_is(writer_slice(&out), A_STATE));
}

static bool reserve_is_read(uint8_t count, struct slice counters)
{
	const struct counting_reserve sent = {.count = count, .counters = counters};
	struct counting_reserve got;
	char body[256];
	struct writer out = writer_over(body, sizeof body);

	counting_reserve_write(&out, &sent);
	return counting_reserve_read(writer_slice(&out), &got);
}

static void a_packet_holds_exactly_the_counters_it_promises(void **state)
{
	(void)state;
	assert_true(reserve_is_read(1, A_COUNTER));
	assert_true(reserve_is_read(0, SLICE_NONE));
	assert_false(reserve_is_read(0, A_COUNTER));
	assert_false(reserve_is_read(2, A_COUNTER));
	assert_false(reserve_is_read(COUNTERS_MAX + 1, A_COUNTER));
}

static void no_counter_has_a_period_or_places_of_nothing(void **state)
{
	(void)state;
	assert_false(
		reserve_is_read(1, SLICE("\3\0a b\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\1")));
	assert_false(
		reserve_is_read(1, SLICE("\3\0a b\1\0\0\0\0\0\0\x80\2\0\0\0\0\0\0\0\3\0\0\0\1")));
	assert_false(
		reserve_is_read(1, SLICE("\3\0a b\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\1")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserve_comes_back),
		cmocka_unit_test(answer_comes_back),
		cmocka_unit_test(release_comes_back),
		cmocka_unit_test(keep_comes_back),
		cmocka_unit_test(drop_comes_back),
		cmocka_unit_test(a_counter_is_written_as_it_is_read),
		cmocka_unit_test(a_state_is_written_as_it_is_read),
		cmocka_unit_test(a_packet_holds_exactly_the_counters_it_promises),
		cmocka_unit_test(no_counter_has_a_period_or_places_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
