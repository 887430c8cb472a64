/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which networks an address is in. All networks' pieces are sorted; since CIDRs nest or are
 * disjoint, one pass with a stack cuts the address space into stretches, each knowing the innermost
 * piece over it. A look-up is one binary search and a walk outwards. A gateway of the host is a
 * hole in every piece around it; only pieces of that single address lie inside.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/model.h"

static int piece_order(const void *a, const void *b)
{
	const struct piece *left = a, *right = b;
	int order = memcmp(left->net.base.bytes, right->net.base.bytes, 16);

	if (order != 0)
		return order;
	if (left->net.prefix != right->net.prefix)
		return left->net.prefix < right->net.prefix ? -1 : 1;
	if (left->gateway != right->gateway)
		return left->gateway ? -1 : 1;
	return left->network < right->network ? -1 : left->network > right->network;
}

/* The first address behind the network; false if it ends with the address space. */
static bool network_behind(const struct network *net, uint8_t behind[16])
{
	memcpy(behind, net->base.bytes, 16);
	unsigned prefix = net->prefix;
	while (prefix > 0) { /* adds one at the prefix's last bit */
		unsigned bit = --prefix;
		uint8_t mask = (uint8_t)(0x80u >> bit % 8);
		behind[bit / 8] ^= mask;
		if (behind[bit / 8] & mask)
			return true;
	}
	return false;
}

/* What the addresses directly in `piece` are in. */
static const struct piece *seen_from(const struct piece *piece)
{
	return piece && piece->gateway ? NULL : piece;
}

static void stretch_add(struct policy *policy, const uint8_t first[16], const struct piece *piece)
{
	struct stretch *last =
		policy->stretch_count ? &policy->stretches[policy->stretch_count - 1] : NULL;

	if (!last || memcmp(last->first, first, 16) != 0)
		last = &policy->stretches[policy->stretch_count++];
	memcpy(last->first, first, 16);
	last->innermost = seen_from(piece);
}

static bool ends_before(const struct piece *open, const struct piece *next)
{
	return !network_contains(&open->net, &next->net.base);
}

/* Closes the pieces that end before `next` begins (NULL: all). */
static const struct piece *pieces_close(
	struct policy *policy, const struct piece *open, const struct piece *next)
{
	uint8_t behind[16];

	while (open && (!next || ends_before(open, next))) {
		if (network_behind(&open->net, behind))
			stretch_add(policy, behind, open->below);
		open = open->below;
	}
	return open;
}

static struct piece *pieces_of(struct policy *policy, size_t *count)
{
	*count = policy->gateway_count;
	for (size_t i = 0; i < policy->networks.count; i++)
		*count += policy->networks.at[i].net_count;
	struct piece *pieces = ARENA_ARRAY(policy->arena, struct piece, *count + 1), *at = pieces;
	for (size_t i = 0; i < policy->networks.count; i++)
		for (size_t j = 0; j < policy->networks.at[i].net_count; j++)
			*at++ = (struct piece){
				.net = policy->networks.at[i].nets[j], .network = (uint32_t)i};
	for (size_t i = 0; i < policy->gateway_count; i++)
		*at++ = (struct piece){
			.net = {.base = policy->gateways[i], .prefix = 128}, .gateway = true};
	qsort(pieces, *count, sizeof *pieces, piece_order);
	return pieces;
}

void stretches_build(struct policy *policy)
{
	static const uint8_t zero[16];
	size_t count;
	struct piece *pieces = pieces_of(policy, &count);
	const struct piece *open = NULL;

	policy->stretches = ARENA_ARRAY(policy->arena, struct stretch, 2 * count + 1);
	stretch_add(policy, zero, NULL);
	for (size_t i = 0; i < count; i++) {
		open = pieces_close(policy, open, &pieces[i]);
		pieces[i].below = open;
		pieces[i].around = seen_from(open);
		open = &pieces[i];
		stretch_add(policy, open->net.base.bytes, open);
	}
	pieces_close(policy, open, NULL);
}

const struct piece *stretch_find(const struct policy *policy, const struct address *address)
{
	size_t low = 0, high = policy->stretch_count; /* the stretch is in [low, high) */

	if (address_is_nobody(address))
		return NULL;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (memcmp(policy->stretches[middle].first, address->bytes, 16) <= 0)
			low = middle;
		else
			high = middle;
	}
	return high > low ? policy->stretches[low].innermost : NULL;
}

bool piece_is_in(const struct piece *innermost, uint32_t network)
{
	for (const struct piece *piece = innermost; piece; piece = piece->around)
		if (piece->network == network)
			return true;
	return false;
}
