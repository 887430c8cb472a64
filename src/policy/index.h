/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index over clauses: which of them can be true or unknown, without looking at each.
 *
 * Every clause stands under atoms of which one must hold for it to fire or grant (its credential;
 * of `A and B` either, of `A or B` both). An atom that compares (a network, an address, a domain,
 * an account) is found by what it compares with; one that does not is answered once a decision.
 * Clauses that rest on `not` alone stand under nothing and are always looked at.
 */
#ifndef POLICY_INDEX_H
#define POLICY_INDEX_H

#include "policy/atoms.h"

enum index_kind {
	INDEX_CLIENT, /* `client NET` */
	INDEX_ACCOUNT,
	INDEX_GROUP,
	INDEX_SENDER,
	INDEX_SENDER_DOMAIN,
	INDEX_RECIPIENT,
	INDEX_RECIPIENT_DOMAIN,
	INDEX_FROM,
	INDEX_FROM_DOMAIN,
	INDEX_ALIAS, /* `forward for` */
	INDEX_ALIAS_DOMAIN,
	INDEX_KEYED,                 /* so many kinds are found by a key */
	INDEX_NETWORK = INDEX_KEYED, /* by its number */
	INDEX_ASKED,                 /* answered, one by one */
	INDEX_KINDS
};
struct bucket {
	uint32_t node; /* an atom of its term; NO_NODE of an alias */
	wall_ns until; /* of the `relay for` here whose credential it is, the last end; 0: none */
	TABLE(uint32_t) clauses;
};
struct clause_index {
	struct map *keyed[INDEX_KEYED]; /* struct bucket * */
	TABLE(struct bucket *) buckets[INDEX_KINDS];
	struct bucket **of_network; /* by network; NULL: none */
	TABLE(uint32_t) always;
	uint8_t prefixes[129]; /* those that `client NET` uses */
	size_t prefix_count;
};
void index_build(struct policy *policy);
void index_free(struct policy *policy);

/* How keys are kept: names without case, networks with their prefix. */
struct slice index_lower(struct slice s, struct arena *arena);
struct slice index_network_key(const struct network *network, char raw[17]);

/* The clauses to look at: a bit each. */
uint64_t *index_candidates(struct question *q);
/* Whether a credential that is held belongs to a `relay for` which has not ended. */
enum truth index_trust(struct question *q);

#endif
