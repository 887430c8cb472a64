/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a whole clause: its credential or what it counts, its condition, and what else it
 * rests on (until, a counter, a lease's sender, the alias). */
#include "policy/decide.h"

/* The stage at which all facts the clause names are known: earlier than the end of data for one
 * that names `size` only if the size said in MAIL is above what it allows. */
enum stage clause_stage(const struct question *q, const struct clause *clause)
{
	const struct facts *facts = q->facts;
	bool declared = clause->names_size && facts->has_size && !facts->size_is_final &&
			facts->size > clause->size_above;

	if (!declared)
		return clause->stage;
	return clause->without_size > STAGE_MAIL ? clause->without_size : STAGE_MAIL;
}

static bool has_ended(const struct question *q, const struct clause *clause)
{
	return q->facts->now != 0 && q->facts->now >= clause->place.until;
}

/* What `possible` takes it to be. */
static bool extra_assumed(struct question *q, const struct clause *clause, enum truth *value)
{
	uint32_t at = (uint32_t)(clause - q->policy->clauses.at);

	for (size_t i = 0; i < q->assumed_count; i++)
		if (q->assumed[i].kind == ASSUMED_EXTRA && q->assumed[i].at == at) {
			*value = q->assumed[i].value;
			return true;
		}
	return false;
}

/* ---- a lease's sender ---- */

/* Mail under a lease is its account's and must use a sender that one owns (doc/policy.md, "Signing
 * in"). The null sender is nobody's. */
static enum truth lease_covers(struct question *q, const struct clause *clause)
{
	static const struct node owned = {.kind = NODE_ATOM, .atom = ATOM_SENDER_OWNED};
	enum truth value;

	if (!q->facts->has_sender)
		return UNKNOWN_;
	if (q->facts->sender.is_null)
		return TRUE_;
	if (given_value(q, &owned, &value))
		return value;
	switch (lease_owns(q, &q->sender, clause->within)) {
	case OWNING_YES: return TRUE_;
	case OWNING_UNKNOWN: return UNKNOWN_;
	case OWNING_NOT:
	case OWNING_NOBODY: break;
	}
	return FALSE_;
}

/* ---- counters ---- */

const struct counter_answer *counter_find(const struct question *q, const struct clause *clause)
{
	uint32_t at = (uint32_t)(clause - q->policy->clauses.at);

	for (size_t i = 0; i < q->facts->counter_count; i++)
		if (q->facts->counters[i].clause == at)
			return &q->facts->counters[i];
	return NULL;
}

/* At no particular time (`expect`) counters are empty. */
static enum truth counter_is_full(struct question *q, const struct clause *clause)
{
	const struct counter_answer *counter = counter_find(q, clause);

	if (!counter)
		return q->facts->now == 0 ? FALSE_ : UNKNOWN_;
	return counter->unknown ? UNKNOWN_ : counter->full ? TRUE_ : FALSE_;
}

enum truth clause_extra(struct question *q, const struct clause *clause)
{
	enum truth value;

	if (extra_assumed(q, clause, &value))
		return value;
	if (clause->kind == CLAUSE_LIMIT)
		return counter_is_full(q, clause);
	if (clause->kind == CLAUSE_RELAY && clause->credential == CREDENTIAL_RECENT_POP)
		return lease_covers(q, clause);
	return TRUE_;
}

/* ---- clauses ---- */

static enum truth has_one(bool known, bool is)
{
	return !known ? UNKNOWN_ : is ? TRUE_ : FALSE_;
}

/* Whether there is one of what it counts each of: the null sender and a program of this host have
 * no counter. */
static enum truth counted_is_there(struct question *q, const struct limit *limit)
{
	const struct facts *facts = q->facts;

	switch (limit->counted) {
	case COUNTED_AUTHENTICATED:
	case COUNTED_ACCOUNT:
	case COUNTED_GROUP:
	case COUNTED_NETWORK:
	case COUNTED_CERTIFICATE: return TRUE_; /* the subject says it */
	case COUNTED_CLIENT:
		return has_one(facts->has_client || facts->is_local, facts->has_client);
	case COUNTED_SENDER:
	case COUNTED_SENDER_DOMAIN: return has_one(facts->has_sender, !facts->sender.is_null);
	case COUNTED_RECIPIENT: return has_one(facts->has_recipient, true);
	}
	return UNKNOWN_;
}

enum truth limit_applies(struct question *q, const struct clause *clause)
{
	enum truth value = counted_is_there(q, &clause->limit);

	if (value != FALSE_)
		value = truth_and(value, condition_value(q, clause->subject));
	return value == FALSE_ ? value : truth_and(value, condition_value(q, clause->condition));
}

static bool forwards_alias(struct question *q, const struct clause *clause)
{
	if (!q->facts->has_alias)
		return false;
	if (clause->forward_domain.len > 0)
		return slice_is(clause->forward_domain, q->facts->alias.domain);
	return slice_is(clause->forward_address, party_plain(q, &q->alias)) ||
	       slice_is(clause->forward_address, party_tagged(q, &q->alias));
}

bool grant_is_offered(struct question *q, const struct clause *clause)
{
	if (has_ended(q, clause))
		return false;
	return clause->kind == CLAUSE_FORWARD ? forwards_alias(q, clause)
					      : condition_value(q, clause->subject) != FALSE_;
}

enum truth clause_value(struct question *q, const struct clause *clause)
{
	enum truth value = TRUE_;

	switch (clause->kind) {
	case CLAUSE_REFUSE:
	case CLAUSE_DEFER: return condition_value(q, clause->condition);
	case CLAUSE_LIMIT: value = limit_applies(q, clause); break;
	case CLAUSE_RELAY:
		if (has_ended(q, clause))
			return FALSE_;
		value = condition_value(q, clause->subject);
		if (value != FALSE_)
			value = truth_and(value, condition_value(q, clause->condition));
		break;
	case CLAUSE_FORWARD:
		if (has_ended(q, clause) || !forwards_alias(q, clause))
			return FALSE_;
		value = condition_value(q, clause->condition);
		break;
	}
	return value == FALSE_ ? value : truth_and(value, clause_extra(q, clause));
}
