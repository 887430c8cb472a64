/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destinations: jobs that may share connections, and the few connections each has.
 *
 * A destination begins with two connections and gets another while jobs wait and deliveries
 * succeed. An idle connection is kept for a while; the one used last is used first. A server that
 * answers within NEAR_MOST is near: while a connection is at work there, what waits is left to it
 * for a moment, since an envelope behind a body costs no packet and no reply of its own. When no
 * host of a destination can be reached all its jobs are settled with the same words, so that the
 * queue backs off. Past CONNECTIONS_IN_ALL destinations take turns.
 */
#ifndef SMTPOUT_DEST_H
#define SMTPOUT_DEST_H

#include "smtpout/client.h"
#include "smtpout/secrets.h"

enum {
	CONNECTIONS_AT_FIRST = 2,
	CONNECTIONS_PER_DESTINATION = 20,
	CONNECTIONS_IN_ALL = 500,
	TURN_MESSAGES = 10, /* what a connection may send while another destination waits */
	PUT_BACK_MOST = 2,  /* connections a job may lose before it is deferred */
};
#define CONNECTION_IDLE (10 * NS_PER_S)
#define NEAR_MOST (20 * NS_PER_MS)    /* from taking a message to the answer for it */
#define CONNECTION_PATIENCE NS_PER_MS /* before another connection is used for what waits */

struct pool;

struct pool_link {
	/* Reads the message, just before it is sent. False: its recipients are settled. */
	bool (*load)(void *owner, struct job *job);
	/* The pool is done with it: all settled, or (after pool_stop) some not tried. */
	void (*ended)(void *owner, struct job *job);
	void (*empty)(void *owner); /* after pool_stop(): the last connection is closed */
	void *owner;
};
struct pool_counts {
	size_t destinations, connections, idle, waiting;
};

/* `most`: connections in all, usually CONNECTIONS_IN_ALL. */
struct pool *pool_open(struct loop *loop, struct dns *dns, size_t most, struct pool_link link);
void pool_close(struct pool *pool);                           /* it is empty */
void pool_set_name(struct pool *pool, struct slice our_name); /* for EHLO, from the next on */
/* What TLS and signing in need: from the next connection on. The trust is the pool's from here on,
 * the others stay the caller's. */
void pool_set_secrets(struct pool *pool, struct trust *trust, const struct passwords *passwords,
	struct offload *threads);
void pool_add(struct pool *pool, struct job *job); /* all but ROUTE_MAILDIR */
/* No more jobs are begun; transactions that run come to their end. */
void pool_stop(struct pool *pool);
struct pool_counts pool_count(const struct pool *pool);

#endif
