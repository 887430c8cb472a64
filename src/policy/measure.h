/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a set of addresses is, as `widest network` counts (doc/policy.md, "The proof"): private
 * space counts nothing, and IPv6 addresses that carry IPv4 count as the IPv4 they carry, each once.
 */
#ifndef POLICY_MEASURE_H
#define POLICY_MEASURE_H

#include "policy/address_set.h"

struct measure {
	address_number v4, v6;
};
struct measure set_measure(struct arena *arena, struct address_set set);
/* How many addresses a network with this prefix has: of IPv4 (0 to 32), of IPv6 (0 to 128). */
address_number v4_most(unsigned prefix);
address_number v6_most(unsigned prefix);

/* What no client can have: 0/8, multicast, Teredo … (none where the set has none of it). */
struct address_set set_reserved(struct arena *arena, struct address_set set);
/* What strangers of one provider share: 100.64/10 (RFC 6598). */
struct address_set set_shared(struct arena *arena, struct address_set set);
/* The set without what is not counted: where a stranger can come from. */
struct address_set set_counted(struct arena *arena, struct address_set set);

#endif
