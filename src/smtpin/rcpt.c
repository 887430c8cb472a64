/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RCPT: the gate (RFC 5321 section 4.1.1.3).
 *
 * May this client, with this sender, reach this recipient? Everything before leads here: HELO and
 * MAIL only gather facts, and even a refusal that was certain when the client connected is spoken
 * here, so that the journal can say who wanted to write to whom. What others were asked since the
 * client connected (inquiry.h) is waited for here. The answer comes from policy_decide(), a pure
 * function over those facts, the same one that `trial` and `replay` ask. Nothing else opens the
 * gate, and no answer leaves without its reason.
 */
#include "smtpin/auth.h"
#include "smtpin/inquiry.h"
#include "smtpin/judge.h"
#include "smtpin/places.h"
#include "smtpin/refuse.h"

/* False: it has been said what is wrong with the command. */
static bool rcpt_read(struct session *session, struct slice rest, struct rcpt_command *rcpt)
{
	struct command_problem problem;

	if (command_parse_rcpt(rest, session->transaction->mail.smtputf8, session->scratch, rcpt,
		    &problem) == COMMAND_OK)
		return true;
	refuse_problem(
		session, &problem, REASON_BAD_RECIPIENT_ADDRESS, SLICE("RCPT TO:<address>"), rest);
	return false;
}

/* What one RCPT asks for: the address written, as all that it stands for (doc/policy.md,
 * "Aliases"); and what is decided of it, which is what is decided of the strictest case. */
struct offer {
	struct offered_recipient *targets;
	size_t count;
	struct facts facts;
	struct decision decision;
};

/* A report that comes back to a return path of ours (wire/srs.h) is for whom that stands for.
 * False: we did not make it, or too long ago. */
static bool whom_meant(struct session *session, const struct offered_recipient *recipient,
	struct mailbox *meant, bool *is_returned)
{
	const struct mailbox *written = &recipient->mailbox;

	*meant = *written;
	*is_returned = srs_is_one(written) && policy_is_ours(session->transaction->policy, written);
	return !*is_returned || srs_reverse(&session->edge->secret, written, recipient->when,
					session->scratch, meant);
}

static void offer_target(struct session *session, struct offered_recipient *target,
	const struct expansion *expansion, bool is_returned)
{
	const struct policy *policy = session->transaction->policy;
	const struct mailbox written = target->mailbox;

	target->mailbox = expansion->target;
	target->is_alias = expansion->is_alias || is_returned;
	target->is_returned = is_returned;
	target->forwarded = target->is_alias && !policy_is_ours(policy, &expansion->target);
	if (target->is_alias)
		target->alias = written.is_postmaster ? *policy_postmaster(policy) : written;
}

/* False: a refusal has been said. */
static bool offer_begin(struct session *session, const struct mailbox *written, struct offer *offer)
{
	struct transaction *transaction = session->transaction;
	struct offered_recipient recipient = {.mailbox = *written,
		.place = ++transaction->offered,
		.when = loop_wall(session->edge->loop)};
	const struct expansion *targets;
	struct mailbox meant;
	bool is_returned;

	if (!whom_meant(session, &recipient, &meant, &is_returned)) {
		refuse_mail(
			session, &recipient, STAGE_RCPT, REASON_UNKNOWN_RECIPIENT, written->text);
		return false;
	}
	offer->count = policy_expand(transaction->policy, &meant, session->scratch, &targets);
	offer->targets = ARENA_ARRAY(session->scratch, struct offered_recipient, offer->count);
	for (size_t i = 0; i < offer->count; i++) {
		offer->targets[i] = recipient;
		offer_target(session, &offer->targets[i], &targets[i], is_returned);
	}
	return true;
}

/* RFC 5321 section 4.5.3.1.10: 452, and the client sends the rest in another transaction. An alias
 * counts as the one address that was written, as long as the message stays storable. */
static bool has_room(struct session *session, const struct offer *offer)
{
	const struct transaction *transaction = session->transaction;
	uint64_t most = recipients_most(session);

	if (!admission_has_memory(session)) {
		refuse_mail(
			session, &offer->targets[0], STAGE_RCPT, REASON_MEMORY_FULL, SLICE_NONE);
		return false;
	}
	if (transaction->taken < most &&
		transaction->recipient_count + offer->count <= RECIPIENTS_MAX)
		return true;
	refuse_mail(session, &offer->targets[0], STAGE_RCPT, REASON_TOO_MANY_RECIPIENTS,
		arena_format(session->scratch, "%ju", (uintmax_t)most));
	return false;
}

/* RCPTs that lead to nothing (the same recipient again, one beyond the limit, one deferred) are
 * borne as often as a transaction may have recipients; then each is an error, so that nobody can
 * write the journal full with them. */
static void count_idle(struct session *session, uint64_t taken_before)
{
	const struct transaction *transaction = session->transaction;
	uint64_t idle = transaction->offered - transaction->taken;

	if (transaction->taken == taken_before && idle > recipients_most(session))
		session->errors++;
}

/* For a stranger one reply after the data must fit all recipients (doc/policy.md, "When"): one for
 * whom the clauses of that stage could say something else comes in a transaction of its own. */
static bool stands_apart(struct session *session, const struct offer *offer)
{
	const struct transaction *transaction = session->transaction;
	struct facts first, other;

	if (!transaction->recipient_count || transaction->trusted ||
		!policy_has_clauses_at(transaction->policy, STAGE_END) ||
		policy_knows_client(transaction->policy, &offer->facts, session->scratch))
		return false;
	facts_gather(session, &transaction->kept[0], &first);
	for (size_t i = 0; i < offer->count; i++) {
		facts_gather(session, &offer->targets[i], &other);
		if (policy_tells_apart(transaction->policy, &first, &other, session->scratch))
			return true;
	}
	return false;
}

/* False: the session is being ended. */
static bool decide_all(struct task *task, struct session *session, struct offer *offer)
{
	return judge_targets(task, session, offer->targets, offer->count, STAGE_RCPT, &offer->facts,
		&offer->decision);
}

/* Takes places in the counters of `limit` clauses, unless the same address has them, and decides
 * again with what they say. A refusal never depends on them. */
static bool count(struct task *task, struct session *session, struct offer *offer)
{
	struct transaction *transaction = session->transaction;
	bool counted = false;

	if (offer->decision.verdict == VERDICT_REFUSE || !transaction->needs.counters)
		return true;
	const struct offered_recipient *kept =
		transaction_kept(transaction, recipient_written(&offer->targets[0]));
	if (kept)
		counted = places_share(offer->targets, offer->count, kept);
	else if (!places_reserve(task, session, offer->targets, offer->count, &counted))
		return false;
	if (counted && !decide_all(task, session, offer))
		return false;
	if (offer->decision.verdict != VERDICT_ACCEPT)
		places_release(session, offer->targets, offer->count);
	return true;
}

static void take(struct session *session, struct offer *offer, const struct rcpt_command *rcpt)
{
	if (stands_apart(session, offer)) {
		places_release(session, offer->targets, offer->count);
		refuse_mail(session, &offer->targets[0], STAGE_RCPT, REASON_SEPARATE_TRANSACTION,
			SLICE_NONE);
		return;
	}
	transaction_keep(session, offer->targets, offer->count, rcpt);
	accept_by_policy(
		session, &offer->facts, &offer->decision, SLICE("250 2.1.5 recipient taken"));
}

static void answer(struct task *task, struct session *session, struct offer *offer,
	const struct rcpt_command *rcpt)
{
	if (!decide_all(task, session, offer) || !count(task, session, offer)) {
		refuse_and_end(session, REASON_SHUTTING_DOWN, SLICE_NONE);
		return;
	}
	switch (offer->decision.verdict) {
	case VERDICT_ACCEPT: take(session, offer, rcpt); break;
	case VERDICT_REFUSE:
	case VERDICT_DEFER: refuse_by_policy(session, &offer->facts, &offer->decision); break;
	}
}

void rcpt_command(struct task *task, struct session *session, struct slice rest)
{
	struct rcpt_command rcpt;
	struct offer offer;

	if (!rcpt_read(session, rest, &rcpt))
		return;
	uint64_t taken_before = session->transaction->taken;
	inquiry_refresh(session);
	if (offer_begin(session, &rcpt.recipient, &offer) && has_room(session, &offer) &&
		auth_stands(task, session, &offer.targets[0], STAGE_RCPT))
		answer(task, session, &offer, &rcpt);
	count_idle(session, taken_before);
}
