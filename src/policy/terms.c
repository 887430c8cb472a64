/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terms: equal atoms are one, so that each is answered at most once a decision (struct question,
 * memo); and what `given` says of an atom.
 */
#include <string.h>

#include "policy/atoms.h"

/* ---- equal atoms ---- */

static bool network_is(const struct network *a, const struct network *b)
{
	return a->prefix == b->prefix && address_is(&a->base, &b->base);
}

static bool nets_are_alike(const struct node *a, const struct node *b)
{
	if (a->net_count != b->net_count)
		return false;
	for (uint32_t i = 0; i < a->net_count; i++)
		if (!network_is(&a->nets[i], &b->nets[i]))
			return false;
	return true;
}

bool node_is_alike(const struct node *a, const struct node *b)
{
	return a->kind == NODE_ATOM && b->kind == NODE_ATOM && a->atom == b->atom &&
	       a->index == b->index && a->number == b->number && slice_is(a->text, b->text) &&
	       slice_is(a->domain, b->domain) && network_is(&a->net, &b->net) &&
	       nets_are_alike(a, b);
}

static void network_put(struct text *key, const struct network *network)
{
	text_put(key, (struct slice){(const char *)network->base.bytes, 16});
	text_char(key, (char)network->prefix);
}

/* All that node_is_alike() compares, as bytes. */
static void node_key(struct text *key, const struct node *node)
{
	text_format(key, "%u %u %llu %zu ", (unsigned)node->atom, (unsigned)node->index,
		(unsigned long long)node->number, node->text.len);
	text_put(key, node->text);
	text_char(key, ' ');
	text_put(key, node->domain);
	network_put(key, &node->net);
	for (uint32_t i = 0; i < node->net_count; i++)
		network_put(key, &node->nets[i]);
}

static void derived_note(struct policy *policy, const struct node *node)
{
	static const enum atom derived[DERIVED_MAX] = {ATOM_TRUSTED, ATOM_SENDER_OWNED,
		ATOM_SENDER_NOT_OWNED, ATOM_FROM_OWNED, ATOM_FROM_NOT_OWNED};

	for (size_t i = 0; i < DERIVED_MAX; i++)
		if (node->atom == derived[i])
			policy->derived[i] = node->term;
}

void terms_number(struct policy *policy)
{
	struct map *seen = map_new(policy->seed);
	struct text key = TEXT_GROWING;

	policy->terms = ARENA_ARRAY(policy->arena, uint32_t, policy->nodes.count + 1);
	for (size_t i = 0; i < DERIVED_MAX; i++)
		policy->derived[i] = NO_NODE;
	for (size_t i = 0; i < policy->nodes.count; i++) {
		struct node *node = &policy->nodes.at[i];
		if (node->kind != NODE_ATOM)
			continue;
		key.len = 0;
		node_key(&key, node);
		const void *found = map_get(seen, text_slice(&key));
		if (!found) {
			policy->terms[policy->term_count++] = (uint32_t)i;
			found = (const void *)(uintptr_t)policy->term_count;
			map_put(seen, arena_slice(policy->arena, text_slice(&key)),
				(void *)(uintptr_t)policy->term_count);
		}
		node->term = (uint32_t)((uintptr_t)found - 1);
		derived_note(policy, node);
	}
	text_free(&key);
	map_free(seen);
}

/* ---- given ---- */

/* Atoms of which one excludes, or needs, the other: given, whether it is so, asked, its value. */
#define BONDS(BOND)                                                                                \
	BOND(CLIENT_UNNAMED, true, CLIENT_NAMED, FALSE_)                                           \
	BOND(CLIENT_NAMED, true, CLIENT_UNNAMED, FALSE_)                                           \
	BOND(SENDER_OWNED, true, SENDER_NOT_OWNED, FALSE_)                                         \
	BOND(SENDER_NOT_OWNED, true, SENDER_OWNED, FALSE_)                                         \
	BOND(FROM_OWNED, true, FROM_NOT_OWNED, FALSE_)                                             \
	BOND(FROM_NOT_OWNED, true, FROM_OWNED, FALSE_)                                             \
	BOND(TLS_VERIFIED, true, TLS, TRUE_)                                                       \
	BOND(TLS, false, TLS_VERIFIED, FALSE_)                                                     \
	BOND(ACCOUNT, true, AUTHENTICATED, TRUE_)                                                  \
	BOND(GROUP, true, AUTHENTICATED, TRUE_)                                                    \
	BOND(AUTHENTICATED, false, ACCOUNT, FALSE_)                                                \
	BOND(AUTHENTICATED, false, GROUP, FALSE_)

struct bond {
	enum atom given;
	bool is;
	enum atom asked;
	enum truth value;
};
static const struct bond bonds[] = {
#define BOND(given, is, asked, value) {ATOM_##given, (is), ATOM_##asked, (value)},
	BONDS(BOND)
#undef BOND
};

/* A proof asks for millions of pairs without a bond: a bit says which atoms have one at all. */
static const uint64_t bound =
#define BOND(given, is, asked, value) UINT64_C(1) << ATOM_##given | UINT64_C(1) << ATOM_##asked |
	BONDS(BOND) 0;
#undef BOND
_Static_assert(ATOMS <= 64, "a bit for each atom");

static bool is_bound(const struct node *node)
{
	return bound >> node->atom & 1;
}

static bool follows_by_bond(
	const struct node *given, bool is, const struct node *asked, enum truth *value)
{
	for (size_t i = 0; i < sizeof bonds / sizeof *bonds; i++)
		if (bonds[i].given == given->atom && bonds[i].is == is &&
			bonds[i].asked == asked->atom) {
			*value = bonds[i].value;
			return true;
		}
	return false;
}

/* A list that lists an address at all, and one that does so with a certain answer. */
static bool follows_of_zone(
	const struct node *given, bool is, const struct node *asked, enum truth *value)
{
	bool wider = given->net_count == 0, holds = wider || (is && asked->net_count == 0);

	if (!slice_is(given->text, asked->text) || !holds)
		return false;
	*value = is ? TRUE_ : FALSE_;
	return true;
}

/* More than 15 is more than 12; no more than 12 is no more than 15. */
static bool follows_of_number(
	const struct node *given, bool is, const struct node *asked, enum truth *value)
{
	bool holds = is ? asked->number <= given->number : asked->number >= given->number;

	*value = is ? TRUE_ : FALSE_;
	return holds;
}

/* What matches the one pattern matches the other: this one's `*` stands where that one has some. */
static bool follows_of_pattern(
	const struct node *given, bool is, const struct node *asked, enum truth *value)
{
	*value = is ? TRUE_ : FALSE_;
	return is ? slice_matches(given->text, asked->text)
		  : slice_matches(asked->text, given->text);
}

static bool follows(const struct node *given, bool is, const struct node *asked, enum truth *value)
{
	if (given->atom != asked->atom)
		return follows_by_bond(given, is, asked, value);
	if (given->atom == ATOM_ACCOUNT) {
		*value = FALSE_; /* there is one account */
		return is && !slice_is_nocase(given->text, asked->text);
	}
	switch (atom_row((enum atom)asked->atom)->argument) {
	case TAKES_RESULT:
	case TAKES_POLICY: *value = FALSE_; return is; /* there is one result */
	case TAKES_ZONE: return follows_of_zone(given, is, asked, value);
	case TAKES_SIZE:
	case TAKES_NUMBER: return follows_of_number(given, is, asked, value);
	case TAKES_NOTHING: *value = is ? TRUE_ : FALSE_; return asked->text.len == 0;
	case TAKES_PATTERN: return follows_of_pattern(given, is, asked, value);
	case TAKES_NETWORK:
	case TAKES_NETWORK_NAME:
	case TAKES_SERVICE:
	case TAKES_ADDRESS:
	case TAKES_DOMAIN:
	case TAKES_LIST:
	case TAKES_ACCOUNT:
	case TAKES_GROUP:
	case TAKES_CERTIFICATE:
	case TAKES_HEADER: break;
	}
	return false;
}

bool given_value(struct question *q, const struct node *node, enum truth *value)
{
	const struct facts *facts = q->facts;
	const bool may_follow = is_bound(node);

	for (size_t i = 0; i < facts->given_count; i++) {
		const struct node *given = facts->given[i].node;
		if (given->atom == node->atom && node_is_alike(given, node)) {
			*value = facts->given[i].is ? TRUE_ : FALSE_;
			return true;
		}
	}
	for (size_t i = 0; i < facts->given_count; i++) {
		const struct node *given = facts->given[i].node;
		if ((given->atom == node->atom || (may_follow && is_bound(given))) &&
			follows(given, facts->given[i].is, node, value))
			return true;
	}
	return false;
}

/* One that signed in a short while ago did so within a longer one. */
static bool leases_agree(const struct node *a, bool a_is, const struct node *b, bool b_is)
{
	mono_ns one = lease_time((mono_ns)a->number), other = lease_time((mono_ns)b->number);

	return a_is == b_is || (a_is ? one > other : other > one);
}

static bool net_is_within(const struct network *net, const struct node *node)
{
	for (uint32_t i = 0; i < node->net_count; i++)
		if (net->prefix >= node->nets[i].prefix &&
			network_contains(&node->nets[i], &net->base))
			return true;
	return node->net_count == 0;
}

/* Every answer that the one counts, the other counts too. */
static bool zone_is_within(const struct node *narrow, const struct node *wide)
{
	if (narrow->net_count == 0)
		return wide->net_count == 0;
	for (uint32_t i = 0; i < narrow->net_count; i++)
		if (!net_is_within(&narrow->nets[i], wide))
			return false;
	return true;
}

/* A list may answer with several addresses, so nothing else follows. */
static bool zones_agree(const struct node *a, bool a_is, const struct node *b, bool b_is)
{
	if (a_is == b_is || !slice_is(a->text, b->text))
		return true;
	return a_is ? !zone_is_within(a, b) : !zone_is_within(b, a);
}

/* Whether one atom can be so while the other is so. */
bool terms_agree(const struct node *a, bool a_is, const struct node *b, bool b_is)
{
	enum truth value;

	if (a->atom == ATOM_RECENT_POP && b->atom == ATOM_RECENT_POP)
		return leases_agree(a, a_is, b, b_is);
	if (a->atom == b->atom && atom_row((enum atom)a->atom)->argument == TAKES_ZONE)
		return zones_agree(a, a_is, b, b_is);
	if (follows(a, a_is, b, &value) && (value == TRUE_) != b_is)
		return false;
	return !follows(b, b_is, a, &value) || (value == TRUE_) == a_is;
}
