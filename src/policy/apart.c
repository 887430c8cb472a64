/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether two recipients of one message can be told apart by what is decided after the data
 * (doc/policy.md, "When"): each clause is taken as far as it is known at RCPT, for both; what is
 * left of it must be the same. What is left may look different and mean the same; then they are
 * told apart without need, which costs a transaction and nothing else.
 */
#include "policy/decide.h"

struct pair {
	struct question *first, *second;
};

/* A chain goes on to the right, in a loop. */
static bool conditions_are_alike(struct pair pair, uint32_t at)
{
	while (at != NO_NODE) {
		const struct node *node = &pair.first->policy->nodes.at[at];
		enum truth one = condition_value(pair.first, at);
		enum truth two = condition_value(pair.second, at);
		if (one != two || one != UNKNOWN_ || node->kind == NODE_ATOM)
			return one == two;
		at = node->left;
		if (node->kind != NODE_NOT) {
			if (!conditions_are_alike(pair, node->left))
				return false;
			at = node->right;
		}
	}
	return true;
}

static bool clauses_are_alike(struct pair pair, const struct clause *clause)
{
	enum truth one = clause_value(pair.first, clause), two = clause_value(pair.second, clause);

	if (one != two || one != UNKNOWN_)
		return one == two;
	return conditions_are_alike(pair, clause->subject) &&
	       conditions_are_alike(pair, clause->condition);
}

static struct deciding deciding_at_rcpt(const struct policy *policy, const struct facts *facts,
	struct arena *arena, struct decision *decision)
{
	struct deciding d = {.decision = decision};

	deciding_run(&d, policy, facts, STAGE_RCPT, arena, true);
	return d;
}

/* Grants that are decided after the data. */
static bool grants_are_alike(struct deciding *first, struct deciding *second)
{
	struct pair pair = {&first->q, &second->q};
	const struct policy *policy = first->q.policy;

	if (first->pending != second->pending)
		return false;
	for (size_t i = 0; first->pending && i < policy->clauses.count; i++) {
		const struct clause *clause = &policy->clauses.at[i];
		if (clause_is_grant(clause) && !clauses_are_alike(pair, clause))
			return false;
	}
	return true;
}

bool policy_tells_apart(const struct policy *policy, const struct facts *first,
	const struct facts *second, struct arena *arena)
{
	struct decision decisions[2] = {{0}, {0}};
	struct deciding one = deciding_at_rcpt(policy, first, arena, &decisions[0]);
	struct deciding two = deciding_at_rcpt(policy, second, arena, &decisions[1]);
	struct pair pair = {&one.q, &two.q};

	for (size_t i = 0; i < policy->clauses.count; i++) {
		const struct clause *clause = &policy->clauses.at[i];
		bool after = !clause_is_grant(clause) && clause->stage > STAGE_RCPT;
		if (after && !clauses_are_alike(pair, clause))
			return true;
	}
	return !grants_are_alike(&one, &two);
}
