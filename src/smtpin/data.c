/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DATA (RFC 5321 section 4.1.1.4). Read intake.h first, then accept.c for what follows a message
 * that is taken.
 */
#include "smtpin/inquiry.h"
#include "smtpin/intake.h"
#include "smtpin/refuse.h"

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

/* The message itself is known now, so what the policy says about it is asked again. One reply has
 * to fit all recipients: a refusal of one is a refusal of the message. */
static bool policy_stands(struct task *task, struct intake *intake)
{
	struct session *session = intake->session;
	struct transaction *transaction = session->transaction;
	struct facts facts;
	struct decision decision;

	if (!policy_has_clauses_at(transaction->policy, STAGE_END))
		return true;
	for (size_t i = 0; i < transaction->recipient_count; i++) {
		if (!facts_await(task, session, &transaction->kept[i], STAGE_END, &facts)) {
			refuse_and_end(session, REASON_SHUTTING_DOWN, SLICE_NONE);
			return false;
		}
		policy_decide(transaction->policy, &facts, STAGE_END, session->scratch, &decision);
		if (decision.verdict != VERDICT_ACCEPT) {
			refuse_by_policy(session, &facts, &decision);
			return false;
		}
	}
	return true;
}

static void answer(struct task *task, struct intake *intake)
{
	struct session *session = intake->session;

	if (intake->fault)
		refuse_mail(session, only_recipient(session->transaction), STAGE_END, intake->fault,
			intake->about);
	else if (author_stands(intake) && policy_stands(task, intake))
		accept_message(task, intake);
}

void data_command(struct task *task, struct session *session, struct slice rest)
{
	struct intake intake;

	if (rest.len) {
		refuse_form(session, REASON_BAD_SYNTAX, SLICE("DATA alone"));
		return;
	}
	session_say(session, SLICE("354 go on; a line with only a dot ends it"));
	intake_begin(&intake, session);
	if (intake_receive(task, &intake))
		answer(task, &intake);
	intake_end(&intake);
	transaction_end(session);
}
