/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dest.c (destinations and the pool) and connection.c (the life of one connection) share.
 */
#ifndef SMTPOUT_DEST_INSIDE_H
#define SMTPOUT_DEST_INSIDE_H

#include "base/map.h"
#include "smtpout/dest.h"
#include "smtpout/way.h"

struct pool {
	struct loop *loop;
	struct means means;
	struct pool_link link;
	struct map *destinations; /* by key */
	struct list idle;         /* connections, the one used last first */
	struct list hungry;       /* destinations that want a connection and may not have one */
	size_t connections, idle_count, waiting, most;
	struct arena *name_arena; /* holds means.our_name */
	bool stopping;
};

struct destination {
	struct pool *pool;
	struct arena *arena;
	struct slice key;
	struct way way;
	struct list jobs, connections;
	struct list idle;        /* the one used last first */
	struct list hungry_link; /* in pool->hungry */
	size_t waiting, open, idle_count;
	size_t coming;  /* connections being made or woken: each will take a job */
	size_t greeted; /* connections that have been greeted */
	size_t allowed;
	mono_ns took;          /* what was answered for last; NEVER: nothing was */
	struct timer patience; /* until what waits gets a connection more */
};

struct connection {
	struct destination *destination;
	struct list link, idle_link, pool_idle_link;
	struct task *task; /* NULL until it runs */
	struct arena *arena;
	struct client *client; /* NULL until greeted */
	struct gate wake;
	unsigned turn; /* messages taken since it was last idle */
	bool coming, woken, dismissed;
};

/* ---- dest.c ---- */
struct job *destination_take(struct destination *destination); /* NULL: none waits */
void destination_keep(struct destination *destination, struct job *job, bool in_front);
/* The same words to everybody who waits. */
void destination_settle(struct destination *destination, const struct settlement *settlement);
/* Sees to it that what waits has connections coming, as far as it may have; where the server is
 * near and a connection at work, one each CONNECTION_PATIENCE. */
void destination_feed(struct destination *destination);
void destination_leave(struct destination *destination); /* frees it if nothing is left in it */
void pool_feed(struct pool *pool); /* a place has become free: who waits longest */

/* ---- connection.c ---- */
bool connection_start(struct destination *destination) MUST_USE; /* false: no memory for a stack */
void connection_wake(struct connection *connection);             /* an idle one: there is work */
void connection_dismiss(struct connection *connection);          /* an idle one: end */

#endif
