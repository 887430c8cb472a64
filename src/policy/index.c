/* SPDX-License-Identifier: Apache-2.0 */
/* Building the index over clauses, when a policy is compiled. The contract is in index.h. */
#include "policy/index.h"

#include <string.h>

/* ---- what an atom is found by ---- */

static enum index_kind kind_of(const struct node *node)
{
	static const struct {
		enum atom atom;
		enum index_kind kind;
	} kinds[] = {{ATOM_CLIENT, INDEX_CLIENT}, {ATOM_ACCOUNT, INDEX_ACCOUNT},
		{ATOM_GROUP, INDEX_GROUP}, {ATOM_SENDER, INDEX_SENDER},
		{ATOM_SENDER_DOMAIN, INDEX_SENDER_DOMAIN}, {ATOM_RECIPIENT, INDEX_RECIPIENT},
		{ATOM_RECIPIENT_DOMAIN, INDEX_RECIPIENT_DOMAIN}, {ATOM_FROM, INDEX_FROM},
		{ATOM_FROM_DOMAIN, INDEX_FROM_DOMAIN}, {ATOM_NETWORK, INDEX_NETWORK}};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].atom == node->atom)
			return kinds[i].kind;
	return INDEX_ASKED;
}

struct slice index_lower(struct slice s, struct arena *arena)
{
	struct slice copy = arena_slice(arena, s);
	char *at = arena_string(arena, copy);

	for (size_t i = 0; i < copy.len; i++)
		at[i] = ascii_lower(at[i]);
	return (struct slice){at, copy.len};
}

struct slice index_network_key(const struct network *network, char raw[17])
{
	raw[0] = (char)network->prefix;
	memcpy(raw + 1, network->base.bytes, 16);
	return (struct slice){raw, 17};
}

static struct slice key_of(struct policy *policy, const struct node *node, enum index_kind kind)
{
	char raw[17];

	if (kind == INDEX_CLIENT)
		return arena_slice(policy->arena, index_network_key(&node->net, raw));
	if (kind == INDEX_ACCOUNT || kind == INDEX_GROUP)
		return index_lower(node->text, policy->arena);
	return node->text;
}

/* ---- buckets ---- */

static struct bucket *bucket_new(struct policy *policy, enum index_kind kind, uint32_t node)
{
	struct bucket *bucket = ARENA_NEW(policy->arena, struct bucket);

	bucket->node = node;
	*TABLE_ADD(policy->arena, &policy->index->buckets[kind]) = bucket;
	return bucket;
}

static struct bucket *keyed_bucket(
	struct policy *policy, enum index_kind kind, struct slice key, uint32_t node)
{
	struct clause_index *index = policy->index;

	if (!index->keyed[kind])
		index->keyed[kind] = map_new(policy->seed);
	struct bucket *bucket = map_get(index->keyed[kind], key);
	if (!bucket) {
		bucket = bucket_new(policy, kind, node);
		map_put(index->keyed[kind], key, bucket);
	}
	return bucket;
}

static void prefix_note(struct clause_index *index, uint8_t prefix)
{
	for (size_t i = 0; i < index->prefix_count; i++)
		if (index->prefixes[i] == prefix)
			return;
	index->prefixes[index->prefix_count++] = prefix;
}

struct building {
	struct policy *policy;
	struct bucket **of_term; /* those that are answered */
};

static struct bucket *bucket_of(struct building *b, uint32_t at)
{
	struct policy *policy = b->policy;
	const struct node *node = &policy->nodes.at[at];
	enum index_kind kind = kind_of(node);
	struct bucket **slot = kind == INDEX_NETWORK ? &policy->index->of_network[node->index]
						     : &b->of_term[node->term];

	if (kind == INDEX_CLIENT)
		prefix_note(policy->index, node->net.prefix);
	if (kind < INDEX_KEYED)
		return keyed_bucket(policy, kind, key_of(policy, node, kind), at);
	if (!*slot)
		*slot = bucket_new(policy, kind, at);
	return *slot;
}

/* ---- what a clause stands under ---- */

/* What it costs to look for a clause there: comparing is cheap, answering is not, and a clause that
 * stands under nothing is looked at always. */
enum { COST_KEYED = 1, COST_ASKED = 50, COST_ALWAYS = 1000000 };

static unsigned condition_cost(const struct policy *policy, uint32_t at, bool negated)
{
	const struct node *node = &policy->nodes.at[at];
	unsigned left, right;

	if (node->kind == NODE_ATOM)
		return negated                        ? COST_ALWAYS
		       : kind_of(node) == INDEX_ASKED ? COST_ASKED
						      : COST_KEYED;
	if (node->kind == NODE_NOT)
		return condition_cost(policy, node->left, !negated);
	left = condition_cost(policy, node->left, negated);
	right = condition_cost(policy, node->right, negated);
	if ((node->kind == NODE_AND) != negated)
		return left < right ? left : right;
	return left + right < COST_ALWAYS ? left + right : COST_ALWAYS;
}

static void clause_put(struct building *b, struct bucket *bucket, uint32_t clause)
{
	*TABLE_ADD(b->policy->arena, &bucket->clauses) = clause;
}

/* Of a condition that costs less than COST_ALWAYS. */
static void condition_put(struct building *b, uint32_t at, bool negated, uint32_t clause)
{
	const struct policy *policy = b->policy;
	const struct node node = policy->nodes.at[at];

	if (node.kind == NODE_ATOM) {
		clause_put(b, bucket_of(b, at), clause);
	} else if (node.kind == NODE_NOT) {
		condition_put(b, node.left, !negated, clause);
	} else if ((node.kind == NODE_AND) != negated) {
		bool left = condition_cost(policy, node.left, negated) <=
			    condition_cost(policy, node.right, negated);
		condition_put(b, left ? node.left : node.right, negated, clause);
	} else {
		condition_put(b, node.left, negated, clause);
		condition_put(b, node.right, negated, clause);
	}
}

static void relay_put(struct building *b, const struct clause *clause, uint32_t at)
{
	struct bucket *bucket = bucket_of(b, clause->subject);

	clause_put(b, bucket, at);
	if (clause->place.until > bucket->until)
		bucket->until = clause->place.until;
}

static void forward_put(struct building *b, const struct clause *clause, uint32_t at)
{
	bool domain = clause->forward_domain.len > 0;

	clause_put(b,
		keyed_bucket(b->policy, domain ? INDEX_ALIAS_DOMAIN : INDEX_ALIAS,
			domain ? clause->forward_domain : clause->forward_address, NO_NODE),
		at);
}

static void clause_index(struct building *b, uint32_t at)
{
	struct policy *policy = b->policy;
	const struct clause *clause = &policy->clauses.at[at];

	if (clause->kind == CLAUSE_RELAY)
		relay_put(b, clause, at);
	else if (clause->kind == CLAUSE_FORWARD)
		forward_put(b, clause, at);
	else if (clause->subject != NO_NODE)
		clause_put(b, bucket_of(b, clause->subject), at);
	else if (clause->condition != NO_NODE &&
		 condition_cost(policy, clause->condition, false) < COST_ALWAYS)
		condition_put(b, clause->condition, false, at);
	else
		*TABLE_ADD(policy->arena, &policy->index->always) = at;
}

void index_build(struct policy *policy)
{
	struct arena *scratch = arena_new();
	struct building b = {policy, ARENA_ARRAY(scratch, struct bucket *, policy->term_count + 1)};

	policy->index = ARENA_NEW(policy->arena, struct clause_index);
	policy->index->of_network =
		ARENA_ARRAY(policy->arena, struct bucket *, policy->networks.count + 1);
	for (uint32_t i = 0; i < policy->clauses.count; i++)
		clause_index(&b, i);
	arena_free(scratch);
}

void index_free(struct policy *policy)
{
	for (size_t i = 0; policy->index && i < INDEX_KEYED; i++)
		map_free(policy->index->keyed[i]);
}
