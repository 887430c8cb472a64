/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the counters of `limit` clauses stand: from the running daemon of this state folder; where
 * none runs, from what it left there. Nothing is counted.
 */
#ifndef CMD_COUNTERS_H
#define CMD_COUNTERS_H

#include "policy/policy.h"

struct counters_place {
	const struct policy *policy; /* its state folder is meant */
	struct arena *arena;
	wall_ns now;
};
/* For struct trial: `owner` is a struct counters_place. */
bool counters_stand(void *owner, const struct counter_wanted *wanted, size_t count,
	struct counter_answer *answers);

#endif
