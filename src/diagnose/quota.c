/* SPDX-License-Identifier: Apache-2.0 */
/* Counters in a trial. The contract is in quota.h. */
#include "diagnose/quota.h"

struct taken {
	uint64_t places;
	uint64_t recipient; /* that took the last one */
	bool by_message;    /* then it is the only one */
};

void quotas_init(struct quotas *quotas, const struct policy *policy, const struct trial *trial,
	struct arena *arena)
{
	*quotas = (struct quotas){policy, trial, arena, map_new(0)};
}

void quotas_free(struct quotas *quotas)
{
	map_free(quotas->taken);
}

/* A message has its place already when its second recipient comes. */
static void add_taken(const struct quotas *quotas, const struct counter_wanted *wanted,
	struct counter_answer *answer)
{
	const struct taken *taken = map_get(quotas->taken, wanted->key);

	if (taken && !taken->by_message)
		answer->used += taken->places;
	answer->full = answer->used >= answer->most && !(taken && taken->by_message);
}

void quotas_tell(struct quotas *quotas, struct facts *facts)
{
	const struct trial *trial = quotas->trial;
	const struct counter_wanted *wanted;
	size_t count = policy_counters(quotas->policy, facts, quotas->arena, &wanted);
	struct counter_answer *answers =
		ARENA_ARRAY(quotas->arena, struct counter_answer, count + 1);

	for (size_t i = 0; i < count; i++)
		answers[i] = (struct counter_answer){
			.clause = wanted[i].clause, .most = wanted[i].most, .free_at = facts->now};
	if (!count || (!trial->fresh_limits && (!trial->count || !trial->count(trial->count_owner,
									 wanted, count, answers))))
		return;
	for (size_t i = 0; i < count; i++)
		add_taken(quotas, &wanted[i], &answers[i]);
	facts->counters = answers;
	facts->counter_count = count;
}

void quotas_take(struct quotas *quotas, const struct facts *facts)
{
	const struct counter_wanted *wanted;
	size_t count = policy_counters(quotas->policy, facts, quotas->arena, &wanted);

	for (size_t i = 0; i < count; i++) {
		struct taken *taken = map_get(quotas->taken, wanted[i].key);
		if (!taken) {
			taken = ARENA_NEW(quotas->arena, struct taken);
			*taken = (struct taken){.by_message = !wanted[i].recipients};
			map_put(quotas->taken, wanted[i].key, taken);
		}
		taken->places += taken->recipient != facts->recipients;
		taken->recipient = facts->recipients;
	}
}
