/* SPDX-License-Identifier: Apache-2.0 */
/* Clauses that decide nothing: they can never match, match always, or stand twice. */
#include "policy/agree.h"
#include "policy/check.h"

struct checking {
	const struct policy *policy;
	struct complaints *complaints;
	struct agreeing agreeing;
};

static void clause_warn(
	struct checking *c, const struct clause *clause, struct slice what, struct slice right)
{
	struct token token = token_of_place(&clause->place);

	complain_at(c->complaints, SEVERITY_WARNING, &token, what, right);
}

/* ---- never, always ---- */

/* Of what must all be true, the first pair that cannot be together. */
struct literal {
	uint32_t at;
	bool is;
};
struct literals {
	TABLE(struct literal) list;
};

static void literals_collect(struct checking *c, uint32_t at, bool is, struct literals *literals)
{
	if (at == NO_NODE)
		return;
	const struct node *node = &c->policy->nodes.at[at];
	enum node_kind joint = is ? NODE_AND : NODE_OR;
	if (node->kind == NODE_ATOM) {
		*TABLE_ADD(c->agreeing.arena, &literals->list) = (struct literal){at, is};
	} else if (node->kind == NODE_NOT) {
		literals_collect(c, node->left, !is, literals);
	} else if (node->kind == joint) {
		literals_collect(c, node->left, is, literals);
		literals_collect(c, node->right, is, literals);
	}
}

static bool pair_excludes(struct checking *c, const struct literal *a, const struct literal *b)
{
	const struct node *nodes = c->policy->nodes.at;

	return !atoms_agree(&c->agreeing, &nodes[a->at], a->is, &nodes[b->at], b->is);
}

static bool has_token(const struct checking *c, uint32_t at)
{
	return at < c->policy->node_tokens.count;
}

/* Points at the second of two atoms that exclude each other; false if no pair does. */
static bool pair_warn(struct checking *c, const struct clause *clause)
{
	struct literals literals = {0};
	char what[160];
	struct text text = TEXT_FIXED(what);

	literals_collect(c, clause->subject, true, &literals);
	literals_collect(c, clause->condition, true, &literals);
	for (size_t i = 0; i < literals.list.count; i++)
		for (size_t j = i + 1; j < literals.list.count; j++) {
			const struct literal *a = &literals.list.at[i], *b = &literals.list.at[j];
			if (!has_token(c, b->at) || !pair_excludes(c, a, b))
				continue;
			text_put(&text, SLICE("this clause can never match: what stands here "
					      "excludes what stands "));
			if (has_token(c, a->at))
				text_format(&text, "in column %u",
					c->policy->node_tokens.at[a->at].column);
			else
				text_put(&text, SLICE("before `if` or `unless`"));
			complain_at(c->complaints, SEVERITY_WARNING,
				&c->policy->node_tokens.at[b->at], text_slice(&text),
				SLICE("`or` in place of `and`, or no such line"));
			return true;
		}
	return false;
}

/* Points at an atom that cannot be true in this configuration. */
static bool atom_warn(struct checking *c, const struct clause *clause)
{
	struct literals literals = {0};

	literals_collect(c, clause->condition, true, &literals);
	for (size_t i = 0; i < literals.list.count; i++) {
		const struct literal *literal = &literals.list.at[i];
		if (!has_token(c, literal->at) ||
			atom_can_be(c->policy, &c->policy->nodes.at[literal->at], literal->is))
			continue;
		complain_at(c->complaints, SEVERITY_WARNING,
			&c->policy->node_tokens.at[literal->at],
			SLICE("this clause can never match: this is never so in this "
			      "configuration"),
			SLICE("another condition, or no such line"));
		return true;
	}
	return false;
}

static void never_check(struct checking *c, const struct clause *clause)
{
	struct wish wishes[] = {{clause->subject, true}, {clause->condition, true}};

	if (wishes_can_be(&c->agreeing, wishes, 2) != CANNOT_BE)
		return;
	if (!pair_warn(c, clause) && !atom_warn(c, clause))
		clause_warn(c, clause,
			SLICE("this clause can never match, whoever the client is and whatever it "
			      "sends"),
			SLICE("another condition, or no such line"));
}

static void always_check(struct checking *c, const struct clause *clause)
{
	struct wish wish = {clause->condition, false};
	bool refuses = clause->kind == CLAUSE_REFUSE || clause->kind == CLAUSE_DEFER;

	if (clause->condition == NO_NODE || wishes_can_be(&c->agreeing, &wish, 1) != CANNOT_BE)
		return;
	if (refuses)
		clause_warn(c, clause, SLICE("this clause always matches: no mail is accepted"),
			SLICE("a condition that some mail does not meet"));
	else
		clause_warn(c, clause, SLICE("the condition is always true, and so says nothing"),
			SLICE("the line without it"));
}

/* ---- twice ---- */

/* What a clause adds to the others is nothing if one of the same kind needs less: the same without
 * any condition, or with one that this one's contains. */
static bool is_part_of(const struct checking *c, uint32_t part, uint32_t whole)
{
	const struct node *nodes = c->policy->nodes.at;

	if (part == NO_NODE)
		return true;
	while (whole != NO_NODE) {
		bool both = nodes[whole].kind == NODE_AND;
		uint32_t term = both ? nodes[whole].left : whole;
		if (nodes[part].kind == NODE_ATOM && node_is_alike(&nodes[part], &nodes[term]))
			return true;
		whole = both ? nodes[whole].right : NO_NODE;
	}
	return false;
}

static bool same_subject(const struct checking *c, const struct clause *a, const struct clause *b)
{
	const struct node *nodes = c->policy->nodes.at;

	if (a->subject == NO_NODE || b->subject == NO_NODE)
		return a->subject == b->subject;
	return node_is_alike(&nodes[a->subject], &nodes[b->subject]);
}

static bool says_nothing_itself(const struct clause *clause)
{
	return clause->say.len == 0 && clause->code == 0;
}

/* Whether `clause` adds nothing beside `other`. */
static bool adds_nothing(
	const struct checking *c, const struct clause *clause, const struct clause *other)
{
	if (clause->kind != other->kind || clause->kind == CLAUSE_LIMIT ||
		clause->kind == CLAUSE_FORWARD || !same_subject(c, clause, other))
		return false;
	if (clause->kind == CLAUSE_RELAY)
		return other->place.until >= clause->place.until &&
		       is_part_of(c, other->condition, clause->condition);
	return says_nothing_itself(clause) && other->condition != NO_NODE &&
	       is_part_of(c, other->condition, clause->condition);
}

/* Clauses of one atom (or, of grants, none) by that atom's term or subject's: the only ones that
 * others can be part of. */
struct index {
	uint32_t *first; /* by term: a clause */
};

static uint32_t term_of_simple(const struct checking *c, const struct clause *clause)
{
	const struct node *nodes = c->policy->nodes.at;
	uint32_t at = clause->kind == CLAUSE_RELAY ? clause->subject : clause->condition;
	bool simple = at != NO_NODE && nodes[at].kind == NODE_ATOM &&
		      (clause->kind != CLAUSE_RELAY || clause->condition == NO_NODE);

	return simple ? nodes[at].term : NO_NODE;
}

static struct index index_of(struct checking *c)
{
	struct index index = {
		ARENA_ARRAY(c->agreeing.arena, uint32_t, 2 * c->policy->term_count + 2)};

	for (size_t i = 0; i < c->policy->clauses.count; i++) {
		const struct clause *clause = &c->policy->clauses.at[i];
		uint32_t term = term_of_simple(c, clause);
		bool grants = clause->kind == CLAUSE_RELAY;
		if (term != NO_NODE && index.first[2 * term + grants] == 0)
			index.first[2 * term + grants] = (uint32_t)i + 1;
	}
	return index;
}

static bool twice_warn(struct checking *c, const struct clause *clause, uint32_t other_at)
{
	const struct clause *other = &c->policy->clauses.at[other_at];
	char what[200];
	struct text text = TEXT_FIXED(what);

	if (clause == other || !adds_nothing(c, clause, other))
		return false;
	text_format(&text, "this clause adds nothing to the one at %.*s:%u",
		SLICE_ARGS(slice_part(other->place.file, 0, 100)), other->place.line);
	clause_warn(c, clause, text_slice(&text), SLICE("one of the two"));
	return true;
}

static void twice_check(struct checking *c, const struct index *index, const struct clause *clause)
{
	struct literals literals = {0};
	bool grants = clause->kind == CLAUSE_RELAY;

	literals_collect(c, grants ? clause->subject : clause->condition, true, &literals);
	for (size_t i = 0; i < literals.list.count; i++) {
		uint32_t term = c->policy->nodes.at[literals.list.at[i].at].term;
		uint32_t first = index->first[2 * term + grants];
		if (literals.list.at[i].is && first > 0 && twice_warn(c, clause, first - 1))
			return;
	}
}

void clauses_check(const struct policy *policy, struct complaints *complaints)
{
	struct arena *arena = arena_new(), *scratch = arena_new();
	struct checking c = {policy, complaints, agreeing_with(policy, arena, scratch)};
	struct index index = index_of(&c);

	for (size_t i = 0; i < policy->clauses.count; i++) {
		const struct clause *clause = &policy->clauses.at[i];
		never_check(&c, clause);
		always_check(&c, clause);
		twice_check(&c, &index, clause);
	}
	arena_free(scratch);
	arena_free(arena);
}
