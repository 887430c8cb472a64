/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deciding (doc/policy.md, "Meaning"). Every clause that can be decided by now gives a *finding*:
 * that it fires, at which stage, with which reason. The finding that speaks is chosen by an order
 * over findings alone, so the order of lines cannot matter.
 */
#include "policy/atoms.h"

#include "base/panic.h"

struct finding {
	enum verdict verdict; /* ACCEPT: nothing fires */
	enum stage stage;
	enum reason reason;
	unsigned code;
	struct enhanced enhanced;
	struct slice words;
	bool has_clause;
	uint32_t clause;
};

struct deciding {
	struct question q;
	struct decision *decision;
	struct trace_entry *trace;
	struct finding best;
	struct finding structural; /* of the recipient itself: unknown, risky, not to be relayed */
	bool unknown, grant_unknown;
};

/* ---- the order of findings ---- */

static int number_order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static struct slice finding_text(const struct policy *policy, const struct finding *finding)
{
	return finding->has_clause ? policy->clauses.at[finding->clause].place.text : SLICE_NONE;
}

/* Below 0: `a` speaks before `b`. The earliest stage; refuse before defer; the reason that stands
 * first in the table; the smaller text. */
static int finding_order(
	const struct policy *policy, const struct finding *a, const struct finding *b)
{
	int order = number_order(a->verdict == VERDICT_ACCEPT, b->verdict == VERDICT_ACCEPT);

	if (order == 0)
		order = number_order(a->stage, b->stage);
	if (order == 0)
		order = number_order(a->verdict != VERDICT_REFUSE, b->verdict != VERDICT_REFUSE);
	if (order == 0)
		order = number_order(a->reason, b->reason);
	if (order == 0)
		order = slice_compare(a->words, b->words);
	if (order == 0)
		order = number_order(a->code, b->code);
	if (order == 0)
		order = slice_compare(finding_text(policy, a), finding_text(policy, b));
	return order;
}

/* ---- what fires ---- */

static struct slice mailbox_words(const struct mailbox *mailbox)
{
	return mailbox->is_null         ? SLICE("<>")
	       : mailbox->is_postmaster ? SLICE("postmaster")
					: mailbox->text;
}

/* The argument of the reason's words. */
static struct slice finding_argument(struct deciding *d, enum reason reason, uint64_t number)
{
	const struct reason_row *row = reason_row(reason);

	if (reason == REASON_FACT_UNKNOWN)
		return d->q.missing < FACTS ? fact_row(d->q.missing)->name : SLICE("a fact");
	if (row->rank == RANK_RECIPIENT)
		return mailbox_words(&d->q.facts->recipient);
	if (row->rank == RANK_SENDER)
		return mailbox_words(&d->q.facts->sender);
	return arena_format(d->q.arena, "%llu", (unsigned long long)number);
}

static struct finding finding_of_reason(
	struct deciding *d, enum reason reason, enum stage stage, uint64_t number)
{
	const struct reason_row *row = reason_row(reason);
	struct finding finding = {.verdict = row->code < 500 ? VERDICT_DEFER : VERDICT_REFUSE,
		.stage = stage,
		.reason = reason,
		.code = row->code,
		.enhanced = row->enhanced};

	if (slice_has(row->text, '$')) {
		struct slice argument = finding_argument(d, reason, number);
		finding.words = reason_words(reason, &argument, 1, d->q.arena);
	} else {
		finding.words = row->text;
	}
	return finding;
}

static struct finding finding_of_clause(
	struct deciding *d, const struct clause *clause, enum truth value, enum stage stage)
{
	bool unknown = value == UNKNOWN_;
	struct finding finding = finding_of_reason(
		d, unknown ? REASON_FACT_UNKNOWN : clause->reason, stage, clause->number);

	finding.verdict = unknown || clause->kind == CLAUSE_DEFER ? VERDICT_DEFER : VERDICT_REFUSE;
	finding.has_clause = true;
	finding.clause = (uint32_t)(clause - d->q.policy->clauses.at);
	if (!unknown && clause->say.len > 0)
		finding.words = clause->say;
	if (!unknown && clause->code > 0) {
		finding.code = clause->code;
		finding.enhanced = clause->enhanced;
	}
	return finding;
}

static void finding_weigh(struct deciding *d, struct finding finding)
{
	if (finding_order(d->q.policy, &finding, &d->best) < 0)
		d->best = finding;
}

/* ---- clauses ---- */

/* The stage at which all facts the clause names are known: earlier than the end of data for one
 * that names `size` only if the size said in MAIL is above what it allows. */
static enum stage clause_stage(const struct deciding *d, const struct clause *clause)
{
	const struct facts *facts = d->q.facts;
	bool declared = clause->names_size && facts->has_size && !facts->size_is_final &&
			facts->size > clause->size_above;

	if (!declared)
		return clause->stage;
	return clause->without_size > STAGE_MAIL ? clause->without_size : STAGE_MAIL;
}

static void trace_add(struct deciding *d, const struct clause *clause, enum truth value)
{
	d->trace[d->decision->trace_count++] = (struct trace_entry){
		.clause = (uint32_t)(clause - d->q.policy->clauses.at), .value = value};
}

static void refusal_decide(struct deciding *d, const struct clause *clause)
{
	enum stage stage = clause_stage(d, clause);

	if (stage > d->q.stage)
		return;
	d->q.missing = FACTS;
	enum truth value = condition_value(&d->q, clause->condition);
	trace_add(d, clause, value);
	if (value == FALSE_)
		return;
	d->unknown |= value == UNKNOWN_;
	finding_weigh(d, finding_of_clause(d, clause, value, stage));
}

/* In the network, not ended, and the condition true; an unknown one does not grant. */
static enum truth grant_value(struct deciding *d, const struct clause *clause)
{
	wall_ns now = d->q.facts->now;

	if (now != 0 && now >= clause->place.until)
		return FALSE_;
	if (!d->q.facts->has_client) {
		d->q.missing = FACT_CLIENT;
		return UNKNOWN_;
	}
	if (!piece_is_in(question_piece(&d->q), clause->network))
		return FALSE_;
	return condition_value(&d->q, clause->condition);
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
}

static void grants_decide(struct deciding *d)
{
	const struct policy *policy = d->q.policy;

	for (size_t i = 0; i < policy->relay_count; i++) {
		const struct clause *clause = &policy->clauses.at[policy->relays[i]];
		enum truth value = grant_value(d, clause);
		trace_add(d, clause, value);
		if (value == TRUE_)
			grant_weigh(d, clause);
		d->grant_unknown |= value == UNKNOWN_;
	}
}

/* ---- the recipient ---- */

static struct finding relay_denied(struct deciding *d)
{
	struct finding finding = {.verdict = VERDICT_REFUSE,
		.stage = STAGE_RCPT,
		.reason = REASON_RELAY_DENIED,
		.code = reason_row(REASON_RELAY_DENIED)->code,
		.enhanced = reason_row(REASON_RELAY_DENIED)->enhanced};
	const struct mailbox *recipient = &d->q.facts->recipient;
	struct slice arguments[] = {
		recipient->is_postmaster ? SLICE("that postmaster") : recipient->domain,
		d->q.policy->settings.hostname};

	finding.words = reason_words(REASON_RELAY_DENIED, arguments, 2, d->q.arena);
	return finding;
}

/* What a list names as it stands is meant. Any other local part that we take is of the client's
 * choosing: all of it in an `any recipient` domain, else what follows a +. */
static bool local_part_is_risky(struct deciding *d)
{
	return mailbox_is_risky(&d->q.facts->recipient) && !recipient_is_listed_whole(&d->q);
}

static struct finding recipient_finding(struct deciding *d)
{
	switch (recipient_class(&d->q)) {
	case RECIPIENT_FOREIGN:
		d->decision->foreign = true;
		grants_decide(d);
		if (!d->decision->has_grant)
			return relay_denied(d);
		break;
	case RECIPIENT_OURS_UNKNOWN:
		return finding_of_reason(d, REASON_UNKNOWN_RECIPIENT, STAGE_RCPT, 0);
	case RECIPIENT_OURS_KNOWN:
		if (local_part_is_risky(d))
			return finding_of_reason(d, REASON_RISKY_LOCAL_PART, STAGE_RCPT, 0);
		break;
	}
	return (struct finding){.verdict = VERDICT_ACCEPT};
}

/* ---- what unknown facts leave open ---- */

/* What would be decided if the unknown clauses were false, but for `only`, which is true. The
 * finding that decides among several decides alone too, so trying each alone is enough. */
static enum verdict verdict_if(struct deciding *d, const struct clause *only, bool granted)
{
	struct deciding trial = *d;

	trial.best = (struct finding){.verdict = VERDICT_ACCEPT};
	for (size_t i = 0; i < d->decision->trace_count; i++) {
		const struct clause *clause = &d->q.policy->clauses.at[d->trace[i].clause];
		bool fires = d->trace[i].value == TRUE_ || clause == only;
		if (clause->kind != CLAUSE_RELAY && fires)
			finding_weigh(&trial,
				finding_of_clause(d, clause, TRUE_, clause_stage(d, clause)));
	}
	if (!granted)
		finding_weigh(&trial, d->structural);
	return trial.best.verdict;
}

static unsigned possible_given(struct deciding *d, bool granted)
{
	unsigned possible = 1u << verdict_if(d, NULL, granted);

	for (size_t i = 0; i < d->decision->trace_count; i++)
		if (d->trace[i].value == UNKNOWN_)
			possible |= 1u << verdict_if(d,
					    &d->q.policy->clauses.at[d->trace[i].clause], granted);
	return possible;
}

static unsigned possible_verdicts(struct deciding *d)
{
	unsigned possible = 1u << d->decision->verdict;

	if (d->unknown || d->grant_unknown)
		possible |= possible_given(d, false);
	if (d->grant_unknown && !d->decision->has_grant)
		possible |= possible_given(d, true);
	return possible;
}

/* ---- the whole ---- */

void policy_decide(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena, struct decision *decision)
{
	struct deciding d = {.q = question_of(policy, facts, stage, arena), .decision = decision};

	*decision = (struct decision){.verdict = VERDICT_ACCEPT, .stage = stage};
	d.best = (struct finding){.verdict = VERDICT_ACCEPT, .stage = stage};
	d.trace = ARENA_ARRAY(arena, struct trace_entry, policy->clauses.count + 1);
	for (size_t i = 0; i < policy->clauses.count; i++)
		if (policy->clauses.at[i].kind != CLAUSE_RELAY)
			refusal_decide(&d, &policy->clauses.at[i]);
	if (stage >= STAGE_RCPT && facts->has_recipient)
		d.structural = recipient_finding(&d);
	if (d.structural.verdict != VERDICT_ACCEPT)
		finding_weigh(&d, d.structural);
	decision->verdict = d.best.verdict;
	decision->reason = d.best.reason;
	decision->code = d.best.code;
	decision->enhanced = d.best.enhanced;
	decision->words = d.best.words;
	decision->stage = d.best.stage;
	decision->has_clause = d.best.has_clause;
	decision->clause = d.best.clause;
	decision->trace = d.trace;
	decision->possible = possible_verdicts(&d);
}

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
