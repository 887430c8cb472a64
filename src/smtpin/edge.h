/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge: what all SMTP sessions of one process share. Single-threaded like every role; nothing
 * in here is kept across a wait but the edge itself.
 *
 *	struct edge edge;
 *	edge_open(&edge, loop, id_slot, journal);
 *	edge.census = …;
 *	edge_use_policy(&edge, policy);
 *	edge.writer = …;
 *	edge_welcome(task, &edge, client, &from, SLICE("smtp"));        for each connection
 *	edge_stop(&edge); … edge_close(&edge);
 */
#ifndef SMTPIN_EDGE_H
#define SMTPIN_EDGE_H

#include "base/id.h"
#include "dns/client.h"
#include "journal/journal.h"
#include "role/census.h"
#include "role/role.h"
#include "run/io.h"
#include "smtpin/counting.h"
#include "smtpin/of_next_hop.h"
#include "spool/writer.h"
#include "tls/tls.h"
#include "wire/srs.h"

enum {
	SPARE_ARENAS = 64,
	GATHERED_MAX = 64 << 20, /* octets of messages in memory; above it they go to disk early */
	MEMORY_MOST = 128 << 20, /* above it strangers are put off; at twice as much everybody */
	RECIPIENT_HELD = 1024,   /* octets that a recipient is taken to hold */
};

/* Where journal lines go. A line that cannot be taken is dropped and counted there. */
struct edge_journal {
	void (*take)(void *owner, struct slice line);
	/* What is not accepted is shown as it is too, for the log; NULL: not wanted. */
	void (*refused)(void *owner, const struct journal_decision *refusal);
	void (*signed_in)(void *owner, const struct journal_auth *auth); /* or not */
	void (*tls_failed)(void *owner, const struct journal_tls *failure);
	void *owner;
};

struct tally {
	uint64_t sessions, messages, octets;
	uint64_t verdicts[VERDICT_DEFER + 1]; /* of decisions about recipients and messages */
	uint64_t reasons[REASONS];            /* every refusal, also those of form */
	uint64_t unwritten; /* refused connections that share a line, or have none */
	uint64_t lost;      /* connections that ended in the middle of a transaction */
};

struct edge {
	struct loop *loop;
	struct policy *policy; /* of every transaction that begins now */
	struct policy_needs needs;
	struct dns *dns;           /* NULL: DNS facts are unknown */
	struct dns_client *names;  /* that way to the resolver, which tests lists; NULL in tests */
	struct counting *counting; /* NULL: counters are unknown */
	struct asker *asker;       /* NULL: accounts are unknown */
	struct next_hop *next_hop; /* NULL: nobody can be asked about mailboxes elsewhere */
	struct tls *tls;           /* NULL: nobody is offered any */
	uint64_t accounts_changed; /* how often what accounts had said came to be untrue */
	struct list questions;     /* to others, that wait their turn (inquiry.c) */
	size_t asking;             /* of them at work */
	struct spool_writer *writer;
	struct id_source ids;
	uint64_t seed;            /* for maps keyed by what clients choose */
	struct srs_secret secret; /* of return paths; until it is granted, of this process alone */
	struct list sessions;
	struct census *census; /* who is connected, over all of them; set before the first comes */
	size_t local_count;    /* sessions of programs of this host */
	size_t session_count;  /* also those whose task has not run yet */
	struct timer pressure; /* set while too many are connected (admission.h) */
	bool stopping;
	struct gate emptied; /* opened when the last session has ended */
	struct arena *spare[SPARE_ARENAS];
	size_t spare_count;
	uint64_t gathered;    /* octets of messages in memory, and of their recipients */
	uint64_t memory_most; /* MEMORY_MOST; tests want less */
	struct tally tally;
	struct edge_journal journal;
	struct text line;    /* what is being written: a journal line, trace fields */
	struct alike *alike; /* refusals that share a line (alike.h) */
};

void edge_open(struct edge *edge, struct loop *loop, unsigned id_slot, struct edge_journal journal);
void edge_close(struct edge *edge); /* every session has ended */
/* Takes over one reference; sessions in a transaction keep the one they began with. */
void edge_use_policy(struct edge *edge, struct policy *policy);
/* A client has connected: starts a session, or says why not and closes. Owns `client`. */
void edge_welcome(struct task *task, struct edge *edge, struct io *client,
	const struct address *from, struct slice service);
/* The same at a listener bound to `at`, where a proxy may have to say first for whom it speaks
 * (proxied.h). */
void edge_welcome_at(struct task *task, struct edge *edge, struct io *client,
	const struct address *from, struct slice service, const struct address *at);
/* A program of this host, and its user. */
void edge_welcome_local(struct task *task, struct edge *edge, struct io *client, struct slice user);
/* No new sessions; idle ones end with 421, transactions go on. */
void edge_stop(struct edge *edge);
void edge_stop_now(struct edge *edge); /* the grace is over: all of them */

uint64_t edge_new_id(struct edge *edge);
/* A pool, so that only sessions at work hold memory. */
struct arena *edge_arena_take(struct edge *edge);
void edge_arena_give(struct edge *edge, struct arena *arena); /* resets it; NULL is fine */
void edge_record(struct edge *edge, struct journal_decision *decision);
/* A sign-in, also one that failed; its id, time and node are filled in where they are 0. */
void edge_record_auth(struct edge *edge, struct journal_auth *auth);
void edge_record_tls(struct edge *edge, struct journal_tls *failure); /* likewise */

/* What `postern status` and `postern sessions` are told: one JSON object; JSON lines. */
void edge_tell_status(const struct edge *edge, unsigned slot, struct text *out);
void edge_tell_sessions(const struct edge *edge, struct text *out);

extern const struct role_kind edge_role;

#endif
