/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling clauses: keys of addresses, the stage at which each can be decided, and the reason that
 * a `refuse` or `defer` gives. */
#include "policy/atoms.h"

/* An address in a condition is kept as the key that a party's is compared with. */
void nodes_compile(struct policy *policy)
{
	for (size_t i = 0; i < policy->nodes.count; i++) {
		struct node *node = &policy->nodes.at[i];
		if (node->kind != NODE_ATOM ||
			atom_row((enum atom)node->atom)->argument != TAKES_ADDRESS)
			continue;
		struct mailbox mailbox = {.local = node->text, .domain = node->domain};
		node->text = party_key(policy, &mailbox, true, policy->arena);
	}
}

/* ---- stages ---- */

static void stage_raise(enum stage *stage, enum stage to)
{
	*stage = to > *stage ? to : *stage;
}

static void atom_stages(struct clause *clause, const struct node *node)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);
	enum stage stage = fact_row(row->fact)->stage;

	stage_raise(&clause->stage, stage);
	if (row->fact != FACT_SIZE) {
		stage_raise(&clause->without_size, stage);
		return;
	}
	clause->names_size = true;
	if (node->number > clause->size_above)
		clause->size_above = node->number;
}

static void condition_stages(const struct policy *policy, struct clause *clause, uint32_t at)
{
	if (at == NO_NODE)
		return;
	const struct node *node = &policy->nodes.at[at];
	switch ((enum node_kind)node->kind) {
	case NODE_ATOM: atom_stages(clause, node); return;
	case NODE_NOT: condition_stages(policy, clause, node->left); return;
	case NODE_AND:
	case NODE_OR:
		condition_stages(policy, clause, node->left);
		condition_stages(policy, clause, node->right);
		return;
	}
}

/* ---- reasons ---- */

/* How telling an atom is for the clause's reason: one that must be true for the clause to fire and
 * has a reason of its own (unknown recipient, size, recipients); one that stands positively; one
 * under `not` or in `unless`. */
enum weight { WEIGHT_NONE, WEIGHT_NEGATED, WEIGHT_POSITIVE, WEIGHT_OWN };

struct telling {
	enum weight weight;
	enum reason reason;
	uint64_t number;
};

static enum reason reason_of_rank(enum reason reason, bool refused)
{
	switch (reason_row(reason)->rank) {
	case RANK_RELAY:
	case RANK_RECIPIENT: return refused ? REASON_REFUSED_RECIPIENT : REASON_DEFERRED_RECIPIENT;
	case RANK_SENDER: return refused ? REASON_REFUSED_SENDER : REASON_DEFERRED_SENDER;
	case RANK_CLIENT:
	case RANK_CONTENT:
	case RANK_TRANSPORT: break;
	}
	return refused ? REASON_REFUSED_CLIENT : REASON_DEFERRED_CLIENT;
}

static struct telling atom_telling(const struct node *node, bool refused, bool sure, bool negated)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);
	enum reason own = refused ? row->refused : row->deferred;
	enum reason general = reason_of_rank(own, refused);

	if (own != general && sure && !negated)
		return (struct telling){WEIGHT_OWN, own, node->number};
	return (struct telling){negated ? WEIGHT_NEGATED : WEIGHT_POSITIVE, general, 0};
}

/* The more telling; of equal ones the reason that stands first, then the smaller number. */
static struct telling telling_best(struct telling a, struct telling b)
{
	if (a.weight != b.weight)
		return a.weight > b.weight ? a : b;
	if (a.reason != b.reason)
		return a.reason < b.reason ? a : b;
	return a.number <= b.number ? a : b;
}

/* `sure`: the clause fires only if this part is true (or, negated, false). */
static struct telling condition_telling(
	const struct policy *policy, uint32_t at, bool refused, bool sure, bool negated)
{
	const struct node *node = &policy->nodes.at[at];
	bool both;

	switch ((enum node_kind)node->kind) {
	case NODE_ATOM: return atom_telling(node, refused, sure, negated);
	case NODE_NOT: return condition_telling(policy, node->left, refused, sure, !negated);
	case NODE_AND:
	case NODE_OR:
		both = sure && (node->kind == NODE_AND) != negated;
		return telling_best(condition_telling(policy, node->left, refused, both, negated),
			condition_telling(policy, node->right, refused, both, negated));
	}
	return (struct telling){WEIGHT_NONE, REASON_NONE, 0};
}

static void clause_compile(struct policy *policy, struct clause *clause)
{
	condition_stages(policy, clause, clause->condition);
	if (clause->kind == CLAUSE_RELAY) {
		stage_raise(&clause->stage, STAGE_RCPT);
		return;
	}
	struct telling telling = condition_telling(
		policy, clause->condition, clause->kind == CLAUSE_REFUSE, true, false);
	clause->reason = telling.reason;
	clause->number = telling.number;
	policy->clauses_at[clause->stage] = true;
	if (clause->names_size)
		policy->clauses_at[clause->without_size > STAGE_MAIL ? clause->without_size
								     : STAGE_MAIL] = true;
}

void clauses_compile(struct policy *policy)
{
	policy->relays = ARENA_ARRAY(policy->arena, uint32_t, policy->clauses.count + 1);
	policy->clauses_at[STAGE_RCPT] =
		true; /* whether the recipient is known or may be relayed to */
	for (size_t i = 0; i < policy->clauses.count; i++) {
		clause_compile(policy, &policy->clauses.at[i]);
		if (policy->clauses.at[i].kind == CLAUSE_RELAY)
			policy->relays[policy->relay_count++] = (uint32_t)i;
	}
}
