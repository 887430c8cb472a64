/* SPDX-License-Identifier: Apache-2.0 */
/* The next thing that `possible` may try: the first part of a clause that is unknown. */
#include "policy/decide.h"

static bool trust_open(struct question *q, struct assumed *open)
{
	const struct policy *policy = q->policy;

	for (size_t i = 0; i < policy->relay_count; i++) {
		const struct clause *clause = &policy->clauses.at[policy->relays[i]];
		bool ended = q->facts->now != 0 && q->facts->now >= clause->place.until;
		if (!ended && condition_open(q, clause->subject, open))
			return true;
	}
	return false;
}

static struct assumed of_account(struct question *q, struct slice account, struct party *party)
{
	return (struct assumed){
		.kind = ASSUMED_OWNS, .account = account, .key = party_plain(q, party)};
}

static bool party_open(struct question *q, struct party *party, struct assumed *open)
{
	struct slice account;

	if (!owning_open(q, party, &account))
		return false;
	*open = of_account(q, account, party);
	return true;
}

/* What an account owns is tried, of the sender or of whoever stands behind the message. */
static bool owned_open(struct question *q, const struct node *node, struct assumed *open)
{
	bool sender = node->atom == ATOM_SENDER_OWNED || node->atom == ATOM_SENDER_NOT_OWNED;
	bool from = node->atom == ATOM_FROM_OWNED || node->atom == ATOM_FROM_NOT_OWNED;
	struct party *party;

	if (sender)
		return fact_is_known(q->facts, FACT_SENDER) && party_open(q, &q->sender, open);
	for (size_t n = 0;
		from && fact_is_known(q->facts, FACT_FROM) && (party = author_party(q, n)) != NULL;
		n++)
		if (party_open(q, party, open))
			return true;
	return false;
}

/* Not the atom itself is tried where it follows from others. */
static bool atom_open(struct question *q, const struct node *node, struct assumed *open)
{
	if ((node->atom != ATOM_TRUSTED || !trust_open(q, open)) && !owned_open(q, node, open))
		*open = (struct assumed){.kind = ASSUMED_TERM, .at = node->term};
	return true;
}

/* What is known at a later stage alone is nothing to try now. */
static bool atom_is_later(const struct question *q, const struct node *node)
{
	return fact_row(atom_row((enum atom)node->atom)->fact)->stage > q->stage;
}

/* A chain goes on to the right, in a loop: it may be long. */
bool condition_open(struct question *q, uint32_t at, struct assumed *open)
{
	while (at != NO_NODE && condition_value(q, at) == UNKNOWN_) {
		const struct node *node = &q->policy->nodes.at[at];
		if (node->kind == NODE_ATOM)
			return !atom_is_later(q, node) && atom_open(q, node, open);
		at = node->left;
		if (node->kind != NODE_NOT) {
			if (condition_open(q, node->left, open))
				return true;
			at = node->right;
		}
	}
	return false;
}

bool clause_open(struct question *q, const struct clause *clause, struct assumed *open)
{
	struct slice account;

	if (clause_value(q, clause) != UNKNOWN_)
		return false;
	if (condition_open(q, clause->subject, open) || condition_open(q, clause->condition, open))
		return true;
	if (clause_extra(q, clause) != UNKNOWN_)
		return false;
	bool lease = clause->kind == CLAUSE_RELAY && q->facts->has_sender &&
		     lease_open(q, &q->sender, clause->within, &account);
	*open = lease ? of_account(q, account, &q->sender)
		      : (struct assumed){.kind = ASSUMED_EXTRA,
				.at = (uint32_t)(clause - q->policy->clauses.at)};
	return true;
}

bool grant_open(struct deciding *d, struct assumed *open)
{
	for (size_t i = 0; i < d->trace_count; i++) {
		const struct clause *clause = &d->q.policy->clauses.at[d->trace[i].clause];
		if (clause_is_grant(clause) && clause_open(&d->q, clause, open))
			return true;
	}
	return false;
}
