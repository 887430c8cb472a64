/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding (doc/policy.md, "Meaning"). Every clause that can be decided by now gives a *finding*:
 * that it fires, at which stage, with which reason. So do the listener (who has not signed in), the
 * recipient itself and the want of a grant. The finding that speaks is chosen in findings.c.
 */
#include <string.h>

#include "base/panic.h"
#include "policy/decide.h"
#include "policy/index.h"

/* ---- the trace ---- */

enum { TRACE_FIRST = 16 };

static void trace_add(struct deciding *d, const struct clause *clause, enum truth value)
{
	if (d->trace_count == d->trace_size) {
		size_t size = d->trace_size ? 2 * d->trace_size : TRACE_FIRST;
		struct trace_entry *grown = ARENA_ARRAY(d->q.arena, struct trace_entry, size);
		if (d->trace_count > 0)
			memcpy(grown, d->trace, d->trace_count * sizeof *grown);
		d->trace = grown;
		d->trace_size = size;
	}
	d->trace[d->trace_count++] = (struct trace_entry){
		.clause = (uint32_t)(clause - d->q.policy->clauses.at), .value = value};
}

/* ---- clauses ---- */

bool clause_is_grant(const struct clause *clause)
{
	return clause->kind == CLAUSE_RELAY || clause->kind == CLAUSE_FORWARD;
}

bool clause_is_considered(const struct deciding *d, const struct clause *clause)
{
	bool foreign = d->at_rcpt && d->decision->foreign;

	switch (clause->kind) {
	case CLAUSE_RELAY: return foreign && !d->q.facts->has_alias;
	case CLAUSE_FORWARD: return foreign && d->q.facts->has_alias;
	case CLAUSE_REFUSE:
	case CLAUSE_DEFER:
	case CLAUSE_LIMIT: return clause_stage(&d->q, clause) <= d->q.stage;
	}
	return false;
}

/* Of several grants the one with the smaller text is named. */
static void grant_weigh(struct deciding *d, const struct clause *clause)
{
	const struct policy *policy = d->q.policy;
	struct decision *decision = d->decision;
	bool first =
		!decision->has_grant || slice_compare(clause->place.text,
						policy->clauses.at[decision->grant].place.text) < 0;

	if (first)
		decision->grant = (uint32_t)(clause - policy->clauses.at);
	decision->has_grant = true;
	d->granted = TRUE_;
}

/* A lease would grant, but for the sender. */
static bool lease_is_misused(struct deciding *d, const struct clause *clause)
{
	return clause->kind == CLAUSE_RELAY && clause->credential == CREDENTIAL_RECENT_POP &&
	       grant_is_offered(&d->q, clause) &&
	       condition_value(&d->q, clause->subject) == TRUE_ &&
	       condition_value(&d->q, clause->condition) == TRUE_ &&
	       clause_extra(&d->q, clause) == FALSE_;
}

static void later_find(void *arg, enum fact fact, struct slice argument)
{
	enum stage *last = arg;

	(void)argument;
	if (fact < FACTS && fact_row(fact)->stage > *last)
		*last = fact_row(fact)->stage;
}

/* What it rests on will be known after the data alone. */
static bool grant_is_pending(struct deciding *d, const struct clause *clause)
{
	enum stage last = STAGE_CONNECT;

	if (clause->stage > d->q.stage)
		clause_asks(&d->q, clause, later_find, &last);
	return last > d->q.stage;
}

static void grant_note(struct deciding *d, const struct clause *clause, enum truth value)
{
	d->late |= clause->stage > STAGE_RCPT && grant_is_offered(&d->q, clause);
	if (value == TRUE_)
		grant_weigh(d, clause);
	else if (value == UNKNOWN_ && grant_is_pending(d, clause))
		d->pending = true;
	else if (value == UNKNOWN_ && d->granted == FALSE_)
		d->granted = UNKNOWN_;
	else if (value == FALSE_)
		d->misused |= lease_is_misused(d, clause);
}

static void clause_decide(struct deciding *d, const struct clause *clause)
{
	if (!clause_is_considered(d, clause))
		return;
	enum truth value = clause_value(&d->q, clause);
	if (value != FALSE_)
		trace_add(d, clause, value);
	if (clause_is_grant(clause))
		grant_note(d, clause, value);
	else if (value != FALSE_)
		finding_weigh(d->q.policy, &d->best,
			finding_of_clause(&d->q, clause, value, clause_stage(&d->q, clause)));
}

/* In the order in which they stand, so that the trace is in it too. */
static void clauses_decide(struct deciding *d)
{
	const struct policy *policy = d->q.policy;
	const uint64_t *bits = index_candidates(&d->q);

	for (size_t word = 0; word <= policy->clauses.count / 64; word++)
		for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
			size_t at = 64 * word + (size_t)__builtin_ctzll(left);
			if (at < policy->clauses.count)
				clause_decide(d, &policy->clauses.at[at]);
		}
}

/* ---- who has not signed in ---- */

/* On the submission ports it is required for everything (doc/policy.md, "Signing in"). */
static struct finding sign_in_finding(struct deciding *d)
{
	struct slice listener = d->q.facts->listener;

	if (d->q.stage < STAGE_AUTH || !slice_starts(listener, SLICE("submission")))
		return FINDING_NONE;
	switch (condition_value(&d->q, d->q.policy->signed_in)) {
	case TRUE_: break;
	case FALSE_: return finding_of_reason(&d->q, REASON_SIGN_IN_NEEDED, STAGE_AUTH);
	case UNKNOWN_: return finding_of_unknown(&d->q, FACT_ACCOUNT, STAGE_AUTH);
	}
	return FINDING_NONE;
}

/* ---- the recipient ---- */

/* What a list names as it stands is meant, and what an alias stands for. Any other local part that
 * we take is of the client's choosing: all of it where any is taken or the next hop is asked, else
 * what follows a +. */
static bool local_part_is_risky(struct deciding *d)
{
	const struct mailbox *recipient = &d->q.facts->recipient;
	const struct domain_row *domain = party_domain(&d->q, &d->q.recipient);
	bool chosen =
		!domain || domain->known != KNOWN_ACCOUNTS || slice_has(recipient->local, '+');

	return mailbox_is_risky(recipient) && chosen && !d->q.facts->has_alias &&
	       !recipient_is_listed_whole(&d->q);
}

static struct finding mailbox_finding(struct deciding *d)
{
	if (d->decision->foreign)
		return FINDING_NONE;
	const struct domain_row *domain = party_domain(&d->q, &d->q.recipient);
	bool risky = local_part_is_risky(d);
	bool asked = domain && (domain->known == KNOWN_ASKED || domain->known == KNOWN_ACCOUNTS);
	enum truth unknown = condition_value(&d->q, d->q.policy->unknown_recipient);
	if (unknown == TRUE_ && !(risky && asked)) /* nobody is asked about what is risky */
		return finding_of_reason(&d->q, REASON_UNKNOWN_RECIPIENT, STAGE_RCPT);
	if (risky)
		return finding_of_reason(&d->q, REASON_RISKY_LOCAL_PART, STAGE_RCPT);
	return unknown == FALSE_ ? FINDING_NONE
				 : finding_of_unknown(&d->q, FACT_MAILBOX, STAGE_RCPT);
}

static struct finding denied_finding(struct deciding *d)
{
	enum stage stage = d->late ? d->q.stage : STAGE_RCPT;
	enum reason reason = d->q.facts->has_alias ? REASON_FORWARDING_DENIED
			     : d->misused          ? REASON_SENDER_NOT_OWNED
						   : REASON_RELAY_DENIED;

	if (!d->decision->foreign || d->granted == TRUE_ || d->pending)
		return FINDING_NONE;
	return finding_of_reason(&d->q, reason, stage);
}

/* ---- the whole ---- */

static void deciding_begin(struct deciding *d)
{
	const struct policy *policy = d->q.policy;

	d->q.memo = arena_alloc(d->q.arena, policy->term_count + 1);
	d->best = FINDING_NONE;
	d->granted = d->q.facts->is_returned ? TRUE_ : FALSE_;
	d->at_rcpt = d->q.stage >= STAGE_RCPT && d->q.facts->has_recipient;
	d->decision->foreign = d->at_rcpt && recipient_class(&d->q) == RECIPIENT_FOREIGN;
}

static void decision_tell(struct deciding *d, const struct finding *spoken)
{
	struct decision *decision = d->decision;

	decision->verdict = spoken->verdict;
	decision->reason = spoken->reason;
	decision->code = spoken->code;
	decision->enhanced = spoken->enhanced;
	decision->words = spoken->words;
	decision->stage = spoken->verdict == VERDICT_ACCEPT ? d->q.stage : spoken->stage;
	decision->has_clause = spoken->has_clause;
	decision->clause = spoken->clause;
	decision->has_account_limit = spoken->has_account_limit;
	decision->account_limit = spoken->account_limit;
	decision->trace = d->trace;
	decision->trace_count = d->trace_count;
}

void deciding_run(struct deciding *d, const struct policy *policy, const struct facts *facts,
	enum stage stage, struct arena *arena, bool strict)
{
	d->q = question_of(policy, facts, stage, arena);
	d->q.strict = strict;
	deciding_begin(d);
	clauses_decide(d);
	d->sign_in = sign_in_finding(d);
	d->mailbox = d->at_rcpt ? mailbox_finding(d) : FINDING_NONE;
	d->denied = d->at_rcpt ? denied_finding(d) : FINDING_NONE;
	d->quota = d->at_rcpt ? account_limits_finding(&d->q) : FINDING_NONE;
	struct finding spoken = d->best;
	finding_weigh(policy, &spoken, d->sign_in);
	finding_weigh(policy, &spoken, d->mailbox);
	finding_weigh(policy, &spoken, d->denied);
	finding_weigh(policy, &spoken, d->quota);
	decision_tell(d, &spoken);
}

static bool is_open(const struct deciding *d)
{
	for (size_t i = 0; i < d->trace_count; i++)
		if (d->trace[i].value == UNKNOWN_)
			return true;
	bool quota_open = d->quota.verdict == VERDICT_DEFER && !d->quota.has_account_limit;
	return d->q.excused || (d->sign_in.verdict == VERDICT_DEFER) ||
	       (d->mailbox.verdict == VERDICT_DEFER) || quota_open;
}

void policy_decide(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena, struct decision *decision)
{
	struct decision strict_decision = {0};
	struct deciding d = {.decision = decision};

	*decision = (struct decision){.verdict = VERDICT_ACCEPT, .stage = stage};
	deciding_run(&d, policy, facts, stage, arena, false);
	decision->possible = 1u << decision->verdict;
	if (!is_open(&d))
		return;
	struct deciding strict = {.decision = &strict_decision};
	deciding_run(&strict, policy, facts, stage, arena, true);
	decision->possible = possible_verdicts(&strict);
}

/* ---- traces, and several decisions ---- */

size_t policy_trace_whole(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena, const struct trace_entry **trace)
{
	struct decision decision = {0};
	struct deciding d = {.q = question_of(policy, facts, stage, arena), .decision = &decision};

	deciding_begin(&d);
	for (size_t i = 0; i < policy->clauses.count; i++) {
		const struct clause *clause = &policy->clauses.at[i];
		if (clause_is_considered(&d, clause))
			trace_add(&d, clause, clause_value(&d.q, clause));
	}
	*trace = d.trace;
	return d.trace_count;
}

static unsigned strictness(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_REFUSE: return 0;
	case VERDICT_DEFER: return 1;
	case VERDICT_ACCEPT: return 2;
	}
	return 2;
}

static struct finding finding_of_decision(const struct decision *decision)
{
	return (struct finding){.verdict = decision->verdict,
		.stage = decision->stage,
		.reason = decision->reason,
		.code = decision->code,
		.words = decision->words,
		.has_clause = decision->has_clause,
		.clause = decision->clause};
}

const struct decision *policy_strictest(
	const struct policy *policy, const struct decision *decisions, size_t count)
{
	const struct decision *best = decisions;

	for (size_t i = 1; i < count; i++) {
		struct finding one = finding_of_decision(&decisions[i]);
		struct finding other = finding_of_decision(best);
		unsigned a = strictness(one.verdict), b = strictness(other.verdict);
		if (a < b || (a == b && finding_order(policy, &one, &other) < 0))
			best = &decisions[i];
	}
	return best;
}

/* ---- clauses ---- */

struct clause_place policy_clause(const struct policy *policy, uint32_t clause)
{
	panic_if(clause >= policy->clauses.count, "clause %u is none", clause);
	return policy->clauses.at[clause].place;
}

size_t policy_clause_count(const struct policy *policy)
{
	return policy->clauses.count;
}

bool policy_has_clauses_at(const struct policy *policy, enum stage stage)
{
	return policy->clauses_at[stage];
}
