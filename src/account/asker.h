/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the role accounts for those who talk to clients (edges, pop): signing in, and
 * questions about accounts (packets/signin.h).
 *
 * While accounts is away, does not answer in time, or has more to do than it takes, the answer is
 * CANNOT_TELL at once. What is told here lives in the arena that was given; secrets pass through
 * buffers that are wiped.
 *
 *	struct asker_exchange exchange;
 *	enum exchange at = asker_sign_in(task, asker, arena, &begin, &exchange);
 *	while (at == EXCHANGE_CHALLENGE) {
 *		… say exchange.words, read the client's reply …
 *		at = asker_respond(task, &exchange, cancelled, reply);
 *	}
 *	… exchange.outcome …
 *	asker_end(&exchange);                          at every exit
 */
#ifndef ACCOUNT_ASKER_H
#define ACCOUNT_ASKER_H

#include "base/arena.h"
#include "packets/signin.h"
#include "run/channel.h"
#include "run/task.h"

enum {
	EXCHANGES_MOST = 2048,   /* of one process at once; above it SIGNIN_BUSY */
	QUESTIONS_MOST = 4096,   /* likewise; above it ANSWER_CANNOT_TELL */
	ANSWER_TEXTS_MOST = 4096 /* of one answer; a longer one is ANSWER_CANNOT_TELL */
};

struct asker;
struct asker *asker_open(struct loop *loop);
void asker_close(struct asker *asker); /* no task waits in it; NULL is fine */
/* A channel end to the (new) accounts, owned from here on. */
void asker_connect(struct asker *asker, int fd);
/* Instead, where the channel is another's: NULL when it has ended; and what came over it. */
void asker_use(struct asker *asker, struct channel *channel);
void asker_receive(struct asker *asker, uint16_t type, struct slice body);
/* Instead, for tests (fake.h): `send` takes what would go over a channel; false: it does not. */
void asker_use_way(struct asker *asker, bool (*send)(void *owner, uint16_t type, struct slice body),
	void *owner);
/* The mechanisms, as said last, the best first, also while accounts is away; empty: none yet. */
struct slice asker_offered(const struct asker *asker);
bool asker_is_there(const struct asker *asker);
/* How much longer nobody may sign in from there, since too many wrong passwords came; 0: one may.
 * Accounts never says so of an address from which somebody has signed in of late. */
mono_ns asker_shut_for(const struct asker *asker, const struct address *client);
/* Whether this process saw somebody sign in from there within a day. */
bool asker_knows(const struct asker *asker, const struct address *client);
/* `changed` is called when answers about this account (empty: any) are not true any more. */
void asker_watch(
	struct asker *asker, void (*changed)(void *owner, struct slice account), void *owner);

/* ---- signing in ---- */

enum exchange {
	EXCHANGE_CHALLENGE, /* say `words` */
	EXCHANGE_DONE,      /* see `outcome` */
	EXCHANGE_CANCELLED, /* the task is, or its deadline has passed */
};
struct asker_exchange { /* lies on the task's stack */
	struct asker *asker;
	struct arena *arena;
	struct address client;
	uint64_t request; /* 0: it has ended */
	struct gate heard;
	bool has_word;
	enum exchange state;
	struct slice words;
	enum signin_outcome outcome;
	struct slice account, because;
};
/* `begin->request` is filled in here. NULL for `asker` is one whose accounts is away. */
enum exchange asker_sign_in(struct task *task, struct asker *asker, struct arena *arena,
	const struct signin_begin *begin, struct asker_exchange *exchange) MUST_USE;
enum exchange asker_respond(struct task *task, struct asker_exchange *exchange, bool cancelled,
	struct slice words) MUST_USE;
void asker_end(struct asker_exchange *exchange); /* tells accounts if it had not ended */

/* ---- questions ---- */

struct asker_answer {
	enum signin_found found;
	const struct slice *texts;
	const wall_ns *times; /* beside texts */
	size_t count;
	struct slice because;
};
/* `client` may be NULL but for ASK_LEASES. Answers to ASK_STANDS are kept until accounts says that
 * they have changed, at most half a minute. WAIT_CANCELLED or WAIT_DEADLINE: the task's own; the
 * answer is then ANSWER_CANNOT_TELL. */
enum wait asker_ask(struct task *task, struct asker *asker, enum signin_question question,
	struct slice subject, const struct address *client, struct arena *arena,
	struct asker_answer *answer) MUST_USE;

#endif
