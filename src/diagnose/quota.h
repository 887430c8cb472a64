/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of `limit` clauses in a trial: as somebody says they stand, and the places that
 * earlier recipients of the same message would have taken. Nothing is counted anywhere else.
 *
 *	quotas_init(&quotas, policy, trial, arena);
 *	quotas_tell(&quotas, &facts);       before each decision: facts.counters
 *	quotas_take(&quotas, &facts);       after a recipient that would be accepted
 */
#ifndef DIAGNOSE_QUOTA_H
#define DIAGNOSE_QUOTA_H

#include "base/map.h"
#include "diagnose/trial.h"

struct quotas {
	const struct policy *policy;
	const struct trial *trial;
	struct arena *arena;
	struct map *taken; /* by key */
};

void quotas_init(struct quotas *quotas, const struct policy *policy, const struct trial *trial,
	struct arena *arena);
void quotas_free(struct quotas *quotas);
/* Leaves the counters out, and so unknown, where nobody can say how they stand. */
void quotas_tell(struct quotas *quotas, struct facts *facts);
/* `facts.recipients` says which recipient it is; what one of them stands for takes one place. */
void quotas_take(struct quotas *quotas, const struct facts *facts);

#endif
