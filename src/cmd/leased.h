/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases of POP logins for commands that decide themselves: from the running daemon. Where none
 * runs there are those that the last one left in its state folder, which only a daemon reads: then
 * they are unknown, or none where no daemon has kept any.
 */
#ifndef CMD_LEASED_H
#define CMD_LEASED_H

#include "policy/policy.h"

struct leased {
	const struct policy *policy;
	struct arena *arena;
};
/* As struct trial's `find`: who signed in by POP from the client's address. */
size_t leased_find(const struct leased *leased, const struct facts *facts,
	const struct wanted *wanted, size_t count, struct fact_answer *answers);

#endif
