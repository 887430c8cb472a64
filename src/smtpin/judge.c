/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging a message at the end of its data, where one reply has to fit all recipients
 * (doc/policy.md, "When"). Read judge.h first, then accept.c for what follows.
 *
 *	refused     deferred    others      reply
 *	all         -           -           the first one's refusal
 *	-           some        any         the first one's deferral, for all
 *	some        -           accepted    250: the message is split
 *
 * Split, the refused recipients are kept in the envelope with their reply, and the queue reports
 * them to the sender. A deferral is not split: whoever is to come again comes again with the whole
 * message, and had the others been accepted they would get it twice. Only a client that is trusted
 * or known as someone gets a split; for a stranger rcpt.c has kept the transaction homogeneous, and
 * a refusal of one is a refusal of the message, so that nothing is ever reported to a sender who
 * may be forged.
 */
#include "smtpin/inquiry.h"
#include "smtpin/judge.h"
#include "smtpin/refuse.h"

bool judge_targets(struct task *task, struct session *session,
	const struct offered_recipient *targets, size_t count, enum stage stage,
	struct facts *facts, struct decision *decision)
{
	const struct policy *policy = session->transaction->policy;
	struct decision two[2]; /* the strictest so far, and the next */
	struct facts seen;

	for (size_t i = 0; i < count; i++) {
		if (!facts_await(task, session, &targets[i], stage, &seen))
			return false;
		policy_decide(policy, &seen, stage, session->scratch, &two[i > 0]);
		if (i > 0 && policy_strictest(policy, two, 2) == two)
			continue;
		two[0] = two[i > 0];
		*facts = seen;
	}
	*decision = two[0];
	return true;
}

/* doc/policy.md, "When": exactly one From with one address, before any condition is asked. To a
 * message without one, from a client known as someone, its sender is added as the author. */
static bool author_stands(struct intake *intake)
{
	struct session *session = intake->session;
	struct transaction *transaction = session->transaction;
	struct facts facts;

	if (intake->author == AUTHOR_OK)
		return true;
	facts_gather(session, only_recipient(transaction), &facts);
	if (intake->author == AUTHOR_MISSING && !transaction->mail.sender.is_null &&
		policy_knows_client(transaction->policy, &facts, session->scratch)) {
		transaction->author = transaction->mail.sender;
		transaction->has_author = transaction->adds_from = true;
		return true;
	}
	refuse_mail(session, only_recipient(transaction), STAGE_END, REASON_BAD_FROM,
		slice_of(author_fault_text(intake->author)));
	return false;
}

/* ---- one reply for all ---- */

/* What one RCPT brought (an alias may stand for many) has one fate: the strictest. */
static size_t brought_together(const struct transaction *transaction, size_t first)
{
	size_t end = first + 1;

	while (end < transaction->recipient_count &&
		transaction->kept[end].place == transaction->kept[first].place)
		end++;
	return end - first;
}

static void set_apart(
	struct transaction *transaction, size_t first, size_t count, const struct refusal *refusal)
{
	for (size_t i = first; i < first + count; i++)
		transaction->kept[i].refusal = refusal;
}

/* False: a reply that is not 250 has been said. */
static bool policy_stands(struct task *task, struct session *session)
{
	struct transaction *transaction = session->transaction;
	const struct refusal *first = NULL;
	bool accepted = false;
	struct facts facts;
	struct decision decision;

	for (size_t i = 0, count; i < transaction->recipient_count; i += count) {
		count = brought_together(transaction, i);
		if (!judge_targets(task, session, &transaction->kept[i], count, STAGE_END, &facts,
			    &decision)) {
			refuse_and_end(session, REASON_SHUTTING_DOWN, SLICE_NONE);
			return false;
		}
		accepted |= decision.verdict == VERDICT_ACCEPT;
		if (decision.verdict == VERDICT_ACCEPT)
			continue;
		if (decision.verdict == VERDICT_DEFER || !transaction_is_believed(session)) {
			refuse_by_policy(session, &facts, &decision);
			return false;
		}
		const struct refusal *refusal = refusal_new(session, &facts, &decision);
		set_apart(transaction, i, count, refusal);
		first = first ? first : refusal;
	}
	if (!accepted)
		refuse_by_policy(session, &first->facts, &first->decision);
	return accepted;
}

void judge_message(struct task *task, struct intake *intake)
{
	struct session *session = intake->session;

	if (intake->fault)
		refuse_mail(session, only_recipient(session->transaction), STAGE_END, intake->fault,
			intake->about);
	else if (author_stands(intake) &&
		 (!policy_has_clauses_at(session->transaction->policy, STAGE_END) ||
			 policy_stands(task, session)))
		accept_message(task, intake);
}
