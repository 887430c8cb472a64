/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: two clocks, never mixed.
 *
 * `mono` is nanoseconds of the monotonic clock: deadlines, leases, retries while running.
 * `wall` is nanoseconds since 1970 (UTC): what is written down. Code asks the loop it runs in
 * (run/loop.h) for the time, so that tests run on a clock of their own; only the loop asks the
 * host.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/slice.h"

struct text;

typedef int64_t mono_ns;
typedef int64_t wall_ns;

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define NEVER INT64_MAX

struct civil {
	int year, month, day, hour, minute, second; /* month and day from 1 */
	int weekday;                                /* 0 Sunday */
};

/* The calendar in UTC, for years 1 to 9999, without libc (proleptic Gregorian). */
struct civil civil_of(wall_ns wall);
wall_ns civil_to_wall(struct civil civil);
/* "2026-11-21T09:30:00.123Z" (RFC 3339, milliseconds). */
void text_time(struct text *text, wall_ns wall);
/* Reads what text_time() writes, with or without a fraction; false if it is not that. */
bool time_parse(struct slice s, wall_ns *wall);

#endif
