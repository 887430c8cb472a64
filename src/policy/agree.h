/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows from one atom about another, by what they mean and whatever the facts are: a sender
 * is of one domain, a client in 10.1.0.0/16 is in 10.0.0.0/8. For the checker alone: decisions
 * never use it. What is not known to follow is taken to be free, so nothing possible is called
 * impossible. Private to this room.
 */
#ifndef POLICY_AGREE_H
#define POLICY_AGREE_H

#include "policy/address_set.h"
#include "policy/atoms.h"

struct agreeing {
	const struct policy *policy;
	struct arena *arena;
	struct arena *scratch;
	struct address_set *networks; /* by index; made when first asked for */
	bool *made;
	uint8_t *apart; /* by pair of networks: 0, or 1 + an enum truth; NULL: too many networks */
	unsigned steps; /* of all searches: a file of odd clauses must not take for ever */
};
struct agreeing agreeing_with(
	const struct policy *policy, struct arena *arena, struct arena *scratch);
/* Whether one atom can have this value while the other has that one. */
bool atoms_agree(
	struct agreeing *g, const struct node *a, bool a_is, const struct node *b, bool b_is);
/* Whether an atom can have this value at all in this configuration: no mail is larger than
 * `message size`, nobody comes in by a listener that is not written. */
bool atom_can_be(const struct policy *policy, const struct node *node, bool is);

/* ---- whole conditions (satisfy.c) ---- */

struct wish {               /* that this condition has this value */
	uint32_t condition; /* NO_NODE is true */
	bool is;
};
enum answer { CAN_BE, CANNOT_BE, CANNOT_TELL };
/* Whether all wishes can come true together. Tries assignments of the atoms, so it gives up on
 * conditions with many of them. */
enum answer wishes_can_be(struct agreeing *g, const struct wish *wishes, size_t count);

#endif
