/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that an account carries. Read account_limits.h and policy.h first. */
#include "policy/account_limits.h"

#include "policy/decide.h"

/* ---- their words ---- */

static const struct period_unit {
	struct slice one, many;
	mono_ns worth;
} units[] = {
	{SLICE("week"), SLICE("weeks"), 604800 * NS_PER_S},
	{SLICE("day"), SLICE("days"), 86400 * NS_PER_S},
	{SLICE("hour"), SLICE("hours"), 3600 * NS_PER_S},
	{SLICE("minute"), SLICE("minutes"), 60 * NS_PER_S},
	{SLICE("second"), SLICE("seconds"), NS_PER_S},
};
enum { UNITS = sizeof units / sizeof *units };
static const mono_ns longest = 366 * 86400 * NS_PER_S;

static struct slice word_take(struct slice *left)
{
	*left = slice_trim(*left);
	return slice_cut(left, ' ');
}

/* "day", "2 hours"; 0: no such time. */
static mono_ns period_read(struct slice *left)
{
	struct slice word = word_take(left);
	uint64_t number = 1;

	if (slice_number(word, UINT32_MAX, &number))
		word = word_take(left);
	for (size_t i = 0; i < UNITS; i++)
		if (slice_is(word, units[i].one) || slice_is(word, units[i].many))
			return number <= (uint64_t)(longest / units[i].worth)
				       ? (mono_ns)number * units[i].worth
				       : 0;
	return 0;
}

bool account_limit_parse(struct slice text, struct account_limit *limit)
{
	struct slice left = text;

	*limit = (struct account_limit){0};
	if (!slice_number(word_take(&left), UINT32_MAX, &limit->most) || limit->most == 0)
		return false;
	struct slice what = word_take(&left);
	limit->recipients = slice_is(what, SLICE("recipients"));
	if (!limit->recipients && !slice_is(what, SLICE("messages")))
		return false;
	if (!slice_is(word_take(&left), SLICE("per")))
		return false;
	limit->period = period_read(&left);
	return limit->period > 0 && slice_trim(left).len == 0;
}

void text_account_limit(struct text *out, const struct account_limit *limit)
{
	size_t i = 0;

	while (i + 1 < UNITS && limit->period % units[i].worth != 0)
		i++;
	long long count = (long long)(limit->period / units[i].worth);
	text_format(out, "%llu %s per ", (unsigned long long)limit->most,
		limit->recipients ? "recipients" : "messages");
	if (count != 1)
		text_format(out, "%lld ", count);
	text_put(out, count == 1 ? units[i].one : units[i].many);
}

/* ---- what is decided from them ---- */

/* Those of the fact, in its order; none where the client has not signed in. */
static size_t account_limits_of(struct question *q, const struct account_limit **limits)
{
	const struct fact_answer *answer = NULL;
	size_t count = 0;

	*limits = NULL;
	if (q->facts->account.len)
		answer = facts_answer(q->facts, FACT_LIMITS, SLICE_NONE);
	if (!answer || answer->unknown || !answer->text_count)
		return 0;
	struct account_limit *list =
		ARENA_ARRAY(q->arena, struct account_limit, ACCOUNT_LIMITS_MAX);
	for (size_t i = 0; i < answer->text_count && count < ACCOUNT_LIMITS_MAX; i++)
		count += account_limit_parse(answer->texts[i], &list[count]);
	*limits = list;
	return count;
}

static const struct counter_answer *counter_of(const struct question *q, size_t number)
{
	for (size_t i = 0; i < q->facts->counter_count; i++)
		if (q->facts->counters[i].clause == ACCOUNT_LIMIT_FIRST + number)
			return &q->facts->counters[i];
	return NULL;
}

static enum truth is_full(const struct question *q, size_t number)
{
	const struct counter_answer *counter = counter_of(q, number);

	if (!counter)
		return q->facts->now == 0 ? FALSE_ : UNKNOWN_;
	return counter->unknown ? UNKNOWN_ : counter->full ? TRUE_ : FALSE_;
}

static struct finding finding_of_limit(
	struct question *q, const struct account_limit *limit, size_t number)
{
	struct finding finding = finding_of_reason(q, REASON_ACCOUNT_LIMIT_REACHED, STAGE_RCPT);
	struct slice words = counter_words(q, counter_of(q, number), limit->most, limit->period);

	finding.words = reason_words(REASON_ACCOUNT_LIMIT_REACHED, &words, 1, q->arena);
	finding.has_account_limit = true;
	finding.account_limit = (uint32_t)number;
	return finding;
}

/* A trial that could not ask. */
static bool limits_are_unknown(const struct question *q)
{
	const struct fact_answer *answer = NULL;

	if (q->facts->account.len)
		answer = facts_answer(q->facts, FACT_LIMITS, SLICE_NONE);
	return answer && answer->unknown;
}

struct finding account_limits_finding(struct question *q)
{
	const struct account_limit *limits;
	size_t count = account_limits_of(q, &limits);
	bool unknown = false;

	if (limits_are_unknown(q))
		return finding_of_unknown(q, FACT_LIMITS, STAGE_RCPT);
	for (size_t i = 0; i < count; i++) {
		enum truth full = is_full(q, i);
		if (full == TRUE_)
			return finding_of_limit(q, &limits[i], i);
		unknown |= full == UNKNOWN_;
	}
	return unknown ? finding_of_unknown(q, FACT_COUNTER, STAGE_RCPT) : FINDING_NONE;
}

static struct slice key_of(struct question *q, const struct account_limit *limit)
{
	return arena_format(q->arena, "own-limit %.*s %s %lld", SLICE_ARGS(q->facts->account),
		limit->recipients ? "recipients" : "messages", (long long)limit->period);
}

size_t account_limits_counters(struct question *q, struct counter_wanted *list)
{
	const struct account_limit *limits;
	size_t count = account_limits_of(q, &limits);

	for (size_t i = 0; i < count; i++)
		list[i] = (struct counter_wanted){.clause = ACCOUNT_LIMIT_FIRST + (uint32_t)i,
			.key = key_of(q, &limits[i]),
			.most = limits[i].most,
			.period = limits[i].period,
			.recipients = limits[i].recipients};
	return count;
}
