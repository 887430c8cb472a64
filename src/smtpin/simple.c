/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that take no mail, and those we do not have. Read session.h first. */
#include "smtpin/refuse.h"

void rset_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task;
	if (rest.len) {
		refuse_form(session, REASON_BAD_SYNTAX, SLICE("RSET alone"));
		return;
	}
	transaction_end(session);
	session_say(session, SLICE("250 2.0.0 forgotten"));
}

void noop_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task, (void)rest; /* RFC 5321 4.1.1.9: an argument is ignored */
	session_say(session, SLICE("250 2.0.0 ok"));
}

/* RFC 5321 sections 3.5.3 and 7.3: who has a mailbox is not told; RCPT decides. */
void vrfy_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task;
	if (!rest.len)
		refuse_form(session, REASON_BAD_SYNTAX, SLICE("VRFY and an address"));
	else
		session_say(session, SLICE("252 2.1.5 not told here; send, and RCPT will tell"));
}

void expn_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task, (void)rest;
	refuse_form(session, REASON_EXPN_NOT_OFFERED, SLICE_NONE);
}

void help_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task, (void)rest;
	session_say(session,
		SLICE("214-2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT\r\n"
		      "214 2.0.0 a refusal ends with its id: the postmaster can ask `why`"));
}

void quit_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task;
	if (rest.len) {
		refuse_form(session, REASON_BAD_SYNTAX, SLICE("QUIT alone"));
		return;
	}
	session_say(session, SLICE("221 2.0.0 goodbye"));
	session->ending = session->goodbye = true;
}

void unknown_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task, (void)rest;
	refuse_form(session, REASON_UNKNOWN_COMMAND, SLICE_NONE);
}

/* A browser was sent here; what follows could be anybody's words. */
void http_command(struct task *task, struct session *session, struct slice rest)
{
	(void)task, (void)rest;
	refuse_and_end(session, REASON_HTTP_TALK, SLICE_NONE);
}
