/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the client: one answer at a time, and the timeouts of RFC 5321 section 4.5.3.2.
 */
#ifndef SMTPOUT_TALK_H
#define SMTPOUT_TALK_H

#include "smtpout/client.h"

enum limit {
	LIMIT_CONNECT,
	LIMIT_GREETING,
	LIMIT_HELLO,
	LIMIT_STARTTLS,
	LIMIT_AUTH,
	LIMIT_MAIL,
	LIMIT_RCPT,
	LIMIT_DATA,
	LIMIT_BLOCK,
	LIMIT_FINAL,
	LIMIT_QUIT,
};
mono_ns limit_of(enum limit limit);

enum talk {
	TALK_OK,
	TALK_LOST,
	TALK_SILENT, /* the time for it is over */
	TALK_GARBAGE,
	TALK_CANCELLED,
};
enum talk talk_of_io(enum io_end end);

/* Sends what is buffered and reads one whole reply into client->reply. After anything but TALK_OK,
 * and after a 421, client->ended is true. */
enum talk client_listen(struct task *task, struct client *client, enum limit limit) MUST_USE;

bool reply_is_positive(const struct reply *reply); /* 2yz */
/* Greeting and hello, on a fresh connection. False: *failure says why, in the client's arena. */
bool client_begin(struct task *task, struct client *client, const struct manner *manner,
	struct settlement *failure) MUST_USE;
void client_close(struct client *client);
bool reply_was_granted(const struct client *client, enum talk talk); /* 2yz, and it goes on */

/* ---- secure.c ---- */
enum { PORT_TLS_AT_ONCE = 465 }; /* RFC 8314 section 3.3: TLS begins with the connection */
/* False: *failure. True: there is TLS, or it need not be; *fresh: what was offered is void. */
bool client_secure(struct task *task, struct client *client, const struct manner *manner,
	struct settlement *failure, bool *fresh) MUST_USE;
bool client_secure_at_once(struct task *task, struct client *client, const struct manner *manner,
	struct settlement *failure) MUST_USE;

/* ---- login.c ---- */
/* Where `manner` has a login: AUTH (RFC 4954). */
bool client_sign_in(struct task *task, struct client *client, const struct manner *manner,
	struct settlement *failure) MUST_USE;

/* Adds who said it, over what. */
void settlement_sign(struct settlement *settled, const struct client *client);
/* The remote's reply as the final word about somebody; `when` ("after RCPT") for odd codes. */
struct settlement settlement_of_reply(const struct client *client, struct arena *arena);
/* The conversation broke: `when` says at what point. */
struct settlement settlement_of_talk(
	const struct client *client, enum talk talk, struct slice when, struct arena *arena);

/* ---- envelope.c ---- */
/* Puts RSET (if needed), MAIL, RCPT and DATA of one transaction of `job` into the output, marking
 * its recipients ASKED. Without PIPELINING it puts nothing but marks them. */
void envelope_put(struct client *client, struct job *job);
/* Whether the remote can take the message at all; false: all recipients are settled. */
bool envelope_fits(const struct client *client, struct job *job);
enum envelope_end {
	ENVELOPE_TAKEN,   /* 354: send the data */
	ENVELOPE_EMPTY,   /* 354, and nobody accepted: send an empty message (RFC 2920 3.1) */
	ENVELOPE_REFUSED, /* every ASKED recipient is settled or WAITING again */
	ENVELOPE_BROKEN,  /* client->ended; likewise settled */
	ENVELOPE_UNHEARD, /* client->ended; MAIL was never answered, recipients are ASKED still */
};
enum envelope_end envelope_answers(
	struct task *task, struct client *client, struct job *job) MUST_USE;

/* ---- body.c ---- */
enum body_end { BODY_SENT, BODY_BROKEN, BODY_DAMAGED, BODY_UNREADABLE };
/* Trace headers, body and final dot into the output, flushed as it fills: the last piece stays
 * there, so that the next envelope can ride along. */
enum body_end body_put(
	struct task *task, struct client *client, const struct job *job, enum talk *talk) MUST_USE;

#endif
