/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job: one message, one way, some recipients of its envelope; and what became of each.
 *
 * A recipient goes WAITING → ASKED → ACCEPTED → SETTLED: RCPT sent, RCPT answered 2xx, final word.
 * From every state it may be settled; one that was only asked may be put back.
 */
#ifndef SMTPOUT_JOB_H
#define SMTPOUT_JOB_H

#include "base/list.h"
#include "packets/delivery.h"
#include "reason/reason.h"
#include "spool/reader.h"

/* What is said of a recipient, of a host or of a whole destination. */
struct settlement {
	enum outcome outcome;
	enum reason reason; /* REASON_NONE: the remote's own words */
	unsigned code;      /* the remote's; 0: it said nothing */
	struct enhanced enhanced;
	struct slice words;
	struct slice remote; /* "mx.example.org [192.0.2.1]:25"; may be empty */
	struct delivery_tls tls;
};

enum rcpt_state { RCPT_WAITING, RCPT_ASKED, RCPT_ACCEPTED, RCPT_SETTLED };
struct rcpt {
	uint16_t index; /* in the envelope */
	enum rcpt_state state;
	struct settlement settled;
};

struct job {
	struct list link;
	struct arena *arena; /* holds all that follows; the job itself too */
	struct delivery_job order;
	struct rcpt *recipients;
	size_t count;
	void *segment; /* the role's */
	bool loaded;
	struct message message; /* when loaded */
	struct spool_source source;
	uint32_t parts;    /* > 0: the body lies in so many chunks */
	mono_ns begun;     /* when a connection took it */
	unsigned put_back; /* how often a connection was lost before it was answered */
};

struct job *job_new(const struct delivery_job *order); /* copies */
void job_free(struct job *job);                        /* NULL is fine */

/* Copied into the job's arena. */
void job_settle(struct job *job, struct rcpt *rcpt, const struct settlement *settlement);
/* Every recipient in `state`; or every one not settled. */
void job_settle_all(struct job *job, enum rcpt_state state, const struct settlement *settlement);
void job_settle_rest(struct job *job, const struct settlement *settlement);
void job_unask(struct job *job); /* ASKED → WAITING */
size_t job_count(const struct job *job, enum rcpt_state state);
const struct envelope_recipient *job_address(const struct job *job, const struct rcpt *rcpt);

/* A row of the table of reasons with one argument: 5xx rows fail, 4xx rows defer. The words lie in
 * `arena`; `detail`, if not empty, stands behind them. */
struct settlement settlement_of(
	enum reason reason, struct slice argument, struct slice detail, struct arena *arena);

#endif
