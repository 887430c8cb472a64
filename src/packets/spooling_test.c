/* SPDX-License-Identifier: Apache-2.0 */
#include "packets/spooling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "packets/round_trip.h"

#define BOTH(field) (sent.field == got.field)
#define BOTH_SLICE(field) slice_is(sent.field, got.field)

ROUND_TRIP(want_comes_back, spooling_want, false, BOTH(segment_class) && BOTH(request),
	.segment_class = SEGMENT_BIG, .request = 0x01020304)
ROUND_TRIP(give_comes_back, spooling_give, false,
	BOTH(segment_class) && BOTH(request) && BOTH(number) && BOTH(epoch) && BOTH(size),
	.segment_class = SEGMENT_SMALL, .request = 5, .number = 6, .epoch = UINT64_MAX - 1,
	.size = UINT64_C(1) << 40)
ROUND_TRIP(none_comes_back, spooling_none, false,
	BOTH(segment_class) && BOTH(request) && BOTH(full) && BOTH_SLICE(words),
	.segment_class = SEGMENT_BIG, .request = 5, .full = true, .words = SLICE("disk full"))
ROUND_TRIP(committed_comes_back, spooling_committed, false,
	BOTH(number) && BOTH(epoch) && BOTH(durable), .number = 1, .epoch = 2,
	.durable = UINT64_C(0x0102030405060708))

static void a_segment_class_that_does_not_exist_is_refused(void **state)
{
	char body[5] = {SEGMENT_BIG + 1, 0, 0, 0, 0};
	struct spooling_want want;

	(void)state;
	assert_false(spooling_want_read((struct slice){body, sizeof body}, &want));
	body[0] = SEGMENT_BIG;
	assert_true(spooling_want_read((struct slice){body, sizeof body}, &want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(want_comes_back),
		cmocka_unit_test(give_comes_back),
		cmocka_unit_test(none_comes_back),
		cmocka_unit_test(committed_comes_back),
		cmocka_unit_test(a_segment_class_that_does_not_exist_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
