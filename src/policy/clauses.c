/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling clauses: keys of addresses, the stage at which each can be decided, and the reason that
 * a `refuse` or `defer` gives. */
#include "policy/index.h"

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

static void atom_stages(const struct policy *policy, struct clause *clause, const struct node *node)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);
	enum stage stage =
		node->atom == ATOM_TRUSTED ? policy->trust_stage : fact_row(row->fact)->stage;

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
	case NODE_ATOM: atom_stages(policy, clause, node); return;
	case NODE_NOT: condition_stages(policy, clause, node->left); return;
	case NODE_AND:
	case NODE_OR:
		condition_stages(policy, clause, node->left);
		condition_stages(policy, clause, node->right);
		return;
	}
}

/* ---- what a clause is about ---- */

static uint32_t subject_add(struct policy *policy, struct node node)
{
	node.kind = NODE_ATOM;
	*TABLE_ADD(policy->arena, &policy->nodes) = node;
	return (uint32_t)(policy->nodes.count - 1);
}

static uint32_t credential_subject(struct policy *policy, const struct clause *clause)
{
	struct node node = {0};

	switch (clause->credential) {
	case CREDENTIAL_NETWORK:
		node = (struct node){.atom = ATOM_NETWORK, .index = clause->network};
		break;
	case CREDENTIAL_AUTHENTICATED: node = (struct node){.atom = ATOM_AUTHENTICATED}; break;
	case CREDENTIAL_ACCOUNT:
		node = (struct node){.atom = ATOM_ACCOUNT, .text = clause->name};
		break;
	case CREDENTIAL_GROUP:
		node = (struct node){.atom = ATOM_GROUP, .text = clause->name};
		break;
	case CREDENTIAL_CERTIFICATE:
		node = (struct node){.atom = ATOM_CERTIFICATE, .index = clause->network};
		break;
	case CREDENTIAL_RECENT_POP:
		node = (struct node){.atom = ATOM_RECENT_POP, .number = (uint64_t)clause->within};
		break;
	case CREDENTIAL_LOCAL: node = (struct node){.atom = ATOM_LOCAL}; break;
	case CREDENTIAL_LOCAL_USER:
		node = (struct node){.atom = ATOM_LOCAL, .text = clause->name};
		break;
	}
	return subject_add(policy, node);
}

static uint32_t counted_subject(struct policy *policy, const struct limit *limit)
{
	switch (limit->counted) {
	case COUNTED_AUTHENTICATED:
		return subject_add(policy, (struct node){.atom = ATOM_AUTHENTICATED});
	case COUNTED_ACCOUNT:
		return subject_add(
			policy, (struct node){.atom = ATOM_ACCOUNT, .text = limit->name});
	case COUNTED_GROUP:
		return subject_add(policy, (struct node){.atom = ATOM_GROUP, .text = limit->name});
	case COUNTED_NETWORK:
		return subject_add(
			policy, (struct node){.atom = ATOM_NETWORK, .index = limit->index});
	case COUNTED_CERTIFICATE:
		return subject_add(
			policy, (struct node){.atom = ATOM_CERTIFICATE, .index = limit->index});
	case COUNTED_CLIENT:
	case COUNTED_SENDER:
	case COUNTED_SENDER_DOMAIN:
	case COUNTED_RECIPIENT: break;
	}
	return NO_NODE;
}

static uint32_t clause_subject(struct policy *policy, const struct clause *clause)
{
	switch (clause->kind) {
	case CLAUSE_RELAY: return credential_subject(policy, clause);
	case CLAUSE_LIMIT: return counted_subject(policy, &clause->limit);
	case CLAUSE_FORWARD:
	case CLAUSE_REFUSE:
	case CLAUSE_DEFER: break;
	}
	return NO_NODE;
}

/* A list that stands positively in a refusal counts as not listing while it does not answer
 * (doc/policy.md, "Facts may be unknown"). */
static bool is_blocklist(enum atom atom)
{
	return atom == ATOM_LISTED || atom == ATOM_HELO_LISTED || atom == ATOM_LINK_LISTED ||
	       atom == ATOM_SENDER_DOMAIN_LISTED;
}

static void lists_mark(struct policy *policy, uint32_t at, bool positive)
{
	if (at == NO_NODE)
		return;
	struct node *node = &policy->nodes.at[at];
	switch ((enum node_kind)node->kind) {
	case NODE_ATOM: node->lenient = positive && is_blocklist((enum atom)node->atom); return;
	case NODE_NOT: lists_mark(policy, node->left, !positive); return;
	case NODE_AND:
	case NODE_OR:
		lists_mark(policy, node->left, positive);
		lists_mark(policy, node->right, positive);
		return;
	}
}

/* ---- reasons ---- */

/* How telling an atom is for the clause's reason: one that must hold for the clause to fire and has
 * a reason of its own (unknown recipient, size, a list); one that must not hold and has one for
 * that (not dmarc pass); one that stands positively; one under `not` or in `unless`. */
enum weight { WEIGHT_NONE, WEIGHT_NEGATED, WEIGHT_POSITIVE, WEIGHT_ABSENT, WEIGHT_OWN };

struct telling {
	enum weight weight;
	enum reason reason;
	uint64_t number;
	uint32_t node;
};

static enum reason reason_of_rank(enum reason reason, bool refused)
{
	switch (reason_row(reason)->rank) {
	case RANK_RECIPIENT: return refused ? REASON_REFUSED_RECIPIENT : REASON_DEFERRED_RECIPIENT;
	case RANK_SENDER: return refused ? REASON_REFUSED_SENDER : REASON_DEFERRED_SENDER;
	case RANK_RELAY:
	case RANK_CLIENT:
	case RANK_CONTENT:
	case RANK_TRANSPORT: break;
	}
	return refused ? REASON_REFUSED_CLIENT : REASON_DEFERRED_CLIENT;
}

/* What a clause says that rests on the atom and on nothing more telling. */
static enum reason general_reason(const struct node *node, enum reason own, bool refused)
{
	if (atom_row((enum atom)node->atom)->fact == FACT_FROM)
		return refused ? REASON_REFUSED_AUTHOR : REASON_DEFERRED_AUTHOR;
	return reason_of_rank(own, refused);
}

static enum reason own_reason(const struct node *node, bool refused)
{
	const struct atom_row *row = atom_row((enum atom)node->atom);

	if (refused && node->atom == ATOM_SPF && slice_is(node->text, SLICE("permerror")))
		return REASON_SPF_PERMERROR;
	return refused ? row->refused : row->deferred;
}

/* The weight of the atom's own reason where it stands so; NONE: it is not its to give. */
static enum weight own_weight(const struct node *node, bool negated)
{
	switch (atom_row((enum atom)node->atom)->tells) {
	case TELLS_TRUE: return negated ? WEIGHT_NONE : WEIGHT_OWN;
	case TELLS_ABSENT: return negated ? WEIGHT_NEGATED : WEIGHT_NONE;
	case TELLS_EITHER: return negated ? WEIGHT_ABSENT : WEIGHT_OWN;
	case TELLS_RESULT:
		if (slice_is(node->text, SLICE("pass")))
			return negated ? WEIGHT_ABSENT : WEIGHT_NONE;
		return negated ? WEIGHT_NONE : WEIGHT_OWN;
	}
	return WEIGHT_NONE;
}

static struct telling atom_telling(
	const struct policy *policy, uint32_t at, bool refused, bool sure, bool negated)
{
	const struct node *node = &policy->nodes.at[at];
	enum reason own = own_reason(node, refused);
	enum reason general = general_reason(node, own, refused);
	enum weight weight = own_weight(node, negated);

	if (own != general && sure && weight != WEIGHT_NONE)
		return (struct telling){weight, own, node->number, at};
	return (struct telling){negated ? WEIGHT_NEGATED : WEIGHT_POSITIVE, general, 0, at};
}

/* The more telling; of equal ones the reason that stands first, the smaller number, the smaller
 * text. */
static struct telling telling_best(const struct policy *policy, struct telling a, struct telling b)
{
	if (a.weight != b.weight)
		return a.weight > b.weight ? a : b;
	if (a.reason != b.reason)
		return a.reason < b.reason ? a : b;
	if (a.number != b.number)
		return a.number < b.number ? a : b;
	struct slice one = policy->nodes.at[a.node].text, other = policy->nodes.at[b.node].text;
	return slice_compare(one, other) <= 0 ? a : b;
}

/* `sure`: the clause fires only if this part is true (or, negated, false). */
static struct telling condition_telling(
	const struct policy *policy, uint32_t at, bool refused, bool sure, bool negated)
{
	const struct node *node = &policy->nodes.at[at];
	bool both;

	switch ((enum node_kind)node->kind) {
	case NODE_ATOM: return atom_telling(policy, at, refused, sure, negated);
	case NODE_NOT: return condition_telling(policy, node->left, refused, sure, !negated);
	case NODE_AND:
	case NODE_OR:
		both = sure && (node->kind == NODE_AND) != negated;
		return telling_best(policy,
			condition_telling(policy, node->left, refused, both, negated),
			condition_telling(policy, node->right, refused, both, negated));
	}
	return (struct telling){WEIGHT_NONE, REASON_NONE, 0, at};
}

static void reason_settle(struct policy *policy, struct clause *clause)
{
	clause->speaks = NO_NODE;
	if (clause->kind == CLAUSE_LIMIT)
		clause->reason = REASON_LIMIT_REACHED;
	if (clause->kind != CLAUSE_REFUSE && clause->kind != CLAUSE_DEFER)
		return;
	struct telling telling = condition_telling(
		policy, clause->condition, clause->kind == CLAUSE_REFUSE, true, false);
	clause->reason = telling.reason;
	clause->number = telling.number;
	clause->speaks = telling.node;
	lists_mark(policy, clause->condition, true);
}

/* ---- the whole ---- */

static void stages_settle(struct policy *policy, struct clause *clause)
{
	bool at_rcpt = clause->kind != CLAUSE_REFUSE && clause->kind != CLAUSE_DEFER;

	condition_stages(policy, clause, clause->condition);
	condition_stages(policy, clause, clause->subject);
	if (at_rcpt) {
		stage_raise(&clause->stage, STAGE_RCPT);
		stage_raise(&clause->without_size, STAGE_RCPT);
	}
	policy->clauses_at[clause->stage] = true;
	if (clause->names_size)
		policy->clauses_at[clause->without_size > STAGE_MAIL ? clause->without_size
								     : STAGE_MAIL] = true;
}

static void kinds_find(struct policy *policy)
{
	policy->relays = ARENA_ARRAY(policy->arena, uint32_t, policy->clauses.count + 1);
	policy->limits = ARENA_ARRAY(policy->arena, uint32_t, policy->clauses.count + 1);
	for (size_t i = 0; i < policy->clauses.count; i++) {
		const struct clause *clause = &policy->clauses.at[i];
		if (clause->kind == CLAUSE_LIMIT)
			policy->limits[policy->limit_count++] = (uint32_t)i;
		if (clause->kind != CLAUSE_RELAY)
			continue;
		const struct node *node = &policy->nodes.at[clause->subject];
		stage_raise(&policy->trust_stage,
			fact_row(atom_row((enum atom)node->atom)->fact)->stage);
		policy->relays[policy->relay_count++] = (uint32_t)i;
	}
}

void clauses_compile(struct policy *policy)
{
	for (size_t i = 0; i < policy->clauses.count; i++)
		policy->clauses.at[i].subject = clause_subject(policy, &policy->clauses.at[i]);
	policy->signed_in = subject_add(policy, (struct node){.atom = ATOM_AUTHENTICATED});
	policy->unknown_recipient =
		subject_add(policy, (struct node){.atom = ATOM_RECIPIENT_UNKNOWN});
	kinds_find(policy);
	terms_number(policy);
	policy->clauses_at[STAGE_RCPT] =
		true; /* whether the recipient is known or may be relayed to */
	for (size_t i = 0; i < policy->clauses.count; i++) {
		reason_settle(policy, &policy->clauses.at[i]);
		stages_settle(policy, &policy->clauses.at[i]);
	}
	index_build(policy);
}
