/* SPDX-License-Identifier: Apache-2.0 */
/* What must be found out first (policy.h): the questions for others whose answers could still
 * change what is decided at this stage. */
#include "policy/decide.h"

struct wanting {
	struct question *q;
	struct wanted *list;
	size_t count, size;
};

static bool is_wanted(const struct wanting *w, enum fact fact, struct slice argument)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->list[i].fact == fact && slice_is_nocase(w->list[i].argument, argument))
			return true;
	return false;
}

static void wanted_grow(struct wanting *w)
{
	size_t size = w->size ? 2 * w->size : 8;
	struct wanted *grown = ARENA_ARRAY(w->q->arena, struct wanted, size);

	for (size_t i = 0; i < w->count; i++)
		grown[i] = w->list[i];
	w->list = grown;
	w->size = size;
}

/* Counters are asked for by policy_counters(), an account's own limits with the account; what was
 * asked without an answer stays unknown. */
static void want(void *arg, enum fact fact, struct slice argument)
{
	struct wanting *w = arg;
	const struct fact_row *row = fact_row(fact);

	if (!row->asked || fact == FACT_COUNTER || fact == FACT_LIMITS ||
		row->stage > w->q->stage || facts_answer(w->q->facts, fact, argument) ||
		is_wanted(w, fact, argument))
		return;
	if (w->count == w->size)
		wanted_grow(w);
	w->list[w->count++] = (struct wanted){fact, argument};
}

/* The finding that speaks among those that fire for certain. */
static struct finding certain_finding(struct deciding *d)
{
	const struct policy *policy = d->q.policy;
	struct finding best = FINDING_NONE;

	for (size_t i = 0; i < d->trace_count; i++) {
		const struct clause *clause = &policy->clauses.at[d->trace[i].clause];
		if (!clause_is_grant(clause) && d->trace[i].value == TRUE_)
			finding_weigh(policy, &best,
				finding_of_clause(
					&d->q, clause, TRUE_, clause_stage(&d->q, clause)));
	}
	if (d->sign_in.verdict == VERDICT_REFUSE)
		finding_weigh(policy, &best, d->sign_in);
	if (d->mailbox.verdict == VERDICT_REFUSE)
		finding_weigh(policy, &best, d->mailbox);
	if (d->granted == FALSE_ && !d->pending)
		finding_weigh(policy, &best, d->denied);
	return best;
}

static bool speaks_if(struct deciding *d, const struct clause *clause, enum truth value,
	const struct finding *best)
{
	struct finding finding =
		finding_of_clause(&d->q, clause, value, clause_stage(&d->q, clause));

	return finding_order(d->q.policy, &finding, best) < 0;
}

/* Whether it fires, or cannot be told: left unknown it must not speak before what is certain. */
static void clauses_want(struct deciding *d, const struct finding *best, struct wanting *w)
{
	const struct policy *policy = d->q.policy;

	for (size_t i = 0; i < d->trace_count; i++) {
		const struct clause *clause = &policy->clauses.at[d->trace[i].clause];
		if (clause_is_grant(clause) || d->trace[i].value != UNKNOWN_)
			continue;
		if (speaks_if(d, clause, TRUE_, best) || speaks_if(d, clause, UNKNOWN_, best))
			clause_asks(&d->q, clause, want, w);
	}
}

static void grants_want(struct deciding *d, const struct finding *best, struct wanting *w)
{
	struct finding denied = finding_of_reason(&d->q, REASON_RELAY_DENIED, STAGE_RCPT);

	if (d->granted == TRUE_ || finding_order(d->q.policy, &denied, best) > 0)
		return;
	for (size_t i = 0; i < d->trace_count; i++) {
		const struct clause *clause = &d->q.policy->clauses.at[d->trace[i].clause];
		if (clause_is_grant(clause) && d->trace[i].value == UNKNOWN_)
			clause_asks(&d->q, clause, want, w);
	}
}

/* Whether a lease would grant but for the sender decides about the words of the denial. */
static void leases_want(struct deciding *d, const struct finding *best, struct wanting *w)
{
	const struct policy *policy = d->q.policy;
	struct finding misused = finding_of_reason(&d->q, REASON_SENDER_NOT_OWNED, STAGE_RCPT);

	bool speaks =
		best->reason == REASON_RELAY_DENIED || finding_order(policy, &misused, best) < 0;
	if (d->granted != FALSE_ || d->pending || !speaks)
		return;
	for (size_t i = 0; i < policy->relay_count; i++) {
		const struct clause *clause = &policy->clauses.at[policy->relays[i]];
		if (clause->credential == CREDENTIAL_RECENT_POP &&
			clause_is_considered(d, clause) && grant_is_offered(&d->q, clause) &&
			clause_extra(&d->q, clause) == FALSE_)
			clause_asks(&d->q, clause, want, w);
	}
}

static void mailbox_wants(struct deciding *d, const struct finding *best, struct wanting *w)
{
	if (d->mailbox.verdict != VERDICT_DEFER)
		return;
	struct finding unknown = finding_of_reason(&d->q, REASON_UNKNOWN_RECIPIENT, STAGE_RCPT);
	if (finding_order(d->q.policy, &unknown, best) < 0)
		want(w, FACT_MAILBOX, SLICE_NONE);
}

size_t policy_wanted(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena, const struct wanted **wanted)
{
	struct decision decision = {0};
	struct deciding d = {.decision = &decision};
	struct wanting w = {.q = &d.q};

	deciding_run(&d, policy, facts, stage, arena, true);
	struct finding best = certain_finding(&d);
	clauses_want(&d, &best, &w);
	grants_want(&d, &best, &w);
	leases_want(&d, &best, &w);
	mailbox_wants(&d, &best, &w);
	*wanted = w.list;
	return w.count;
}

/* ---- counters ---- */

/* An IPv4 address, or an IPv6 /64. */
static void client_put(struct text *key, const struct facts *facts)
{
	struct address of_64 = facts->client;

	for (size_t i = 8; i < 16 && !of_64.is_v4; i++)
		of_64.bytes[i] = 0;
	text_address(key, &of_64);
}

static void each_put(struct text *key, struct question *q, const struct limit *limit)
{
	struct party *recipient = q->facts->has_alias ? &q->alias : &q->recipient;

	switch (limit->counted) {
	case COUNTED_AUTHENTICATED:
	case COUNTED_ACCOUNT:
	case COUNTED_GROUP: text_put(key, q->facts->account); return;
	case COUNTED_NETWORK:
	case COUNTED_CLIENT: client_put(key, q->facts); return;
	case COUNTED_CERTIFICATE: text_put(key, q->facts->certificate); return;
	case COUNTED_SENDER: text_put(key, party_plain(q, &q->sender)); return;
	case COUNTED_SENDER_DOMAIN: text_put(key, q->facts->sender.domain); return;
	case COUNTED_RECIPIENT: text_put(key, party_plain(q, recipient)); return;
	}
}

static struct slice counted_name(const struct policy *policy, const struct limit *limit)
{
	switch (limit->counted) {
	case COUNTED_NETWORK: return policy->networks.at[limit->index].name;
	case COUNTED_CERTIFICATE: return policy->certificates.at[limit->index].name;
	case COUNTED_ACCOUNT:
	case COUNTED_GROUP: return limit->name;
	case COUNTED_AUTHENTICATED:
	case COUNTED_CLIENT:
	case COUNTED_SENDER:
	case COUNTED_SENDER_DOMAIN:
	case COUNTED_RECIPIENT: break;
	}
	return SLICE_NONE;
}

static struct slice counter_key(struct question *q, const struct limit *limit)
{
	static const char *const names[] = {[COUNTED_AUTHENTICATED] = "authenticated",
		[COUNTED_ACCOUNT] = "account",
		[COUNTED_GROUP] = "group",
		[COUNTED_NETWORK] = "network",
		[COUNTED_CERTIFICATE] = "certificate",
		[COUNTED_CLIENT] = "client",
		[COUNTED_SENDER] = "sender",
		[COUNTED_SENDER_DOMAIN] = "sender-domain",
		[COUNTED_RECIPIENT] = "recipient"};
	struct text key = TEXT_GROWING;
	struct slice name = counted_name(q->policy, limit);

	text_put(&key, slice_of(names[limit->counted]));
	text_char(&key, ' ');
	text_put(&key, name);
	text_put(&key, name.len > 0 ? SLICE(" ") : SLICE_NONE);
	if (limit->together)
		text_put(&key, SLICE("together"));
	else
		each_put(&key, q, limit);
	text_format(&key, " %s %lld", limit->recipients ? "recipients" : "messages",
		(long long)limit->period);
	struct slice kept = arena_slice(q->arena, text_slice(&key));
	text_free(&key);
	return kept;
}

static bool has_key(const struct counter_wanted *list, size_t count, struct slice key)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(list[i].key, key))
			return true;
	return false;
}

size_t policy_counters(const struct policy *policy, const struct facts *facts, struct arena *arena,
	const struct counter_wanted **counters)
{
	struct question q = question_of(policy, facts, STAGE_RCPT, arena);
	struct counter_wanted *list =
		ARENA_ARRAY(arena, struct counter_wanted, policy->limit_count + ACCOUNT_LIMITS_MAX);
	size_t count = 0;

	q.memo = arena_alloc(arena, policy->term_count + 1);
	for (size_t i = 0; i < policy->limit_count; i++) {
		const struct clause *clause = &policy->clauses.at[policy->limits[i]];
		if (limit_applies(&q, clause) == FALSE_)
			continue;
		list[count++] = (struct counter_wanted){.clause = policy->limits[i],
			.key = counter_key(&q, &clause->limit),
			.most = clause->limit.most,
			.period = clause->limit.period,
			.recipients = clause->limit.recipients};
		list[count - 1].again = has_key(list, count - 1, list[count - 1].key);
	}
	count += account_limits_counters(&q, list + count);
	*counters = list;
	return count;
}
