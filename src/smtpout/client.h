/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMTP and LMTP client: one connection, greeted once, then transaction after transaction.
 *
 *	struct client *client = client_connect(task, &host, &manner, arena, &failure);
 *	client_serve(task, client, work);         until work.next gives NULL or the connection ends
 *	…wait for more work, client_serve() again…
 *	client_quit(task, client);
 *
 * RFC 5321, RFC 2033; PIPELINING (RFC 2920): the whole envelope is one send, and the next one rides
 *behind the final dot of the message before. Also SIZE, 8BITMIME, SMTPUTF8, DSN,
 *ENHANCEDSTATUSCODES, LIMITS (RFC 9422), STARTTLS (RFC 3207), AUTH (RFC 4954). The remote is
 *hostile: each reply is bounded in lines, bytes and time.
 */
#ifndef SMTPOUT_CLIENT_H
#define SMTPOUT_CLIENT_H

#include "run/offload.h"
#include "run/stream.h"
#include "smtpout/hosts.h"
#include "smtpout/secrets.h"
#include "wire/reply.h"

enum { RECIPIENTS_AT_ONCE = 100, MESSAGES_PER_CONNECTION = 100 };

struct extensions {
	bool esmtp, pipelining, size, eight_bit, smtputf8, dsn, starttls;
	uint64_t size_most;       /* 0: not said */
	uint64_t recipients_most; /* of one transaction, RECIPIENTS_AT_ONCE or fewer */
	uint64_t messages_most;   /* of this connection, MESSAGES_PER_CONNECTION or fewer */
	struct slice mechanisms;  /* of AUTH, blank-separated */
};

/* How a session is begun. */
struct manner {
	struct slice our_name;
	bool lmtp;
	enum route_tls tls;
	struct trust *trust; /* NULL: no TLS can be had; held by the client */
	/* TLS_MAY, and it failed on the connection before: without, and why (RFC 7435). */
	struct slice plainly;
	struct slice login;                 /* empty: no signing in */
	struct slice password, no_password; /* or why there is none */
	struct offload *threads; /* for the arithmetic of SCRAM; NULL: done in the loop */
};

struct client {
	struct arena *arena;
	struct stream *stream;
	struct slice our_name;
	struct slice remote; /* "mx.example.org [192.0.2.1]:25", or a socket's path */
	struct slice name;   /* of the remote, for its certificate; empty: a socket */
	uint16_t port;
	bool lmtp;                   /* a reply for each recipient after the data */
	struct tls_session *session; /* NULL: without TLS */
	struct trust *trust;         /* what `session` lives on */
	struct delivery_tls tls;
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

/* Connects, reads the greeting, says EHLO (HELO, LHLO), starts TLS, signs in. Where TLS is wished
 * and not required and its handshake fails, once more without. NULL with *failure, whose words lie
 * in `arena`. */
struct client *client_connect(struct task *task, const struct host *host,
	const struct manner *manner, struct arena *arena, struct settlement *failure);
/* Takes over an open connection instead; for tests and fuzzers. */
struct client *client_greet(struct task *task, struct io *io, const struct host *host,
	const struct manner *manner, struct arena *arena, struct settlement *failure);
void client_serve(struct task *task, struct client *client, struct client_work work);
/* Whether another message may be sent on it. */
bool client_is_open(const struct client *client);
/* QUIT, and closed without waiting for the 221. */
void client_quit(struct task *task, struct client *client);

#endif
