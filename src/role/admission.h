/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is let in, by numbers alone: a client is counted in the census (census.h) under its address
 * and, where its network is counted by itself, under that network, else among all clients of the
 * daemon. Which numbers hold is the policy's matter (policy/door.h).
 */
#ifndef ROLE_ADMISSION_H
#define ROLE_ADMISSION_H

#include "reason/reason.h"
#include "role/census.h"

/* Where a connection is counted; what was entered is left again, once. */
struct admission {
	uint64_t address, network; /* keys in the census; 0: not counted there */
	bool among_all;
};

/* UINT64_MAX is unlimited. */
struct admission_limits {
	uint64_t per_address, per_minute; /* of each address */
	struct slice network;             /* that is counted by itself; empty: among all */
	uint64_t most;                    /* connections of the network, or of all */
};

/* REASON_NONE: it is entered. Else nothing is, and that is what to say. Of all, a client has a
 * part, in hundredths; the rest too if it is_favoured(owner), which is asked when it matters. */
enum reason admission_enter(struct census *census, const struct address *from, mono_ns now,
	const struct admission_limits *limits, unsigned part, bool (*is_favoured)(void *owner),
	void *owner, struct admission *admission);
void admission_leave(struct census *census, struct admission *admission);

/* How long who is nobody may stand still, now that so many are connected of `most`; 0: for ever.
 * And how many of them are to go. */
mono_ns admission_patience(const struct census *census, uint64_t most);
uint64_t admission_excess(const struct census *census, uint64_t most);

#endif
