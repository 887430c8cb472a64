/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMTP client: one connection, greeted once, then transaction after transaction.
 *
 *	struct client *client = client_connect(task, &host, our_name, &failure);
 *	client_serve(task, client, work);         until work.next gives NULL or the connection ends
 *	…wait for more work, client_serve() again…
 *	client_quit(task, client);
 *
 * RFC 5321; PIPELINING (RFC 2920): the whole envelope is one send, and the next one rides behind
 * the final dot of the message before. Also SIZE, 8BITMIME, SMTPUTF8, DSN, ENHANCEDSTATUSCODES,
 * LIMITS (RFC 9422). The remote is hostile: each reply is bounded in lines, bytes and time.
 */
#ifndef SMTPOUT_CLIENT_H
#define SMTPOUT_CLIENT_H

#include "run/stream.h"
#include "smtpout/hosts.h"
#include "wire/reply.h"

enum { RECIPIENTS_AT_ONCE = 100, MESSAGES_PER_CONNECTION = 100 };

struct extensions {
	bool esmtp, pipelining, size, eight_bit, smtputf8, dsn;
	uint64_t size_most;       /* 0: not said */
	uint64_t recipients_most; /* of one transaction, RECIPIENTS_AT_ONCE or fewer */
	uint64_t messages_most;   /* of this connection, MESSAGES_PER_CONNECTION or fewer */
};

struct client {
	struct arena *arena;
	struct stream *stream;
	struct slice our_name;
	struct slice remote; /* "mx.example.org [192.0.2.1]:25" */
	struct extensions extensions;
	struct reply reply; /* the last one read */
	uint64_t messages;  /* sent to their final dot */
	bool needs_reset;   /* a transaction was begun and did not come to its end */
	bool sending;       /* between MAIL and the answer to the final dot */
	bool used;          /* it has answered a MAIL before */
	bool ended;         /* 421, lost, garbage: no more of it */
};

/* Where transactions come from and go. */
struct client_work {
	struct job *(*next)(void *owner);               /* not waiting; NULL: none now */
	void (*done)(void *owner, struct job *job);     /* all its recipients are settled */
	void (*put_back)(void *owner, struct job *job); /* the remote never answered its MAIL */
	void *owner;
};

/* Connects, reads the greeting, says EHLO (or HELO). NULL with *failure, whose words lie in
 * `arena`. */
struct client *client_connect(struct task *task, const struct host *host, struct slice our_name,
	struct arena *arena, struct settlement *failure);
/* Takes over an open connection instead; for tests and fuzzers. */
struct client *client_greet(struct task *task, struct io *io, const struct host *host,
	struct slice our_name, struct arena *arena, struct settlement *failure);
void client_serve(struct task *task, struct client *client, struct client_work work);
/* Whether another message may be sent on it. */
bool client_is_open(const struct client *client);
/* QUIT, and closed without waiting for the 221. */
void client_quit(struct task *task, struct client *client);

#endif
