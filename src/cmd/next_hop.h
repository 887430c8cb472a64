/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailboxes of domains whose next hop is asked, for commands that decide themselves: the running
 * daemon asks (or remembers), as it would for a client. Where none runs nobody is asked, since only
 * a daemon connects anywhere for that, and they are unknown.
 */
#ifndef CMD_NEXT_HOP_H
#define CMD_NEXT_HOP_H

#include "policy/policy.h"

/* As struct trial's `find`: whether the next hop takes mail for the recipient. */
size_t next_hop_find(const struct policy *policy, const struct facts *facts,
	const struct wanted *wanted, size_t count, struct arena *arena,
	struct fact_answer *answers);

#endif
