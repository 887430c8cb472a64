/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar. The contract is in clock.h. Days are counted in years that begin in March, so that
 * the leap day comes last and months have a simple rule. */
#include "base/clock.h"

#include "base/text.h"

enum { DAY_S = 86400, ERA_DAYS = 146097, ERA_YEARS = 400, EPOCH_SHIFT = 719468 };

static int64_t floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

struct civil civil_of(wall_ns wall)
{
	int64_t seconds = floor_divide(wall, NS_PER_S);
	int64_t days = floor_divide(seconds, DAY_S);
	int64_t rest = seconds - days * DAY_S;
	int64_t shifted = days + EPOCH_SHIFT;
	int64_t era = floor_divide(shifted, ERA_DAYS);
	int64_t day_of_era = shifted - era * ERA_DAYS;
	int64_t year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	int64_t march_month = (5 * day_of_year + 2) / 153;
	int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;

	return (struct civil){
		.year = (int)(year + era * ERA_YEARS + (month <= 2)),
		.month = (int)month,
		.day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1),
		.hour = (int)(rest / 3600),
		.minute = (int)(rest / 60 % 60),
		.second = (int)(rest % 60),
		.weekday = (int)(((days + 4) % 7 + 7) % 7),
	};
}

wall_ns civil_to_wall(struct civil civil)
{
	int64_t year = civil.year - (civil.month <= 2);
	int64_t era = floor_divide(year, ERA_YEARS);
	int64_t year_of_era = year - era * ERA_YEARS;
	int64_t march_month = civil.month > 2 ? civil.month - 3 : civil.month + 9;
	int64_t day_of_year = (153 * march_month + 2) / 5 + civil.day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	int64_t days = era * ERA_DAYS + day_of_era - EPOCH_SHIFT;

	return (days * DAY_S + civil.hour * 3600 + civil.minute * 60 + civil.second) * NS_PER_S;
}

static void put_part(struct text *text, int number, unsigned digits, char behind)
{
	text_padded(text, (uint64_t)number, digits);
	text_char(text, behind);
}

void text_time(struct text *text, wall_ns wall)
{
	struct civil c = civil_of(wall);
	int64_t ns = wall - floor_divide(wall, NS_PER_S) * NS_PER_S;

	put_part(text, c.year, 4, '-');
	put_part(text, c.month, 2, '-');
	put_part(text, c.day, 2, 'T');
	put_part(text, c.hour, 2, ':');
	put_part(text, c.minute, 2, ':');
	put_part(text, c.second, 2, '.');
	put_part(text, (int)(ns / NS_PER_MS), 3, 'Z');
}

/* Takes `digits` digits and, where `behind` is not 0, that character from the front of *s. */
static bool take_part(struct slice *s, size_t digits, char behind, uint64_t most, int *number)
{
	uint64_t value;

	if (!slice_number(slice_part(*s, 0, digits), most, &value) || s->len < digits)
		return false;
	*number = (int)value;
	*s = slice_from(*s, digits);
	if (behind == 0)
		return true;
	if (s->len == 0 || s->at[0] != behind)
		return false;
	*s = slice_from(*s, 1);
	return true;
}

/* ".123" to ".123456789", or nothing; then "Z". */
static bool take_fraction(struct slice s, int64_t *ns)
{
	uint64_t value = 0;

	*ns = 0;
	if (slice_is(s, SLICE("Z")))
		return true;
	if (s.len < 3 || s.len > 11 || s.at[0] != '.' || s.at[s.len - 1] != 'Z')
		return false;
	struct slice digits = slice_part(s, 1, s.len - 1);
	if (!slice_number(digits, 999999999, &value))
		return false;
	for (size_t i = digits.len; i < 9; i++)
		value *= 10;
	*ns = (int64_t)value;
	return true;
}

static bool day_exists(struct civil c)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (c.month < 1 || c.day < 1)
		return false;
	bool leap = c.year % 4 == 0 && (c.year % 100 != 0 || c.year % 400 == 0);
	return c.day <= days[c.month - 1] + (leap && c.month == 2);
}

bool time_parse(struct slice s, wall_ns *wall)
{
	struct civil c = {0};
	int64_t ns;

	if (!take_part(&s, 4, '-', 9999, &c.year) || !take_part(&s, 2, '-', 12, &c.month) ||
		!take_part(&s, 2, 'T', 31, &c.day) || !take_part(&s, 2, ':', 23, &c.hour) ||
		!take_part(&s, 2, ':', 59, &c.minute) || !take_part(&s, 2, 0, 60, &c.second) ||
		!take_fraction(s, &ns))
		return false;
	/* 64 bits of nanoseconds hold no other years. */
	if (!day_exists(c) || c.year < 1678 || c.year > 2261)
		return false;
	*wall = civil_to_wall(c) + ns;
	return true;
}
