/* SPDX-License-Identifier: Apache-2.0 */
/* A past decision, taken again. Read again.h first. */
#include "diagnose/again.h"

#include "journal/recorded.h"

static json_t *whole_trace(
	const struct policy *policy, const struct recorded *recorded, struct arena *arena)
{
	const struct trace_entry *trace;
	size_t count = policy_trace_whole(policy, &recorded->facts, recorded->stage, arena, &trace);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *value = trace[i].value == UNKNOWN_ ? json_null()
							   : json_boolean(trace[i].value == TRUE_);
		json_array_append_new(list, json_pack("[I,o]", (json_int_t)trace[i].clause, value));
	}
	return list;
}

static json_t *nearest_list(const struct policy *policy, const struct recorded *recorded,
	const struct decision *decision, struct arena *arena)
{
	const struct slice *nearest;
	size_t count = policy_nearest(
		policy, &recorded->facts, recorded->stage, decision, arena, &nearest);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_stringn(nearest[i].at, nearest[i].len));
	return list;
}

void again_complete(json_t *line, const struct policy *policy)
{
	struct arena *arena = arena_new();
	struct recorded recorded;
	struct decision decision;

	if (recorded_read(line, arena, &recorded)) {
		policy_decide(policy, &recorded.facts, recorded.stage, arena, &decision);
		if (decision.verdict == recorded.verdict) {
			json_object_set_new(line, "trace", whole_trace(policy, &recorded, arena));
			if (decision.verdict != VERDICT_ACCEPT)
				json_object_set_new(line, "nearest",
					nearest_list(policy, &recorded, &decision, arena));
		}
	}
	arena_free(arena);
}
