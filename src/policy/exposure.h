/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exposure: which addresses each `relay for` lets relay without a secret, by set algebra over
 * address space and the structure of the clauses. Private to this room; proof.c judges the result.
 */
#ifndef POLICY_EXPOSURE_H
#define POLICY_EXPOSURE_H

#include "policy/address_set.h"
#include "policy/atoms.h"
#include "policy/proof.h"

/* What one `relay for` lets out; see exposed_set(). */
struct exposed_clause {
	uint32_t clause;
	struct address_set granted;
};
struct exposure {
	wall_ns now;
	struct exposed_clause *clauses;
	size_t clause_count;
	struct address_set refused; /* whatever is claimed */
	struct address_set granted; /* by all clauses together, and not refused */
	struct address_set peers;   /* of `proxy from`: they may speak for any address */
	struct address_set all;     /* of both */
};
/* `now`: grants that have ended by then let nobody relay. */
struct exposure exposure_of(const struct policy *policy, wall_ns now, struct arena *arena);
/* What one clause lets relay and nothing refuses. */
struct address_set exposed_set(
	const struct exposure *exposure, const struct exposed_clause *one, struct arena *arena);
/* A network's addresses, its gateways left out. */
struct address_set network_set(const struct policy *policy, uint32_t network, struct arena *arena);

/* Whether some condition asks for the listener; else it is the same from all of them. */
bool policy_names_listener(const struct policy *policy);

/* Whether an atom is true of some addresses and false of the others, false of whoever has no
 * secret, or a claim (or what somebody says of a claim), which may be true or false. */
enum atom_standing { STANDS_CLAIM, STANDS_EXACT, STANDS_SECRET, STANDS_OURS };
enum atom_standing atom_standing(const struct node *node);

#endif
