/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about a session to others (DNS, accounts), asked all at once and as soon as some clause
 * of the policy is known to need them; nothing waits for an answer before RCPT.
 *
 * An inquiry holds the questions about one subject and lives as long as it does: the client (the
 * session), the name in EHLO (until the next), the sender and the recipients (the transaction).
 * What accounts says of who the client is lives for one MAIL or RCPT (and what was sent with it):
 * an account that is disabled, or a lease that is taken back, ends at once. What has ended is
 * cancelled; its tasks end before the session's next command.
 */
#ifndef SMTPIN_INQUIRY_H
#define SMTPIN_INQUIRY_H

#include "smtpin/session.h"

enum { ASKING_MOST = 4096 }; /* questions of one edge at work; the others wait their turn */
#define ANSWER_PATIENCE (5 * NS_PER_S) /* from the question on; out has longer */

/* Asks what the policy wants to know at `stage` and was not asked yet. Waits for nothing. */
void facts_ask(struct session *session, enum stage stage);
/* Gathers the facts about `recipient`, when everything the policy wants to know at `stage` is
 * answered, or is unknown for want of an answer in time. False: the session is being ended. */
bool facts_await(struct task *task, struct session *session,
	const struct offered_recipient *recipient, enum stage stage, struct facts *facts) MUST_USE;
/* Adds what has been answered so far about the client, the sender and this recipient (or NULL). */
void facts_add_answers(const struct session *session, const struct offered_recipient *recipient,
	struct facts *facts);
/* At MAIL and RCPT: what accounts said longer ago than a moment is asked anew. */
void inquiry_refresh(struct session *session);
/* What was answered about its mailbox; NULL: nobody was asked. It lives as long as the transaction.
 */
const struct fact_answer *inquiry_of_mailbox(
	const struct session *session, const struct offered_recipient *recipient);

/* The subject is another from now on; NULL in *inquiry is fine. */
void inquiry_end(struct session *session, struct inquiry **inquiry);
/* The tasks of ended inquiries have ended. */
void inquiries_reap(struct task *task, struct session *session);

#endif
