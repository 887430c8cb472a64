/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RCPT: the gate (RFC 5321 section 4.1.1.3).
 *
 * May this client, with this sender, reach this recipient? Everything before leads here: HELO and
 * MAIL only gather facts, and even a refusal that was certain when the client connected is spoken
 * here, so that the journal can say who wanted to write to whom. The answer comes from
 * policy_decide(), a pure function over those facts, the same one that `trial` and `replay` ask.
 * Nothing else opens the gate, and no answer leaves without its reason.
 */
#include "smtpin/refuse.h"

/* False: it has been said what is wrong with the command. */
static bool rcpt_read(struct session *session, struct slice rest, struct rcpt_command *rcpt)
{
	struct command_problem problem;

	if (command_parse_rcpt(rest, session->transaction->mail.smtputf8, session->scratch, rcpt,
		    &problem) == COMMAND_OK)
		return true;
	refuse_problem(session, &problem, REASON_BAD_RECIPIENT_ADDRESS, SLICE("RCPT TO:<address>"));
	return false;
}

/* RFC 5321 section 4.5.3.1.10: 452, and the client sends the rest in another transaction. */
static bool has_room(struct session *session, const struct offered_recipient *recipient)
{
	uint64_t most = recipients_most(session_settings(session));

	if (session->transaction->recipient_count < most)
		return true;
	refuse_mail(session, recipient, STAGE_RCPT, REASON_TOO_MANY_RECIPIENTS,
		arena_format(session->scratch, "%ju", (uintmax_t)most));
	return false;
}

/* RCPTs that lead to nothing (the same recipient again, one beyond the limit, one deferred) are
 * borne as often as a transaction may have recipients; then each is an error, so that nobody can
 * write the journal full with them. */
static void count_idle(struct session *session, uint64_t kept_before)
{
	const struct transaction *transaction = session->transaction;
	uint64_t idle = transaction->offered - transaction->recipient_count;

	if (transaction->recipient_count == kept_before &&
		idle > recipients_most(session_settings(session)))
		session->errors++;
}

static void decide(struct session *session, const struct offered_recipient *recipient,
	struct facts *facts, struct decision *decision)
{
	facts_gather(session, recipient, facts);
	policy_decide(session->transaction->policy, facts, STAGE_RCPT, session->scratch, decision);
}

static void offer(struct session *session, const struct offered_recipient *recipient,
	const struct rcpt_command *rcpt)
{
	struct facts facts;
	struct decision decision;

	decide(session, recipient, &facts, &decision);
	switch (decision.verdict) {
	case VERDICT_ACCEPT:
		transaction_keep(session, recipient, rcpt);
		accept_by_policy(session, &facts, &decision, SLICE("250 2.1.5 recipient taken"));
		break;
	case VERDICT_REFUSE:
	case VERDICT_DEFER: refuse_by_policy(session, &facts, &decision); break;
	}
}

void rcpt_command(struct task *task, struct session *session, struct slice rest)
{
	struct rcpt_command rcpt;

	(void)task; /* nothing is asked of the world yet that could make this wait */
	if (!rcpt_read(session, rest, &rcpt))
		return;
	struct transaction *transaction = session->transaction;
	uint64_t kept_before = transaction->recipient_count;
	struct offered_recipient recipient = {
		rcpt.recipient, ++transaction->offered, loop_wall(session->edge->loop)};
	if (has_room(session, &recipient))
		offer(session, &recipient, &rcpt);
	count_idle(session, kept_before);
}
