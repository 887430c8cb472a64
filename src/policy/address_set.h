/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of addresses, as sorted ranges that neither meet nor touch. The proof is done with them:
 * exact over all 2^128 addresses (an IPv4 address is ::ffff:a.b.c.d, see base/address.h). Sets are
 * never changed; results live in the arena given. Joining costs what both sets hold; meeting and
 * subtracting cost the smaller (the first) times the logarithm of the other.
 */
#ifndef POLICY_ADDRESS_SET_H
#define POLICY_ADDRESS_SET_H

#include "base/address.h"
#include "base/arena.h"

__extension__ typedef unsigned __int128 address_number;
#define ADDRESS_LAST (~(address_number)0)

struct range { /* both ends are in it */
	address_number first, last;
};
struct address_set {
	const struct range *at;
	size_t count;
};
#define SET_NONE ((struct address_set){NULL, 0})
extern const struct address_set set_all;

address_number number_of_address(const struct address *address);
struct address address_of_number(address_number number);
struct range range_of_network(const struct network *network);
/* True if the range is one network; then which. */
bool range_is_network(struct range range, struct network *network);
/* 192.0.2.0/24, or 192.0.2.2-192.0.2.255 where it is no network. */
void text_range(struct text *text, struct range range);

/* Ranges in any order that may overlap; sorts them where they are. */
struct address_set set_of_ranges(struct range *ranges, size_t count);
struct address_set set_join(struct arena *arena, struct address_set a, struct address_set b);
struct address_set set_meet(struct arena *arena, struct address_set a, struct address_set b);
struct address_set set_without(struct arena *arena, struct address_set a, struct address_set b);
static inline struct address_set set_not(struct arena *arena, struct address_set a)
{
	return set_without(arena, set_all, a);
}
bool set_has(struct address_set set, address_number number);
/* The part of the set in one range. */
struct address_set set_in_range(struct arena *arena, struct address_set set, struct range range);

#endif
