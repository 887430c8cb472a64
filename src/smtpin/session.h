/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SMTP session, and the mail transaction in it (RFC 5321 section 3). A command is a function in
 * a file of its own, named in the table of session.c; doc/add-a-command.md walks through adding
 * one.
 *
 * The session lies on its task's stack. Memory of one command comes from `scratch`, memory of a
 * transaction from the transaction's arena; both are given back whole, and an idle session has
 * neither.
 */
#ifndef SMTPIN_SESSION_H
#define SMTPIN_SESSION_H

#include "base/map.h"
#include "packets/counting.h"
#include "run/stream.h"
#include "smtpin/admission.h"
#include "smtpin/edge.h"
#include "wire/author.h"

enum {
	HELO_MAX = 255,
	LOCAL_USER_MAX = 64,
	RECIPIENTS_MAX = 10000, /* so that an envelope fits a segment of the spool */
};

/* A recipient as it was when it was decided: the address written, or one that it stands for
 * (policy_expand()). What one RCPT brought has the same `place`, and one place in each counter. */
struct offered_recipient {
	struct mailbox mailbox;
	bool is_alias;    /* `alias` is the address written */
	bool is_returned; /* which was a return path of ours */
	bool forwarded;   /* the mail leaves with a return path of ours */
	struct mailbox alias;
	uint64_t place; /* how many had been offered, this one counted */
	wall_ns when;   /* a grant that ends later still holds for it */
	/* places.h: its counters of `limit` clauses, and how each stood */
	bool reserved;
	uint32_t request;
	const struct counting_counter *counters;
	const struct counter_answer *counted;
	size_t counter_count;
	const struct fact_answer *known; /* what others said of its mailbox; NULL: not asked */
	const struct refusal *refusal;   /* refuse.h: after the data, while others are accepted */
};

struct inquiry;     /* inquiry.h */
struct tls_session; /* tls/tls.h */

struct transaction {
	struct arena *arena;
	struct policy *policy; /* ends on the policy it began with */
	uint64_t id;           /* the message's */
	mono_ns ends;
	struct mail_command mail;
	bool trusted;
	uint64_t offered; /* RCPTs that named a valid address */
	struct envelope_recipient *recipients;
	struct offered_recipient *kept; /* in the same order */
	size_t recipient_count, room;
	uint64_t taken;   /* RCPTs that brought somebody new: what `limits recipients` counts */
	struct map *seen; /* kept addresses, and aliases that brought some; made with the second */
	struct policy_needs needs;
	/* The limits that the account carries itself, as they were at MAIL; NULL: it has none. */
	const struct fact_answer *limits;
	struct inquiry *inquiry; /* about the sender; NULL: nothing was asked */
	struct inquiry *of_recipients;
	struct intake *chunks; /* intake.h: what BDAT has brought; NULL: none came */
	bool has_places;       /* in counters, reserved and not kept yet */
	/* Of the message, when its header has been seen: */
	bool has_author, adds_from; /* adds_from: it had no From, ours says the sender */
	bool lacks_date, lacks_id, lacks_header; /* submission.h */
	struct mailbox author;
	struct claims claims; /* who else stands behind it */
	struct slice header;
	bool size_known;
	uint64_t size;
};

struct session {
	struct list link; /* in the edge's sessions */
	struct edge *edge;
	struct task *task;
	struct stream *stream;
	struct arena *scratch;               /* of the command at work; NULL between commands */
	struct transaction *transaction;     /* NULL outside */
	struct inquiry *of_client, *of_helo; /* NULL: nothing was asked */
	struct inquiry *of_account; /* or of accounts with a lease; asked anew at MAIL and RCPT */
	struct list left;           /* inquiries that have ended, cancelled */
	struct gate answered;       /* some question was */
	struct address client;
	struct admission admission;
	struct slice service;    /* "smtp" */
	struct tls_session *tls; /* NULL: in the clear */
	struct arena *identity;  /* holds `account`; NULL: the client has not signed in (auth.h) */
	struct slice account;
	uint64_t id;
	wall_ns since;
	mono_ns heard;         /* when the command at work came, for what deciding took */
	mono_ns moved;         /* when it last did as much as may be asked of it (admission.h) */
	uint64_t octets_since; /* of message data, that many came since then */
	uint64_t errors, unknown_recipients, no_ops;
	unsigned bad_line_ends;
	bool extended;     /* EHLO, not HELO */
	bool waiting;      /* for the client */
	bool chunk_failed; /* a BDAT that was not the last, and nothing but BDAT came since */
	bool pressed;      /* ended, since it kept a place that others need (admission.h) */
	bool ending;       /* nothing is read any more */
	bool goodbye;      /* since the client said QUIT, and nothing behind it */
	struct session_limits limits; /* session_limits() */
	bool proxied;                 /* nothing has been heard yet of whom it speaks for */
	bool local;                   /* a program of this host: `client` is nobody's address */
	uint8_t user_len;             /* of that */
	char user[LOCAL_USER_MAX];
	uint8_t helo_len;
	char helo[HELO_MAX];
};

struct arrival {
	struct address from;
	struct slice service; /* for ever */
	struct admission admission;
	bool proxied;      /* it has to say for whom it speaks (proxied.h) */
	bool local;        /* a program of this host */
	struct slice user; /* of that; at most LOCAL_USER_MAX octets are kept */
};
/* False when no task can be had; the io is then still the caller's. */
bool session_start(struct edge *edge, struct io *client, const struct arrival *arrival) MUST_USE;
/* The policy that holds now: the transaction's, else the edge's newest. */
const struct policy *session_policy(const struct session *session);
const struct settings *session_settings(const struct session *session);
/* What `limits` and `limits for network` say of this client; valid until it is asked again. */
const struct session_limits *session_limits(struct session *session);
/* `limits recipients`, as far as it can be kept; what EHLO offers and RCPT holds to. */
uint64_t recipients_most(struct session *session);
struct slice session_helo(const struct session *session);
struct slice session_user(const struct session *session); /* of a program of this host; or empty */
/* Why a session that was cancelled ends. */
enum reason session_cut_short(const struct session *session);
/* Waits for input no longer than idle time and transaction allow (RFC 5321 section 4.5.3.2). */
mono_ns session_begin_wait(struct session *session);
void session_end_wait(struct session *session, mono_ns outer);
/* A line that is no command, within `most` octets; valid until the next is read. False: there is
 * none, and what that led to has been done. `too_long`: what is then said. */
bool session_hear(struct task *task, struct session *session, size_t most, enum reason too_long,
	struct slice *line) MUST_USE;
void session_say(struct session *session, struct slice reply); /* a 2xx or 3xx, without CRLF */

/* Begins with MAIL. One end for every exit: 250, refusal, RSET, EHLO, QUIT, a lost connection. */
struct transaction *transaction_begin(struct session *session);
void transaction_end(struct session *session); /* nothing where there is none */
/* Keeps copies of all that an accepted address stands for; who is there already is kept once. */
void transaction_keep(struct session *session, const struct offered_recipient *targets,
	size_t count, const struct rcpt_command *rcpt);

/* The client is trusted, or known as someone (doc/policy.md, "When" and "Reports"): its messages
 * are split after the data, and what fails is reported to its sender. */
bool transaction_is_believed(const struct session *session);

/* The one recipient where there is one, so that the journal's line can name it; else NULL. */
const struct offered_recipient *only_recipient(const struct transaction *transaction);

/* Who was kept when this address was written before, the first of them; or NULL. */
const struct offered_recipient *transaction_kept(
	const struct transaction *transaction, const struct mailbox *written);
/* The address as the client wrote it. */
const struct mailbox *recipient_written(const struct offered_recipient *recipient);

/* bdat.c: throws away what stands behind a BDAT that may not come. False: nothing is to be said to
 * it any more. */
bool bdat_skip(struct task *task, struct session *session, struct slice rest);

/* What is known now, for a decision about `recipient` (NULL: none in particular). */
void facts_gather(const struct session *session, const struct offered_recipient *recipient,
	struct facts *facts);

typedef void command_function(struct task *task, struct session *session, struct slice rest);
command_function ehlo_command, helo_command, mail_command, rcpt_command, data_command;
command_function rset_command, noop_command, vrfy_command, expn_command, help_command, quit_command;
command_function unknown_command, http_command, starttls_command, auth_command, bdat_command;

#endif
