/* SPDX-License-Identifier: Apache-2.0 */
/* Deciding the past again. Read replay.h first. */
#include "diagnose/replay.h"

#include "base/json.h"
#include "diagnose/told.h"
#include "journal/recorded.h"

void replay_begin(struct replay *replay, const struct policy *policy)
{
	*replay = (struct replay){.policy = policy, .kept = arena_new(), .scratch = arena_new()};
}

void replay_end(struct replay *replay)
{
	arena_free(replay->kept);
	arena_free(replay->scratch);
}

struct slice verdict_word(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ACCEPT: return SLICE("accept");
	case VERDICT_REFUSE: return SLICE("refuse");
	case VERDICT_DEFER: return SLICE("defer");
	}
	return SLICE_NONE;
}

/* ---- one line ---- */

static bool speaks(const struct decision *decision, uint32_t *clause)
{
	*clause = decision->has_clause ? decision->clause : decision->grant;
	return decision->has_clause || decision->has_grant;
}

static bool group_is_same(const struct replay_group *a, const struct replay_group *b)
{
	return a->was == b->was && a->is == b->is && a->has_clause == b->has_clause &&
	       a->reason == b->reason && (!a->has_clause || a->clause == b->clause);
}

static void group_add(struct replay *replay, const struct replay_group *group)
{
	for (size_t i = 0; i < replay->group_count; i++)
		if (group_is_same(&replay->groups[i], group)) {
			replay->groups[i].count += group->count;
			return;
		}
	if (replay->group_count < REPLAY_GROUPS_MAX)
		replay->groups[replay->group_count++] = *group;
}

static void count_change(struct replay *replay, const json_t *line, const struct recorded *recorded,
	const struct decision *now)
{
	struct replay_group group = {.was = recorded->verdict,
		.is = now->verdict,
		.reason = now->reason,
		.count = replay->weight};
	struct text example = {.at = group.example, .size = sizeof group.example - 1};

	group.has_clause = speaks(now, &group.clause);
	text_put(&example, told_text(line, "id"));
	group_add(replay, &group);
}

static void count_missing(
	struct replay *replay, enum fact fact, struct slice argument, uint64_t count)
{
	struct replay_missing *missing = replay->missing;

	for (size_t i = 0; i < replay->missing_count; i++, missing++)
		if (missing->fact == fact && slice_is(missing->argument, argument)) {
			missing->count += count;
			return;
		}
	if (replay->missing_count == REPLAY_MISSING_MAX)
		return;
	*missing = (struct replay_missing){fact, arena_slice(replay->kept, argument), count};
	replay->missing_count++;
}

static void count_all_missing(struct replay *replay, const struct facts *facts, enum stage stage)
{
	const struct wanted *wanted;
	size_t count = policy_wanted(replay->policy, facts, stage, replay->scratch, &wanted);

	for (size_t i = 0; i < count; i++)
		count_missing(replay, wanted[i].fact, wanted[i].argument, replay->weight);
	if (stage == STAGE_END && !facts->has_from)
		count_missing(replay, FACT_FROM, SLICE_NONE, replay->weight);
	if (stage == STAGE_END && !facts->has_header)
		count_missing(replay, FACT_HEADER, SLICE_NONE, replay->weight);
	if (!count && stage != STAGE_END)
		count_missing(replay, FACT_COUNTER, SLICE_NONE, replay->weight);
}

static bool is_single(unsigned verdicts)
{
	return (verdicts & (verdicts - 1)) == 0;
}

/* As the new policy has it: what the address stands for may be another now. */
static void decide_again(struct replay *replay, struct recorded *recorded, struct decision *now)
{
	struct facts *facts = &recorded->facts;
	const struct mailbox written = facts->has_alias ? facts->alias : facts->recipient;
	const struct expansion *targets;
	size_t count = facts->has_recipient && !facts->is_returned
			       ? policy_expand(replay->policy, &written, replay->scratch, &targets)
			       : 0;
	struct decision two[2]; /* the strictest so far, and the next */

	if (!count)
		policy_decide(replay->policy, facts, recorded->stage, replay->scratch, &two[0]);
	struct facts spoken = *facts;
	for (size_t i = 0; i < count; i++) {
		facts->recipient = targets[i].target;
		facts->has_alias = targets[i].is_alias;
		facts->alias = written;
		policy_decide(replay->policy, facts, recorded->stage, replay->scratch, &two[i > 0]);
		if (i > 0 && policy_strictest(replay->policy, two, 2) == two)
			continue;
		two[0] = two[i > 0];
		spoken = *facts;
	}
	*facts = spoken;
	*now = two[0];
}

enum replayed replay_line(struct replay *replay, const json_t *line, struct decision *now)
{
	struct recorded recorded;
	int64_t repeats = told_number(line, "repeats");

	arena_reset(replay->scratch);
	if (!recorded_read(line, replay->scratch, &recorded))
		return REPLAY_NO_DECISION;
	replay->weight = repeats > 1 ? (uint64_t)repeats : 1;
	decide_again(replay, &recorded, now);
	if (!is_single(now->possible)) {
		replay->cannot_tell += replay->weight;
		count_all_missing(replay, &recorded.facts, recorded.stage);
		return REPLAY_CANNOT_TELL;
	}
	if (now->verdict == recorded.verdict) {
		replay->unchanged += replay->weight;
		return REPLAY_UNCHANGED;
	}
	replay->changed += replay->weight;
	count_change(replay, line, &recorded, now);
	return REPLAY_CHANGED;
}

void replay_add(struct replay *replay, const struct replay *other)
{
	replay->unchanged += other->unchanged;
	replay->changed += other->changed;
	replay->cannot_tell += other->cannot_tell;
	for (size_t i = 0; i < other->group_count; i++)
		group_add(replay, &other->groups[i]);
	for (size_t i = 0; i < other->missing_count; i++)
		count_missing(replay, other->missing[i].fact, other->missing[i].argument,
			other->missing[i].count);
}

/* ---- what is said ---- */

static void put_cause(struct text *out, const struct policy *policy, bool has_clause,
	uint32_t clause, enum reason reason)
{
	if (!has_clause) {
		text_put(out, reason == REASON_NONE ? SLICE("nothing refuses it")
						    : reason_row(reason)->name);
		return;
	}
	struct clause_place place = policy_clause(policy, clause);
	size_t slash = slice_find_last(place.file, '/');
	text_escaped(out, slash == SIZE_MAX ? place.file : slice_from(place.file, slash + 1));
	text_format(out, ":%u  ", place.line);
	text_escaped(out, place.text);
}

static void put_group(struct text *out, const struct replay *replay, size_t at)
{
	const struct replay_group *group = &replay->groups[at];

	text_format(out, "  %8llu  %.*s -> %.*s  (%s)  ", (unsigned long long)group->count,
		SLICE_ARGS(verdict_word(group->was)), SLICE_ARGS(verdict_word(group->is)),
		group->example);
	put_cause(out, replay->policy, group->has_clause, group->clause, group->reason);
	text_char(out, '\n');
}

static void put_missing(struct text *out, const struct replay_missing *missing)
{
	text_format(out, "  %8llu  %.*s", (unsigned long long)missing->count,
		SLICE_ARGS(fact_row(missing->fact)->name));
	if (missing->argument.len) {
		text_char(out, ' ');
		text_escaped(out, missing->argument);
	}
	text_char(out, '\n');
}

void text_replay(struct text *out, const struct replay *replay)
{
	text_format(out, "%llu unchanged, %llu changed, %llu cannot be told\n",
		(unsigned long long)replay->unchanged, (unsigned long long)replay->changed,
		(unsigned long long)replay->cannot_tell);
	if (replay->group_count)
		text_put(out, SLICE("Changed (with the id of one, for `postern why`):\n"));
	for (size_t i = 0; i < replay->group_count; i++)
		put_group(out, replay, i);
	if (replay->missing_count)
		text_put(out, SLICE("Not known then, and asked for now:\n"));
	for (size_t i = 0; i < replay->missing_count; i++)
		put_missing(out, &replay->missing[i]);
}

void text_replay_json(struct text *out, const struct replay *replay)
{
	json_put_number(out, SLICE("{\"unchanged\":"), replay->unchanged);
	json_put_number(out, SLICE(",\"changed\":"), replay->changed);
	json_put_number(out, SLICE(",\"cannot_tell\":"), replay->cannot_tell);
	text_put(out, SLICE(",\"changes\":["));
	for (size_t i = 0; i < replay->group_count; i++) {
		const struct replay_group *group = &replay->groups[i];
		struct text cause = TEXT_GROWING;
		put_cause(&cause, replay->policy, group->has_clause, group->clause, group->reason);
		json_put_text(out, i ? SLICE(",{\"was\":") : SLICE("{\"was\":"),
			verdict_word(group->was));
		json_put_text(out, SLICE(",\"is\":"), verdict_word(group->is));
		json_put_number(out, SLICE(",\"count\":"), group->count);
		json_put_text(out, SLICE(",\"example\":"), slice_of(group->example));
		json_put_text(out, SLICE(",\"because\":"), text_slice(&cause));
		text_char(out, '}');
		text_free(&cause);
	}
	text_put(out, SLICE("],\"missing\":["));
	for (size_t i = 0; i < replay->missing_count; i++) {
		const struct replay_missing *missing = &replay->missing[i];
		json_put_text(out, i ? SLICE(",{\"fact\":") : SLICE("{\"fact\":"),
			fact_row(missing->fact)->key);
		json_put_known(out, SLICE(",\"argument\":"), missing->argument);
		json_put_number(out, SLICE(",\"count\":"), missing->count);
		text_char(out, '}');
	}
	text_put(out, SLICE("]}"));
}

void text_replay_change(struct text *out, const struct replay *replay, const json_t *line,
	const struct decision *now, bool json)
{
	uint32_t clause;
	bool has_clause = speaks(now, &clause);

	if (!json) {
		told_line(out, line);
		text_format(out, "    now %.*s: ", SLICE_ARGS(verdict_word(now->verdict)));
		put_cause(out, replay->policy, has_clause, clause, now->reason);
		text_char(out, '\n');
		return;
	}
	struct text cause = TEXT_GROWING;
	put_cause(&cause, replay->policy, has_clause, clause, now->reason);
	json_put_text(out, SLICE("{\"id\":"), told_text(line, "id"));
	json_put_text(out, SLICE(",\"time\":"), told_text(line, "time"));
	json_put_text(out, SLICE(",\"sender\":"), told_text(line, "sender"));
	json_put_text(out, SLICE(",\"recipient\":"), told_text(line, "recipient"));
	json_put_text(out, SLICE(",\"was\":"), told_text(line, "decision"));
	json_put_text(out, SLICE(",\"is\":"), verdict_word(now->verdict));
	json_put_text(out, SLICE(",\"because\":"), text_slice(&cause));
	text_put(out, SLICE("}\n"));
	text_free(&cause);
}
