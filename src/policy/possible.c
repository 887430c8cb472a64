/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What unknown facts leave open: the verdicts that some completion of them would give. Found by
 * trying both values of one unknown atom after the other, as far as they matter, and only together
 * with what they exclude (terms_agree()); patterns, and parts of an address that is not known, are
 * taken as independent of each other.
 *
 * Which of several findings speaks depends, as far as the verdict goes, on its stage and on whether
 * it refuses: its *rank*. The least rank that fires decides.
 */
#include "policy/decide.h"

enum { STEPS_MAX = 20000, DEPTH_MAX = 256, RANK_NONE = 2 * STAGES };

/* Something that fires if a fact turns out so: a clause, or one of the structural findings. */
enum item_kind { ITEM_CLAUSE, ITEM_DENIED, ITEM_MAILBOX, ITEM_SIGN_IN };
struct item {
	enum item_kind kind;
	const struct clause *clause;
	unsigned rank;
};
struct trying {
	struct deciding *d;
	struct item *items;
	size_t item_count;
	unsigned base; /* the least rank that fires for certain */
	struct assumed *chosen;
	size_t depth;
	bool known; /* who the client is known as */
	unsigned found, bound, steps;
};

static unsigned rank_of(enum stage stage, enum verdict verdict)
{
	return 2 * (unsigned)stage + (verdict == VERDICT_REFUSE ? 0 : 1);
}

static unsigned verdict_of(unsigned rank)
{
	return 1u << (rank == RANK_NONE ? VERDICT_ACCEPT
		       : rank % 2 == 0  ? VERDICT_REFUSE
					: VERDICT_DEFER);
}

/* ---- what is open ---- */

static enum verdict clause_verdict(const struct clause *clause)
{
	return clause->kind == CLAUSE_REFUSE ? VERDICT_REFUSE : VERDICT_DEFER;
}

static void item_add(struct trying *t, struct item item)
{
	t->items[t->item_count++] = item;
}

static void base_lower(struct trying *t, unsigned rank)
{
	t->base = rank < t->base ? rank : t->base;
}

static void clauses_gather(struct trying *t)
{
	struct deciding *d = t->d;

	for (size_t i = 0; i < d->trace_count; i++) {
		const struct clause *clause = &d->q.policy->clauses.at[d->trace[i].clause];
		unsigned rank = rank_of(clause_stage(&d->q, clause), clause_verdict(clause));
		if (clause_is_grant(clause))
			continue;
		if (d->trace[i].value == TRUE_)
			base_lower(t, rank);
		else
			item_add(t, (struct item){ITEM_CLAUSE, clause, rank});
	}
}

static void structural_gather(struct trying *t)
{
	struct deciding *d = t->d;
	unsigned sign_in = rank_of(STAGE_AUTH, VERDICT_REFUSE);
	unsigned mailbox = rank_of(STAGE_RCPT, VERDICT_REFUSE);

	if (d->sign_in.verdict == VERDICT_REFUSE)
		base_lower(t, sign_in);
	else if (d->sign_in.verdict == VERDICT_DEFER)
		item_add(t, (struct item){ITEM_SIGN_IN, NULL, sign_in});
	if (d->mailbox.verdict == VERDICT_REFUSE)
		base_lower(t, mailbox);
	else if (d->mailbox.verdict == VERDICT_DEFER)
		item_add(t, (struct item){ITEM_MAILBOX, NULL, mailbox});
	if (d->quota.has_account_limit)
		base_lower(t, rank_of(STAGE_RCPT, VERDICT_DEFER));
	if (d->decision->foreign && d->granted != TRUE_)
		item_add(t, (struct item){ITEM_DENIED, NULL, rank_of(STAGE_RCPT, VERDICT_REFUSE)});
}

/* ---- denied ---- */

/* A grant that only waits for what the message will say stands until then. */
static enum truth denied_value(struct deciding *d)
{
	enum truth denied = TRUE_;
	struct assumed variable;

	for (size_t i = 0; i < d->trace_count; i++) {
		const struct clause *clause = &d->q.policy->clauses.at[d->trace[i].clause];
		if (!clause_is_grant(clause))
			continue;
		enum truth value = clause_value(&d->q, clause);
		if (value == TRUE_)
			return FALSE_;
		if (value == UNKNOWN_ && !clause_open(&d->q, clause, &variable))
			return clause->stage > d->q.stage ? FALSE_ : UNKNOWN_;
		denied = value == UNKNOWN_ ? UNKNOWN_ : denied;
	}
	return denied;
}

/* Whether it was the message that had to be waited for (decide.c, denied_finding()). */
static enum truth denied_late(struct deciding *d, struct assumed *variable)
{
	const struct policy *policy = d->q.policy;
	enum truth late = d->q.facts->has_alias && d->late ? TRUE_ : FALSE_;

	for (size_t i = 0; i < policy->relay_count && !d->q.facts->has_alias; i++) {
		const struct clause *clause = &policy->clauses.at[policy->relays[i]];
		bool offered = clause->stage > STAGE_RCPT && grant_is_offered(&d->q, clause);
		if (!offered || d->q.stage <= STAGE_RCPT)
			continue;
		if (!condition_open(&d->q, clause->subject, variable))
			return TRUE_;
		late = UNKNOWN_;
	}
	return late;
}

/* ---- items ---- */

/* The denial's rank is that of its stage; while that is open, at least that of RCPT. */
static enum truth denied_rank(struct deciding *d, unsigned *rank)
{
	struct assumed variable;
	enum truth value = denied_value(d);
	enum truth late = value == FALSE_ ? FALSE_ : denied_late(d, &variable);

	*rank = rank_of(late == TRUE_ ? d->q.stage : STAGE_RCPT, VERDICT_REFUSE);
	return late == UNKNOWN_ ? UNKNOWN_ : value;
}

static enum truth item_value(struct deciding *d, struct item *item)
{
	switch (item->kind) {
	case ITEM_CLAUSE: return clause_value(&d->q, item->clause);
	case ITEM_DENIED: return denied_rank(d, &item->rank);
	case ITEM_MAILBOX: return condition_value(&d->q, d->q.policy->unknown_recipient);
	case ITEM_SIGN_IN: return truth_not(condition_value(&d->q, d->q.policy->signed_in));
	}
	return UNKNOWN_;
}

static bool item_open(struct deciding *d, const struct item *item, struct assumed *variable)
{
	switch (item->kind) {
	case ITEM_CLAUSE: return clause_open(&d->q, item->clause, variable);
	case ITEM_DENIED: return grant_open(d, variable) || denied_late(d, variable) == UNKNOWN_;
	case ITEM_MAILBOX: return condition_open(&d->q, d->q.policy->unknown_recipient, variable);
	case ITEM_SIGN_IN: return condition_open(&d->q, d->q.policy->signed_in, variable);
	}
	return false;
}

/* ---- trying ---- */

static bool agrees(const struct trying *t, const struct assumed *variable)
{
	const struct policy *policy = t->d->q.policy;
	const struct node *nodes = policy->nodes.at;

	for (size_t i = 0; i < t->depth && variable->kind == ASSUMED_TERM; i++) {
		const struct assumed *other = &t->chosen[i];
		if (other->kind == ASSUMED_TERM &&
			!terms_agree(&nodes[policy->terms[other->at]], other->value == TRUE_,
				&nodes[policy->terms[variable->at]], variable->value == TRUE_))
			return false;
	}
	return true;
}

static bool is_of_owning(enum atom atom)
{
	return atom == ATOM_SENDER_OWNED || atom == ATOM_SENDER_NOT_OWNED ||
	       atom == ATOM_FROM_OWNED || atom == ATOM_FROM_NOT_OWNED;
}

/* What follows from credentials, or from what accounts own, is found again. */
static void derived_forget(struct trying *t)
{
	struct question *q = &t->d->q;

	for (size_t i = 0; i < DERIVED_MAX; i++) {
		uint32_t term = q->policy->derived[i];
		if (term == NO_NODE)
			continue;
		enum atom atom = (enum atom)q->policy->nodes.at[q->policy->terms[term]].atom;
		if (t->known || !is_of_owning(atom))
			q->memo[term] = 0;
	}
}

static void variable_set(struct trying *t, const struct assumed *variable)
{
	struct question *q = &t->d->q;

	t->chosen[t->depth++] = *variable;
	q->assumed_count = t->depth;
	if (variable->kind == ASSUMED_TERM)
		q->memo[variable->at] = (uint8_t)(1 + variable->value);
	derived_forget(t);
}

static void variable_unset(struct trying *t)
{
	struct question *q = &t->d->q;
	const struct assumed *variable = &t->chosen[--t->depth];

	q->assumed_count = t->depth;
	if (variable->kind == ASSUMED_TERM)
		q->memo[variable->at] = 1 + UNKNOWN_;
	derived_forget(t);
}

/* The least rank that fires, and what to try of the open item of least rank before it; false: all
 * is decided. What is unknown and cannot be tried (nobody is asked for it) does not fire. */
static bool least_open(struct trying *t, unsigned *fires, struct assumed *variable)
{
	unsigned open = RANK_NONE;

	*fires = t->base;
	for (size_t i = 0; i < t->item_count; i++) {
		struct item *item = &t->items[i];
		struct assumed part;
		if (item->kind != ITEM_DENIED && item->rank >= *fires)
			continue;
		enum truth value = item_value(t->d, item);
		if (value == TRUE_)
			*fires = item->rank < *fires ? item->rank : *fires;
		else if (value == UNKNOWN_ && item->rank < open && item_open(t->d, item, &part)) {
			open = item->rank;
			*variable = part;
		}
	}
	return open < *fires;
}

static void try_all(struct trying *t)
{
	struct assumed variable;
	unsigned fires;
	bool open = least_open(t, &fires, &variable);

	if (++t->steps > STEPS_MAX || t->depth >= DEPTH_MAX) {
		t->found = t->bound; /* more than is worth trying: all that could be */
		return;
	}
	if (!open) {
		t->found |= verdict_of(fires);
		return;
	}
	for (int i = 0; i < 2 && t->found != t->bound; i++) {
		variable.value = i == 0 ? FALSE_ : TRUE_;
		if (!agrees(t, &variable))
			continue;
		variable_set(t, &variable);
		try_all(t);
		variable_unset(t);
	}
}

static void bound_find(struct trying *t)
{
	t->bound = t->found | verdict_of(t->base);
	for (size_t i = 0; i < t->item_count; i++)
		if (t->items[i].rank < t->base)
			t->bound |= verdict_of(t->items[i].rank);
}

unsigned possible_verdicts(struct deciding *d)
{
	const unsigned quota_rank = rank_of(STAGE_RCPT, VERDICT_DEFER);
	struct arena *arena = d->q.arena;
	struct trying t = {.d = d, .base = RANK_NONE};
	const struct certificate_row *certificate;

	t.items = ARENA_ARRAY(arena, struct item, d->trace_count + 3);
	t.chosen = ARENA_ARRAY(arena, struct assumed, DEPTH_MAX + 1);
	t.known = identity_of(&d->q, &certificate) != IDENTITY_UNKNOWN;
	d->q.assumed = t.chosen;
	clauses_gather(&t);
	structural_gather(&t);
	bound_find(&t);
	try_all(&t);
	/* A counter of the account's own limits that nobody could tell: if it were full. */
	if (d->quota.verdict == VERDICT_DEFER && !d->quota.has_account_limit) {
		base_lower(&t, quota_rank);
		bound_find(&t);
		try_all(&t);
	}
	return t.found;
}
