/* SPDX-License-Identifier: Apache-2.0 */
#include "packets/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "packets/round_trip.h"

#define BOTH(field) (sent.field == got.field)
#define BOTH_SLICE(field) slice_is(sent.field, got.field)

ROUND_TRIP(event_comes_back, report_event, true, BOTH(sequence) && BOTH_SLICE(line), .sequence = 12,
	.line = SLICE("{\"event\":\"delivered\"}"))
ROUND_TRIP(ask_comes_back, report_ask, true, BOTH(request) && BOTH_SLICE(question), .request = 3,
	.question = SLICE("{\"ask\":\"queue\"}"))
ROUND_TRIP(answer_comes_back, report_answer, true, BOTH(request) && BOTH(last) && BOTH_SLICE(piece),
	.request = 3, .last = true, .piece = SLICE("[1,2"))
ROUND_TRIP(empty_answer_comes_back, report_answer, true,
	BOTH(request) && BOTH(last) && BOTH_SLICE(piece), .request = 4, .last = false)

static void a_count_comes_back_and_is_eight_bytes_long(void **state)
{
	char body[9] = {0};
	struct writer out = writer_over(body, sizeof body);
	uint64_t count = 0;

	(void)state;
	report_count_write(&out, UINT64_C(0x0102030405060708));
	assert_true(report_count_read(writer_slice(&out), &count));
	assert_true(count == UINT64_C(0x0102030405060708));
	assert_false(report_count_read((struct slice){body, 7}, &count));
	assert_false(report_count_read((struct slice){body, 9}, &count));
}

static void a_body_shorter_than_its_number_is_refused(void **state)
{
	struct report_event event;
	struct report_ask ask;
	struct report_answer answer;

	(void)state;
	assert_false(report_event_read(SLICE("1234567"), &event));
	assert_false(report_ask_read(SLICE("123"), &ask));
	assert_false(report_answer_read(SLICE("\1\2\3\4"), &answer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(event_comes_back),
		cmocka_unit_test(ask_comes_back),
		cmocka_unit_test(answer_comes_back),
		cmocka_unit_test(empty_answer_comes_back),
		cmocka_unit_test(a_count_comes_back_and_is_eight_bytes_long),
		cmocka_unit_test(a_body_shorter_than_its_number_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
