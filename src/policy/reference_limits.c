/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: limits that an account has of its own, by the words of doc/accounts.md. */
#include <stdio.h>
#include <string.h>

#include "policy/reference_inside.h"

static mono_ns unit_of(const char *unit)
{
	static const struct {
		const char *unit;
		long long seconds;
	} units[] = {
		{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400}, {"week", 604800}};

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strncmp(unit, units[i].unit, strlen(units[i].unit)) == 0)
			return units[i].seconds * NS_PER_S;
	return 0;
}

/* "60 messages per 10 minutes", "500 recipients per day" */
static bool limit_reads(struct reference *r, struct slice text, struct account_limit *limit)
{
	const char *line = arena_string(r->arena, text);
	char what[16] = "", unit[16] = "";
	unsigned most = 0, count = 1;
	bool several = sscanf(line, " %u %15s per %u %15s", &most, what, &count, unit) == 4;

	if (!several)
		count = sscanf(line, " %u %15s per %15s", &most, what, unit) == 3;
	*limit = (struct account_limit){
		.most = most, .period = count * unit_of(unit), .recipients = what[0] == 'r'};
	return limit->period != 0;
}

static const struct fact_answer *limits_told(const struct reference *r)
{
	for (size_t i = 0; r->facts->account.len > 0 && i < r->facts->answer_count; i++)
		if (r->facts->answers[i].fact == FACT_LIMITS)
			return &r->facts->answers[i];
	return NULL;
}

size_t reference_own_limits(struct reference *r, struct account_limit limits[ACCOUNT_LIMITS_MAX])
{
	const struct fact_answer *told = limits_told(r);
	size_t count = 0;

	for (size_t i = 0; told && !told->unknown && i < told->text_count; i++)
		if (count < ACCOUNT_LIMITS_MAX)
			count += limit_reads(r, told->texts[i], &limits[count]);
	return count;
}

int reference_is_over_own_limit(struct reference *r, uint32_t *first)
{
	struct account_limit limits[ACCOUNT_LIMITS_MAX];
	size_t count = reference_own_limits(r, limits);
	const struct fact_answer *told = limits_told(r);
	int value = told && told->unknown ? MAYBE : NO;

	*first = ACCOUNT_LIMITS_MAX;
	for (uint32_t i = 0; i < count; i++) {
		int full = reference_counter_is_full(r, ACCOUNT_LIMIT_FIRST + i);
		if (full == YES && value != YES)
			*first = i;
		value = most(value, full);
	}
	return value;
}
