/* SPDX-License-Identifier: Apache-2.0 */
/* MAIL: a transaction begins (RFC 5321 section 4.1.1.2). Read session.h first. */
#include "smtpin/auth.h"
#include "smtpin/inquiry.h"
#include "smtpin/refuse.h"

static bool mail_read(struct session *session, struct slice rest)
{
	struct transaction *transaction = session->transaction;
	struct command_problem problem;

	if (command_parse_mail(rest, transaction->arena, &transaction->mail, &problem) ==
		COMMAND_OK)
		return true;
	refuse_problem(
		session, &problem, REASON_BAD_SENDER_ADDRESS, SLICE("MAIL FROM:<address>"), rest);
	return false;
}

/* RFC 1870 section 6.1: better to hear it now than after the data. */
static bool size_fits(struct session *session)
{
	uint64_t most = session_settings(session)->message_size;

	if (session->transaction->mail.size <= most)
		return true;
	refuse_mail(session, NULL, STAGE_MAIL, REASON_MESSAGE_TOO_LARGE,
		arena_format(session->scratch, "%ju", (uintmax_t)most));
	return false;
}

/* Nobody's error, but a client that asks again at once does nothing for mail. */
static bool defer_for_room(struct session *session, enum reason reason)
{
	refuse_mail(session, NULL, STAGE_MAIL, reason, SLICE_NONE);
	session->no_ops++;
	return false;
}

/* No message is begun that could not be kept (the answer is 452, here and not after the data). */
static bool is_room(struct session *session)
{
	struct spool_writer *writer = session->edge->writer;

	if (!admission_has_memory(session))
		return defer_for_room(session, REASON_MEMORY_FULL);
	switch (writer ? writer_ready(writer) : COMMIT_FAILED) {
	case COMMIT_DURABLE: return true;
	case COMMIT_FULL: return defer_for_room(session, REASON_DISK_FULL);
	case COMMIT_FAILED: return defer_for_room(session, REASON_SPOOL_FAILED);
	}
	return false;
}

/* Whether the client is trusted is asked once; the grant itself at every RCPT. */
static void find_trust(struct session *session)
{
	struct transaction *transaction = session->transaction;
	struct facts facts;

	facts_gather(session, NULL, &facts);
	facts_settle(transaction->policy, &facts, session->scratch);
	transaction->trusted = facts.trusted;
}

void mail_command(struct task *task, struct session *session, struct slice rest)
{
	transaction_begin(session);
	if (!mail_read(session, rest) || !size_fits(session) || !is_room(session) ||
		!auth_stands(task, session, NULL, STAGE_MAIL)) {
		transaction_end(session);
		return;
	}
	find_trust(session);
	inquiry_refresh(session);
	facts_ask(session, STAGE_MAIL);
	session_say(session, SLICE("250 2.1.0 sender noted"));
}
