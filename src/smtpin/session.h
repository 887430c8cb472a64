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
#include "smtpin/edge.h"

enum {
	HELO_MAX = 255,
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
};

struct inquiry; /* inquiry.h */

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
	struct inquiry *inquiry; /* about the sender; NULL: nothing was asked */
	bool has_places;         /* in counters, reserved and not kept yet */
	/* Of the message, when its header has been seen: */
	bool has_author, adds_from; /* adds_from: it had no From, ours says the sender */
	struct mailbox author;
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
	struct list left;                    /* inquiries that have ended, cancelled */
	struct gate answered;                /* some question was */
	struct address client;
	struct slice service; /* "smtp" */
	uint64_t id;
	wall_ns since;
	mono_ns heard; /* when the command at work came, for what deciding took */
	uint64_t errors, unknown_recipients, no_ops;
	unsigned bad_line_ends;
	bool extended; /* EHLO, not HELO */
	bool waiting;  /* for a command */
	bool ending;   /* nothing is read any more */
	uint8_t helo_len;
	char helo[HELO_MAX];
};

/* False when no task can be had; the io is then still the caller's. */
bool session_start(struct edge *edge, struct io *client, const struct address *from,
	struct slice service) MUST_USE;
/* The policy that holds now: the transaction's, else the edge's newest. */
const struct policy *session_policy(const struct session *session);
const struct settings *session_settings(const struct session *session);
/* `limits recipients`, as far as it can be kept; what EHLO offers and RCPT holds to. */
uint64_t recipients_most(const struct settings *settings);
struct slice session_helo(const struct session *session);
/* Waits for input no longer than idle time and transaction allow (RFC 5321 section 4.5.3.2). */
mono_ns session_begin_wait(struct session *session);
void session_end_wait(struct session *session, mono_ns outer);
void session_say(struct session *session, struct slice reply); /* a 2xx or 3xx, without CRLF */

/* Begins with MAIL. One end for every exit: 250, refusal, RSET, EHLO, QUIT, a lost connection. */
struct transaction *transaction_begin(struct session *session);
void transaction_end(struct session *session); /* nothing where there is none */
/* Keeps copies of all that an accepted address stands for; who is there already is kept once. */
void transaction_keep(struct session *session, const struct offered_recipient *targets,
	size_t count, const struct rcpt_command *rcpt);

/* The one recipient where there is one, so that the journal's line can name it; else NULL. */
const struct offered_recipient *only_recipient(const struct transaction *transaction);

/* Who was kept when this address was written before, the first of them; or NULL. */
const struct offered_recipient *transaction_kept(
	const struct transaction *transaction, const struct mailbox *written);
/* The address as the client wrote it. */
const struct mailbox *recipient_written(const struct offered_recipient *recipient);

/* What is known now, for a decision about `recipient` (NULL: none in particular). */
void facts_gather(const struct session *session, const struct offered_recipient *recipient,
	struct facts *facts);

typedef void command_function(struct task *task, struct session *session, struct slice rest);
command_function ehlo_command, helo_command, mail_command, rcpt_command, data_command;
command_function rset_command, noop_command, vrfy_command, expn_command, help_command, quit_command;
command_function unknown_command, http_command, starttls_command, auth_command, bdat_command;

#endif
