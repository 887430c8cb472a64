/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many addresses may relay without any other credential (policy.md, "The proof"): the pieces of
 * all networks that a `relay for` names, each address counted once, against `widest network`.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/model.h"

/* Addresses are counted in 128 bits; all of IPv6 is one less than it is. */
__extension__ typedef unsigned __int128 address_count;
#define ALL_THERE_ARE (~(address_count)0)

/* Private and loopback space is not counted. */
static const char *const uncounted[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	"127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1"};
static const char *const reserved[] = {
	"0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8", "2001::/32"};

/* IPv4 inside IPv6 is measured by the IPv4 it carries, which begins at bit `at`. In 64:ff9b:1::/48
 * it may stand in any place of RFC 6052 section 2.2; the last one holds the most. */
static const struct {
	const char *net;
	unsigned at;
} carriers[] = {{"::ffff:0:0/96", 96}, {"::/96", 96}, {"64:ff9b::/96", 96}, {"64:ff9b:1::/48", 96},
	{"::ffff:0:0:0/96", 96}, {"2002::/16", 16}};

/* A piece of a network that may relay. */
struct member {
	struct network net;
	const struct token *token;
};

struct members {
	struct member *at;
	size_t count;
};

/* ---- what a piece is ---- */

static bool network_is_within(const struct network *net, const struct network *outer)
{
	return net->prefix >= outer->prefix && network_contains(outer, &net->base);
}

static bool network_of(const char *text, struct network *network)
{
	return network_parse(slice_of(text), network) == NETWORK_OK;
}

static bool is_uncounted(const struct network *net)
{
	struct network outer;

	for (size_t i = 0; i < sizeof uncounted / sizeof *uncounted; i++)
		if (network_of(uncounted[i], &outer) && network_is_within(net, &outer))
			return true;
	return false;
}

static bool is_reserved(const struct network *net)
{
	struct network other;

	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (network_of(reserved[i], &other) &&
			(network_is_within(net, &other) || network_is_within(&other, net)))
			return true;
	return false;
}

/* 2 to the power of `bits`. */
static address_count power(unsigned bits)
{
	return bits < 128 ? (address_count)1 << bits : ALL_THERE_ARE;
}

/* How many IPv4 addresses it is, or carries. */
static address_count v4_count(const struct network *net)
{
	struct network carrier;

	for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
		unsigned first = carriers[i].at, end = first + 32;
		if (!network_of(carriers[i].net, &carrier))
			continue;
		if (network_is_within(&carrier, net))
			return power(32);
		if (network_is_within(net, &carrier))
			return power(net->prefix <= first ? 32
				     : net->prefix >= end ? 0
							  : end - net->prefix);
	}
	return 0;
}

static address_count v6_count(const struct network *net)
{
	return net->base.is_v4 ? 0 : power(128u - net->prefix);
}

/* ---- one piece ---- */

static bool is_too_wide(const struct policy *policy, const struct network *net)
{
	return !is_uncounted(net) && (v4_count(net) > power(32 - policy->widest_v4) ||
					     v6_count(net) > power(128 - policy->widest_v6));
}

static bool member_check(
	const struct policy *policy, const struct member *member, struct complaints *complaints)
{
	if (is_too_wide(policy, &member->net))
		complain_at(complaints, SEVERITY_ERROR, member->token,
			SLICE("this would be an open relay: the network may relay and is wider "
			      "than `widest network` allows"),
			SLICE("the addresses of your own clients alone, or a `widest network` line "
			      "that says how wide you mean"));
	else if (is_reserved(&member->net))
		complain_at(complaints, SEVERITY_ERROR, member->token,
			SLICE("the network may relay and has reserved addresses, which no client "
			      "of yours can have"),
			SLICE("the addresses of your own clients alone"));
	else
		return true;
	return false;
}

static void shared_space_check(const struct network_row *row, struct complaints *complaints)
{
	struct network shared_space;

	if (row->shared || !network_of("100.64.0.0/10", &shared_space))
		return;
	for (size_t i = 0; i < row->net_count; i++)
		if (network_is_within(&row->nets[i], &shared_space))
			complain_at(complaints, SEVERITY_WARNING, &row->net_tokens[i],
				SLICE("the network may relay and is shared space (RFC 6598): "
				      "strangers of the same provider may be in it"),
				SLICE("`shared` behind the network if that is meant"));
}

/* ---- all together ---- */

static int member_order(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = memcmp(left->net.base.bytes, right->net.base.bytes, 16);

	if (order != 0)
		return order;
	return (left->net.prefix > right->net.prefix) - (left->net.prefix < right->net.prefix);
}

static struct members members_of(const struct policy *policy)
{
	struct members members = {0};
	size_t most = 0;

	for (size_t i = 0; i < policy->networks.count; i++)
		most += policy->networks.at[i].net_count;
	members.at = ARENA_ARRAY(policy->arena, struct member, most + 1);
	for (size_t i = 0; i < policy->networks.count; i++) {
		const struct network_row *row = &policy->networks.at[i];
		for (size_t j = 0; row->relays && j < row->net_count; j++)
			members.at[members.count++] =
				(struct member){row->nets[j], &row->net_tokens[j]};
	}
	qsort(members.at, members.count, sizeof *members.at, member_order);
	return members;
}

static void sum_complain(const struct member *member, unsigned widest, const char *kind,
	struct complaints *complaints)
{
	char what[240];
	struct text text = TEXT_FIXED(what);

	text_format(&text,
		"this would be an open relay: with this piece the networks that may relay hold "
		"more "
		"%s addresses together than `widest network` allows, a /%u",
		kind, widest);
	complain_at(complaints, SEVERITY_ERROR, member->token, text_slice(&text),
		SLICE("the addresses of your own clients alone, or a `widest network` line that "
		      "says how many you mean"));
}

/* Each address counts once: sorted, a piece that lies in another comes directly behind it. */
static void sum_check(
	const struct policy *policy, const struct members *members, struct complaints *complaints)
{
	const struct network *outer = NULL;
	address_count v4 = 0, v6 = 0;

	for (size_t i = 0; i < members->count; i++) {
		const struct member *member = &members->at[i];
		if (is_uncounted(&member->net) || (outer && network_is_within(&member->net, outer)))
			continue;
		outer = &member->net;
		v4 += v4_count(outer);
		v6 = v6 + v6_count(outer) < v6 ? ALL_THERE_ARE : v6 + v6_count(outer);
		bool too_many_v4 = v4 > power(32 - policy->widest_v4);
		if (!too_many_v4 && v6 <= power(128 - policy->widest_v6))
			continue;
		sum_complain(member, too_many_v4 ? policy->widest_v4 : policy->widest_v6,
			too_many_v4 ? "IPv4" : "IPv6", complaints);
		return;
	}
}

void relay_networks_check(const struct policy *policy, struct complaints *complaints)
{
	struct members members = members_of(policy);
	bool good = true;

	for (size_t i = 0; i < members.count; i++)
		good &= member_check(policy, &members.at[i], complaints);
	if (good)
		sum_check(policy, &members, complaints);
	for (size_t i = 0; i < policy->networks.count; i++)
		if (policy->networks.at[i].relays)
			shared_space_check(&policy->networks.at[i], complaints);
}
