/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"

static void every_day_of_four_centuries_comes_back(void **state)
{
	(void)state;
	const int64_t day = 86400 * NS_PER_S;
	int last_weekday = civil_of(-INT64_C(100000) * day).weekday;

	for (int64_t d = -99999; d < 100000; d++) {
		struct civil civil = civil_of(d * day + 1);
		assert_int_equal(civil_to_wall(civil), d * day);
		assert_int_equal(civil.weekday, (last_weekday + 1) % 7);
		last_weekday = civil.weekday;
	}
}

static void times_are_written_and_read(void **state)
{
	(void)state;
	static const struct {
		const char *given, *text; /* NULL: no time */
	} cases[] = {
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"},
		{"2026-11-21T09:30:00.123Z", "2026-11-21T09:30:00.123Z"},
		{"2026-11-21T09:30:00.123456789Z", "2026-11-21T09:30:00.123Z"},
		{"2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z"},
		{"2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"},
		{"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"}, /* a leap second */
		{"2026-02-29T00:00:00Z", NULL},
		{"1900-02-29T00:00:00Z", NULL},
		{"2026-04-31T00:00:00Z", NULL},
		{"2026-00-01T00:00:00Z", NULL},
		{"2026-01-00T00:00:00Z", NULL},
		{"2026-13-01T00:00:00Z", NULL},
		{"2026-01-32T00:00:00Z", NULL},
		{"2026-01-01T24:00:00Z", NULL},
		{"2026-01-01T00:60:00Z", NULL},
		{"2026-01-01T00:00:61Z", NULL},
		{"2026-01-01T00:00:00", NULL},
		{"2026-01-01T00:00:00.Z", NULL},
		{"2026-01-01T00:00:00.1234567890Z", NULL},
		{"2026-01-01 00:00:00Z", NULL},
		{"2026-1-01T00:00:00Z", NULL},
		{"0000-01-01T00:00:00Z", NULL},
		{"9999-01-01T00:00:00Z", NULL}, /* more nanoseconds than 63 bits hold */
		{"", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char raw[64];
		struct text text = TEXT_FIXED(raw);
		wall_ns wall;
		bool fits = time_parse(slice_of(cases[i].given), &wall);
		if (fits != (cases[i].text != NULL))
			fail_msg("%s", cases[i].given);
		if (!fits)
			continue;
		text_time(&text, wall);
		assert_true(slice_is(text_slice(&text), slice_of(cases[i].text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_day_of_four_centuries_comes_back),
		cmocka_unit_test(times_are_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
