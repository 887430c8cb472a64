/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all POP3 sessions of one process share. Single-threaded like every role; the doors lead to
 * the other rooms and processes, so that sessions can be tried without them.
 *
 *	struct pop pop;
 *	pop_open(&pop, loop, id_slot, &doors);
 *	pop_use_policy(&pop, policy);
 *	pop.census = …;
 *	pop_welcome(task, &pop, client, &from, &place);     for each connection
 *	pop_stop(&pop); … pop_close(&pop);
 */
#ifndef POP3_POP_H
#define POP3_POP_H

#include "account/asker.h"
#include "base/id.h"
#include "deliver/maildir.h"
#include "policy/policy.h"
#include "role/admission.h"
#include "role/listening.h"
#include "role/role.h"
#include "run/offload.h"
#include "tls/tls.h"

struct pop;

/* The end of an attempt to sign in. */
struct pop_signin {
	uint64_t id; /* the session's */
	const struct address *client;
	bool implicit_tls;
	struct slice mechanism, account;
	enum signin_outcome outcome;
	struct slice because; /* for the administrator, never for the client */
	struct slice reply;   /* as the client hears it */
};

struct pop_doors {
	void *owner;
	/* Mechanisms that may be offered now, blank-separated, the best first. */
	struct slice (*offered)(void *owner);
	/* As asker_sign_in(), asker_respond() and asker_end(). */
	enum exchange (*sign_in)(struct task *task, void *owner, struct arena *arena,
		const struct signin_begin *begin, struct asker_exchange *exchange);
	enum exchange (*respond)(struct task *task, struct asker_exchange *exchange, bool cancelled,
		struct slice words);
	void (*end)(struct asker_exchange *exchange);
	/* As asker_shut_for(). */
	mono_ns (*shut_for)(void *owner, const struct address *client);
	/* As in tls/tls.h. */
	bool (*can_encrypt)(void *owner);
	enum tls_end (*encrypt)(struct task *task, void *owner, const struct address *client,
		struct stream *stream, struct tls_session **tls, struct text *why);
	/* How a sign-in ended, for the journal and the log; and what a disk said no to. */
	void (*told)(void *owner, const struct pop_signin *signin);
	void (*failed)(void *owner, struct slice account, struct slice words);
};

struct pop_tally {
	uint64_t sessions, turned_away, signed_in, wrong, in_use, retrieved, octets, deleted,
		failed;
};

struct pop {
	struct loop *loop;
	struct policy *policy;
	struct offload *threads; /* for what touches a disk */
	const struct pop_doors *doors;
	struct maildir_base base; /* of Maildirs below the state folder */
	struct census
		*census; /* who is connected, over all processes; set before the first comes */
	struct timer pressure; /* set while too many are */
	struct id_source ids;
	struct list sessions;
	size_t session_count; /* those whose task has not run yet too */
	bool stopping;
	struct gate emptied; /* opened when the last session has ended */
	struct pop_tally tally;
};

/* `doors` and `threads` outlive the sessions. */
void pop_open(struct pop *pop, struct loop *loop, unsigned id_slot, const struct pop_doors *doors,
	struct offload *threads);
void pop_close(struct pop *pop); /* every session has ended */
/* Takes over one reference; what begins from now on uses it. */
void pop_use_policy(struct pop *pop, struct policy *policy);
/* A client has connected: starts a session, or says why not and closes. Owns `client`. */
void pop_welcome(struct task *task, struct pop *pop, struct io *client, const struct address *from,
	const struct arrival_place *place);
void pop_stop(struct pop *pop);     /* no new sessions; those that wait for a command end */
void pop_stop_now(struct pop *pop); /* the grace is over: all of them */

/* What `postern status` and `postern sessions` are told: one JSON object, whose last brace is the
 * caller's; JSON lines. */
void pop_tell_status(const struct pop *pop, struct text *out);
void pop_tell_sessions(const struct pop *pop, struct text *out);

extern const struct role_kind pop_role;

#endif
