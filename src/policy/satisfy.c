/* SPDX-License-Identifier: Apache-2.0 */
/* Whether conditions can have given values together: a search over the values of their atoms that
 * stops as soon as a condition is decided, and never tries two atoms that do not agree. The
 * contract is in agree.h. */
#include "policy/agree.h"

enum { TERMS_MAX = 40, STEPS_MAX = 5000, STEPS_OF_ALL_MAX = 1000000 };

struct search {
	struct agreeing *g;
	const struct wish *wishes;
	size_t wish_count;
	const struct node *terms[TERMS_MAX];
	enum truth values[TERMS_MAX];
	size_t count;
	/* By pair: for each of four pairs of values, bit 1 << n: asked; 16 << n: they agree. */
	uint8_t pairs[TERMS_MAX][TERMS_MAX];
	bool too_many;
	unsigned steps;
};

/* ---- the atoms of the wishes ---- */

static size_t term_find(const struct search *s, const struct node *node)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->terms[i]->term == node->term)
			return i;
	return s->count;
}

static void terms_collect(struct search *s, uint32_t at)
{
	if (at == NO_NODE)
		return;
	const struct node *node = &s->g->policy->nodes.at[at];
	if (node->kind != NODE_ATOM) {
		terms_collect(s, node->left);
		if (node->kind != NODE_NOT)
			terms_collect(s, node->right);
		return;
	}
	if (s->too_many || term_find(s, node) < s->count)
		return;
	s->too_many = s->count == TERMS_MAX;
	if (s->too_many)
		return;
	s->terms[s->count] = node;
	s->values[s->count++] = UNKNOWN_;
}

/* ---- the search ---- */

static enum truth value_of(const struct search *s, uint32_t at)
{
	enum truth left, right;

	if (at == NO_NODE)
		return TRUE_;
	const struct node *node = &s->g->policy->nodes.at[at];
	switch ((enum node_kind)node->kind) {
	case NODE_ATOM: return s->values[term_find(s, node)];
	case NODE_NOT: return truth_not(value_of(s, node->left));
	case NODE_AND: return truth_and(value_of(s, node->left), value_of(s, node->right));
	case NODE_OR:
		left = truth_not(value_of(s, node->left));
		right = truth_not(value_of(s, node->right));
		return truth_not(truth_and(left, right));
	}
	return UNKNOWN_;
}

/* What the values tried so far make of the wishes: TRUE_ if all have come true. */
static enum truth wishes_value(const struct search *s)
{
	enum truth whole = TRUE_;

	for (size_t i = 0; i < s->wish_count; i++) {
		enum truth value = value_of(s, s->wishes[i].condition);
		whole = truth_and(whole, s->wishes[i].is ? value : truth_not(value));
	}
	return whole;
}

static bool pair_agrees(struct search *s, size_t a, bool a_is, size_t b, bool b_is)
{
	uint8_t *pair = &s->pairs[a][b];
	unsigned shift = 2u * a_is + b_is;

	if (!(*pair & 1u << shift)) {
		bool agrees = atoms_agree(s->g, s->terms[a], a_is, s->terms[b], b_is);
		*pair = (uint8_t)(*pair | 1u << shift | (agrees ? 16u << shift : 0u));
	}
	return *pair & 16u << shift;
}

static bool may_be(struct search *s, size_t term, bool is)
{
	if (!atom_can_be(s->g->policy, s->terms[term], is))
		return false;
	for (size_t i = 0; i < term; i++)
		if (!pair_agrees(s, i, s->values[i] == TRUE_, term, is))
			return false;
	return true;
}

/* Gives values to the terms from `term` on; true: an assignment makes the wishes true. */
static bool search_from(struct search *s, size_t term)
{
	enum truth now = wishes_value(s);

	if (now == FALSE_ || ++s->steps > STEPS_MAX)
		return false;
	if (term == s->count)
		return now == TRUE_;
	for (int is = 1; is >= 0; is--) {
		s->values[term] = is ? TRUE_ : FALSE_;
		if (may_be(s, term, is) && search_from(s, term + 1))
			return true;
	}
	s->values[term] = UNKNOWN_;
	return false;
}

enum answer wishes_can_be(struct agreeing *g, const struct wish *wishes, size_t count)
{
	struct search search = {.g = g, .wishes = wishes, .wish_count = count};

	for (size_t i = 0; i < count; i++)
		terms_collect(&search, wishes[i].condition);
	if (search.too_many || g->steps > STEPS_OF_ALL_MAX)
		return CANNOT_TELL;
	bool found = search_from(&search, 0);
	g->steps += search.steps;
	if (found)
		return CAN_BE;
	return search.steps > STEPS_MAX ? CANNOT_TELL : CANNOT_BE;
}
