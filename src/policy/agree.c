/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from one atom about another. The contract is in agree.h. */
#include "policy/agree.h"

enum { RANGES_MAX = 4096, NETWORKS_KEPT_MAX = 1000 };

struct agreeing agreeing_with(
	const struct policy *policy, struct arena *arena, struct arena *scratch)
{
	size_t count = policy->networks.count;

	return (struct agreeing){.policy = policy,
		.arena = arena,
		.scratch = scratch,
		.networks = ARENA_ARRAY(arena, struct address_set, count + 1),
		.made = ARENA_ARRAY(arena, bool, count + 1),
		.apart = count <= NETWORKS_KEPT_MAX ? ARENA_ARRAY(arena, uint8_t, count * count + 1)
						    : NULL};
}

static enum truth truth_of(bool value)
{
	return value ? TRUE_ : FALSE_;
}

/* ---- addresses of clients ---- */

static struct address_set set_of_nets(struct agreeing *g, const struct network *nets, size_t count)
{
	struct range *ranges = ARENA_ARRAY(g->arena, struct range, count + 1);

	for (size_t i = 0; i < count; i++)
		ranges[i] = range_of_network(&nets[i]);
	return set_of_ranges(ranges, count);
}

static struct address_set set_of_node(struct agreeing *g, const struct node *node)
{
	if (node->atom == ATOM_CLIENT)
		return set_of_nets(g, &node->net, 1);
	const struct network_row *row = &g->policy->networks.at[node->index];
	if (!g->made[node->index])
		g->networks[node->index] = set_of_nets(g, row->nets, row->net_count);
	g->made[node->index] = true;
	return g->networks[node->index];
}

static bool is_place(const struct node *node)
{
	return node->atom == ATOM_CLIENT || node->atom == ATOM_NETWORK;
}

/* A client in `a` is in `b`, or is not; gateways are holes, so `is in` is left open. */
static enum truth sets_imply(struct agreeing *g, const struct node *a, const struct node *b)
{
	struct address_set left = set_of_node(g, a), right = set_of_node(g, b);

	if (left.count > RANGES_MAX || right.count > RANGES_MAX)
		return UNKNOWN_;
	bool apart = set_meet(g->scratch, left, right).count == 0;
	bool within = set_without(g->scratch, left, right).count == 0;
	arena_reset(g->scratch);
	if (apart)
		return FALSE_;
	return within && g->policy->gateway_count == 0 ? TRUE_ : UNKNOWN_;
}

/* Kept for pairs of networks, which many clauses name. */
static enum truth place_implies(struct agreeing *g, const struct node *a, const struct node *b)
{
	bool kept = g->apart && a->atom == ATOM_NETWORK && b->atom == ATOM_NETWORK;
	uint8_t *pair = kept ? &g->apart[a->index * g->policy->networks.count + b->index] : NULL;

	if (pair && *pair)
		return (enum truth)(*pair - 1);
	enum truth value = sets_imply(g, a, b);
	if (pair)
		*pair = (uint8_t)(1 + value);
	return value;
}

/* ---- senders, authors, recipients ---- */

/* The atoms that speak of one party; ATOMS where there is none. */
struct party_atoms {
	enum atom address, domain, in, ours, null, owned, not_owned, more, most;
};
static const struct party_atoms parties[] = {
	{ATOM_SENDER, ATOM_SENDER_DOMAIN, ATOM_SENDER_IN, ATOM_SENDER_OURS, ATOM_SENDER_NULL,
		ATOM_SENDER_OWNED, ATOM_SENDER_NOT_OWNED, ATOM_SENDER_DOMAIN_LISTED,
		ATOM_SENDER_DOMAIN_UNREACHABLE},
	{ATOM_FROM, ATOM_FROM_DOMAIN, ATOM_FROM_IN, ATOM_FROM_OURS, ATOMS, ATOM_FROM_OWNED,
		ATOM_FROM_NOT_OWNED, ATOMS, ATOMS},
	{ATOM_RECIPIENT, ATOM_RECIPIENT_DOMAIN, ATOM_RECIPIENT_IN, ATOM_RECIPIENT_OURS, ATOMS,
		ATOMS, ATOMS, ATOMS, ATOMS},
};

static bool is_of_party(const struct party_atoms *party, enum atom atom)
{
	return atom == party->address || atom == party->domain || atom == party->in ||
	       atom == party->ours || atom == party->null || atom == party->owned ||
	       atom == party->not_owned || atom == party->more || atom == party->most;
}

static struct slice domain_of(const struct party_atoms *party, const struct node *node)
{
	return node->atom == party->address ? node->domain : node->text;
}

/* "local+tag@domain" and "local@domain" may be the same mail's. */
static bool same_mailbox(const struct node *a, const struct node *b)
{
	struct slice left = a->text, right = b->text;

	if (!slice_is(a->domain, b->domain))
		return false;
	left = slice_part(left, 0, left.len - a->domain.len - 1);
	right = slice_part(right, 0, right.len - b->domain.len - 1);
	return slice_is(slice_cut(&left, '+'), slice_cut(&right, '+'));
}

/* What an address or a domain says of the others. */
static enum truth name_implies(struct agreeing *g, const struct party_atoms *party,
	const struct node *a, const struct node *b)
{
	struct slice domain = domain_of(party, a);

	if (b->atom == party->ours)
		return truth_of(domain_find(g->policy, domain) != NULL);
	if (b->atom == party->null)
		return FALSE_;
	if (b->atom == party->domain)
		return truth_of(slice_is(domain, b->text));
	if (b->atom != party->address)
		return UNKNOWN_;
	bool may = a->atom == party->address ? same_mailbox(a, b) : slice_is(domain, b->domain);
	return may ? UNKNOWN_ : FALSE_;
}

static enum truth party_implies(struct agreeing *g, const struct party_atoms *party,
	const struct node *a, const struct node *b)
{
	if (!is_of_party(party, (enum atom)b->atom))
		return UNKNOWN_;
	if (a->atom == party->null)
		return FALSE_; /* the null sender is nobody's, and of no domain */
	if (b->atom == party->null)
		return FALSE_;
	if (a->atom == party->address || a->atom == party->domain)
		return name_implies(g, party, a, b);
	return UNKNOWN_;
}

static enum truth parties_imply(struct agreeing *g, const struct node *a, const struct node *b)
{
	for (size_t i = 0; i < sizeof parties / sizeof *parties; i++)
		if (is_of_party(&parties[i], (enum atom)a->atom))
			return party_implies(g, &parties[i], a, b);
	if (a->atom == ATOM_RECIPIENT_UNKNOWN && b->atom == ATOM_RECIPIENT_OURS)
		return TRUE_;
	if (a->atom == ATOM_RECIPIENT_UNKNOWN && b->atom == ATOM_RECIPIENT_DOMAIN)
		return domain_find(g->policy, b->text) ? UNKNOWN_ : FALSE_;
	return UNKNOWN_;
}

/* ---- the session ---- */

static enum truth pattern_implies(const struct node *a, const struct node *b)
{
	return slice_has(a->text, '*') ? UNKNOWN_ : truth_of(slice_matches(a->text, b->text));
}

/* A program of this host has no address, no name and no TLS. */
static enum truth local_implies(const struct node *b)
{
	switch ((int)b->atom) {
	case ATOM_CLIENT:
	case ATOM_NETWORK:
	case ATOM_CLIENT_NAMED:
	case ATOM_CLIENT_UNNAMED:
	case ATOM_LISTED:
	case ATOM_ALLOWED:
	case ATOM_RECENT_POP: return FALSE_;
	default: return UNKNOWN_;
	}
}

static enum truth session_implies(const struct node *a, const struct node *b)
{
	if (a->atom == ATOM_LOCAL)
		return local_implies(b);
	if (a->atom == ATOM_CERTIFICATE && b->atom == ATOM_TLS)
		return TRUE_;
	if (a->atom != b->atom)
		return UNKNOWN_;
	if (a->atom == ATOM_LISTENER || a->atom == ATOM_CERTIFICATE)
		return FALSE_; /* there is one; equal atoms are asked elsewhere */
	return a->atom == ATOM_HELO ? pattern_implies(a, b) : UNKNOWN_;
}

/* ---- both ways ---- */

/* What `a`, being true, says of `b`. */
static enum truth implies(struct agreeing *g, const struct node *a, const struct node *b)
{
	if (is_place(a) && is_place(b))
		return place_implies(g, a, b);
	enum truth value = parties_imply(g, a, b);
	return value == UNKNOWN_ ? session_implies(a, b) : value;
}

bool atoms_agree(
	struct agreeing *g, const struct node *a, bool a_is, const struct node *b, bool b_is)
{
	if (node_is_alike(a, b))
		return a_is == b_is;
	if (!terms_agree(a, a_is, b, b_is))
		return false;
	enum truth b_follows = a_is ? implies(g, a, b) : UNKNOWN_;
	enum truth a_follows = b_is ? implies(g, b, a) : UNKNOWN_;
	return (b_follows == UNKNOWN_ || (b_follows == TRUE_) == b_is) &&
	       (a_follows == UNKNOWN_ || (a_follows == TRUE_) == a_is);
}

/* ---- one atom alone ---- */

static bool has_listener(const struct policy *policy, struct slice service)
{
	for (size_t i = 0; i < policy->listens.count; i++)
		if (slice_is(slice_of(service_text(policy->listens.at[i].service)), service))
			return true;
	return false;
}

bool atom_can_be(const struct policy *policy, const struct node *node, bool is)
{
	const struct settings *settings = &policy->settings;

	if (!is)
		return true;
	switch ((int)node->atom) {
	case ATOM_SIZE: return node->number < settings->message_size;
	case ATOM_RECIPIENTS:
		return node->number < settings->limits.recipients ||
		       policy->network_limits.count > 0;
	case ATOM_LISTENER: return has_listener(policy, node->text);
	case ATOM_AUTHENTICATED:
	case ATOM_ACCOUNT:
	case ATOM_GROUP: return settings->accounts_kind.len > 0;
	case ATOM_SENDER_IN:
	case ATOM_FROM_IN:
	case ATOM_RECIPIENT_IN: return map_count(policy->lists.at[node->index].entries) > 0;
	default: return true;
	}
}
