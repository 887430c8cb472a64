/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations and their connections. The contract is in dest.h. */
#include "smtpout/dest.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/map.h"
#include "base/panic.h"

struct pool {
	struct loop *loop;
	struct dns *dns;
	struct pool_link link;
	struct map *destinations; /* by key */
	struct list idle;         /* connections, the one used last first */
	struct list hungry;       /* destinations that want a connection and may not have one */
	size_t connections, idle_count, waiting, most;
	uint64_t seed;
	struct arena *name_arena;
	struct slice our_name;
	bool stopping;
};

struct destination {
	struct pool *pool;
	struct arena *arena;
	struct slice key;
	struct delivery_job way; /* route, target, port, private_too: of its first job */
	struct list jobs, connections;
	struct list idle;        /* the one used last first */
	struct list hungry_link; /* in pool->hungry */
	size_t waiting, open;
	size_t coming;  /* connections being made or woken: each will take a job */
	size_t greeted; /* connections that have been greeted */
	size_t allowed;
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

static void destination_feed(struct destination *destination);

/* ---- jobs in and out of a destination ---- */

static struct job *job_take(struct destination *destination)
{
	struct list *first = list_take(&destination->jobs);

	if (!first)
		return NULL;
	destination->waiting--;
	destination->pool->waiting--;
	return LIST_OBJECT(struct job, first, link);
}

static void job_keep(struct destination *destination, struct job *job, bool in_front)
{
	if (in_front)
		list_prepend(&destination->jobs, &job->link);
	else
		list_append(&destination->jobs, &job->link);
	destination->waiting++;
	destination->pool->waiting++;
}

static void jobs_settle(struct destination *destination, const struct settlement *settlement)
{
	for (struct job *job; (job = job_take(destination));) {
		job_settle_rest(job, settlement);
		destination->pool->link.ended(destination->pool->link.owner, job);
	}
}

/* ---- what a client asks for and tells ---- */

static bool turn_is_over(const struct connection *connection)
{
	const struct pool *pool = connection->destination->pool;

	return !list_is_empty(&pool->hungry) && connection->turn >= TURN_MESSAGES;
}

static struct job *work_next(void *owner)
{
	struct connection *connection = owner;
	struct pool *pool = connection->destination->pool;

	if (pool->stopping)
		return NULL;
	if (turn_is_over(connection)) {
		connection->dismissed = true;
		return NULL;
	}
	for (struct job *job; (job = job_take(connection->destination));) {
		if (job->loaded || pool->link.load(pool->link.owner, job)) {
			connection->turn++;
			return job;
		}
		pool->link.ended(pool->link.owner, job);
	}
	return NULL;
}

static bool job_was_delivered(const struct job *job)
{
	for (size_t i = 0; i < job->count; i++)
		if (job->recipients[i].state == RCPT_SETTLED &&
			job->recipients[i].settled.outcome == OUTCOME_DELIVERED)
			return true;
	return false;
}

static void work_done(void *owner, struct job *job)
{
	struct connection *connection = owner;
	struct destination *destination = connection->destination;

	if (job_was_delivered(job) && destination->waiting > destination->open &&
		destination->allowed < CONNECTIONS_PER_DESTINATION) {
		destination->allowed++;
		destination_feed(destination);
	}
	destination->pool->link.ended(destination->pool->link.owner, job);
}

static void work_put_back(void *owner, struct job *job)
{
	struct connection *connection = owner;
	struct destination *destination = connection->destination;
	struct pool *pool = destination->pool;

	if (!pool->stopping && job->put_back++ < PUT_BACK_MOST) {
		job_keep(destination, job, true);
		return;
	}
	if (!pool->stopping) {
		struct settlement lost = settlement_of(REASON_CONNECTION_LOST,
			connection->client->remote,
			SLICE("it closed several connections before it answered MAIL"), job->arena);
		lost.remote = connection->client->remote;
		job_settle_rest(job, &lost);
	}
	pool->link.ended(pool->link.owner, job);
}

/* ---- a connection's life ---- */

static enum wait hosts_find(struct task *task, struct connection *connection, struct hosts *hosts)
{
	const struct destination *destination = connection->destination;
	struct pool *pool = destination->pool;
	struct hosts_ask ask = {
		.dns = pool->dns,
		.target = destination->way.target,
		.our_name = arena_slice(connection->arena, pool->our_name),
		.port = destination->way.port,
		.private_too = destination->way.private_too,
		.seed = pool->seed += 0x9e3779b97f4a7c15u,
	};

	return destination->way.route == ROUTE_MX
		       ? hosts_by_mx(task, &ask, connection->arena, hosts)
		       : hosts_by_name(task, &ask, connection->arena, hosts);
}

/* Each host in turn. Of several failures the last one that may pass is kept: only when every host
 * refused for good (5xx instead of a greeting) is it a failure. */
static bool connect_some(struct task *task, struct connection *connection,
	const struct hosts *hosts, struct settlement *failure)
{
	struct slice our_name =
		arena_slice(connection->arena, connection->destination->pool->our_name);

	*failure = hosts->failure;
	for (size_t i = 0; i < hosts->count && !task_is_cancelled(task); i++) {
		struct settlement this;
		connection->client =
			client_connect(task, &hosts->list[i], our_name, connection->arena, &this);
		if (connection->client)
			return true;
		if (i == 0 || this.outcome == OUTCOME_DEFERRED)
			*failure = this;
	}
	return false;
}

/* No connection could be had. While others of the destination work that only means that it allows
 * no more of them; else everybody who waits is told. */
static void connect_failed(struct connection *connection, const struct settlement *failure)
{
	struct destination *destination = connection->destination;

	if (destination->greeted > 0) {
		destination->allowed = destination->greeted;
		return;
	}
	destination->allowed = CONNECTIONS_AT_FIRST;
	if (!destination->pool->stopping)
		jobs_settle(destination, failure);
}

static void no_longer_coming(struct connection *connection)
{
	if (connection->coming)
		connection->destination->coming--;
	connection->coming = false;
}

static void idle_leave(struct connection *connection)
{
	if (!list_is_linked(&connection->idle_link))
		return;
	list_remove(&connection->idle_link);
	list_remove(&connection->pool_idle_link);
	connection->destination->pool->idle_count--;
}

/* True: there is work again. */
static bool idle_wait(struct task *task, struct connection *connection)
{
	struct destination *destination = connection->destination;
	mono_ns outer = task_limit(task, CONNECTION_IDLE);
	enum wait wait = WAIT_READY;

	connection->woken = false;
	connection->turn = 0;
	list_prepend(&destination->idle, &connection->idle_link);
	list_prepend(&destination->pool->idle, &connection->pool_idle_link);
	destination->pool->idle_count++;
	while (wait == WAIT_READY && !connection->woken && !connection->dismissed)
		wait = gate_wait(task, &connection->wake, "the next message");
	idle_leave(connection);
	task_restore(task, outer);
	return connection->woken && !connection->dismissed && !task_is_cancelled(task);
}

static void connection_work(struct task *task, struct connection *connection)
{
	struct client_work work = {work_next, work_done, work_put_back, connection};
	struct pool *pool = connection->destination->pool;

	do {
		no_longer_coming(connection);
		client_serve(task, connection->client, work);
	} while (!pool->stopping && !connection->dismissed && client_is_open(connection->client) &&
		 idle_wait(task, connection));
	client_quit(task, connection->client);
}

static void pool_feed(struct pool *pool)
{
	struct list *first = list_take(&pool->hungry);

	if (first)
		destination_feed(LIST_OBJECT(struct destination, first, hungry_link));
}

static void destination_leave(struct destination *destination)
{
	if (destination->open > 0 || destination->waiting > 0)
		return;
	if (list_is_linked(&destination->hungry_link))
		list_remove(&destination->hungry_link);
	map_take(destination->pool->destinations, destination->key);
	arena_free(destination->arena);
}

static void connection_end(struct connection *connection)
{
	struct destination *destination = connection->destination;
	struct pool *pool = destination->pool;

	no_longer_coming(connection);
	destination->greeted -= connection->client != NULL;
	list_remove(&connection->link);
	destination->open--;
	pool->connections--;
	arena_free(connection->arena);
	free(connection);
	if (!pool->stopping) {
		pool_feed(pool);
		destination_feed(destination);
	}
	destination_leave(destination);
	if (pool->stopping && pool->connections == 0)
		pool->link.empty(pool->link.owner);
}

static void connection_run(struct task *task, void *arg)
{
	struct connection *connection = arg;
	struct hosts *hosts = ARENA_NEW(connection->arena, struct hosts);
	struct settlement failure;

	connection->task = task;
	if (!connection->destination->pool->stopping &&
		hosts_find(task, connection, hosts) == WAIT_READY) {
		if (connect_some(task, connection, hosts, &failure)) {
			connection->destination->greeted++;
			connection_work(task, connection);
		} else {
			no_longer_coming(connection);
			connect_failed(connection, &failure);
		}
	}
	connection_end(connection);
}

/* False: no memory for a stack. */
static bool connection_start(struct destination *destination)
{
	struct connection *connection = calloc(1, sizeof *connection);
	struct pool *pool = destination->pool;

	panic_if(!connection, "out of memory");
	connection->destination = destination;
	gate_init(&connection->wake);
	if (!task_start(pool->loop, "out", connection_run, connection)) {
		free(connection);
		return false;
	}
	connection->arena = arena_new();
	connection->coming = true;
	list_append(&destination->connections, &connection->link);
	destination->coming++;
	destination->open++;
	pool->connections++;
	return true;
}

/* ---- connections for jobs ---- */

static void connection_wake(struct connection *connection)
{
	idle_leave(connection);
	connection->woken = true;
	connection->coming = true;
	connection->destination->coming++;
	gate_open(&connection->wake);
}

/* Every place is taken: the connection idle for longest makes room, if there is one. */
static void hunger(struct destination *destination)
{
	struct pool *pool = destination->pool;

	if (!list_is_linked(&destination->hungry_link))
		list_append(&pool->hungry, &destination->hungry_link);
	if (list_is_empty(&pool->idle))
		return;
	struct connection *longest =
		LIST_OBJECT(struct connection, pool->idle.before, pool_idle_link);
	longest->dismissed = true;
	idle_leave(longest);
	gate_open(&longest->wake);
}

static void out_of_memory(struct destination *destination)
{
	struct settlement failure = {.outcome = OUTCOME_DEFERRED,
		.reason = REASON_CONNECT_FAILED,
		.words = SLICE("there was no memory for another connection")};

	if (destination->open == 0)
		jobs_settle(destination, &failure);
}

static void destination_feed(struct destination *destination)
{
	while (destination->waiting > destination->coming) {
		if (!list_is_empty(&destination->idle)) {
			connection_wake(
				LIST_OBJECT(struct connection, destination->idle.next, idle_link));
		} else if (destination->open >= destination->allowed) {
			return; /* those that work take it */
		} else if (destination->pool->connections >= destination->pool->most) {
			hunger(destination);
			return;
		} else if (!connection_start(destination)) {
			out_of_memory(destination);
			return;
		}
	}
}

/* ---- the pool ---- */

static struct slice destination_key(const struct delivery_job *order, struct arena *arena)
{
	return arena_format(arena, "%u %u %u %u %.*s", order->route, order->tls, order->port,
		order->private_too, SLICE_ARGS(order->target));
}

static struct destination *destination_find(struct pool *pool, const struct job *job)
{
	struct slice key = destination_key(&job->order, job->arena);
	struct destination *destination = map_get(pool->destinations, key);

	if (destination)
		return destination;
	struct arena *arena = arena_new();
	destination = ARENA_NEW(arena, struct destination);
	*destination = (struct destination){.pool = pool,
		.arena = arena,
		.key = arena_slice(arena, key),
		.way = job->order,
		.allowed = CONNECTIONS_AT_FIRST};
	destination->way.target = arena_slice(arena, job->order.target);
	destination->way.recipients = SLICE_NONE;
	list_init(&destination->jobs);
	list_init(&destination->connections);
	list_init(&destination->idle);
	map_put(pool->destinations, destination->key, destination);
	return destination;
}

struct pool *pool_open(struct loop *loop, struct dns *dns, size_t most, struct pool_link link)
{
	struct pool *pool = calloc(1, sizeof *pool);

	panic_if(!pool, "out of memory");
	*pool = (struct pool){.loop = loop, .dns = dns, .most = most, .link = link};
	panic_if(
		getrandom(&pool->seed, sizeof pool->seed, 0) != sizeof pool->seed, "no randomness");
	pool->destinations = map_new(pool->seed);
	pool->name_arena = arena_new();
	list_init(&pool->idle);
	list_init(&pool->hungry);
	return pool;
}

void pool_close(struct pool *pool)
{
	panic_if(pool->connections > 0 || pool->waiting > 0, "the pool is not empty");
	map_free(pool->destinations);
	arena_free(pool->name_arena);
	free(pool);
}

void pool_set_name(struct pool *pool, struct slice our_name)
{
	arena_reset(pool->name_arena);
	pool->our_name = arena_slice(pool->name_arena, our_name);
}

void pool_add(struct pool *pool, struct job *job)
{
	if (pool->stopping) {
		pool->link.ended(pool->link.owner, job);
		return;
	}
	struct destination *destination = destination_find(pool, job);
	job_keep(destination, job, false);
	destination_feed(destination);
	destination_leave(destination);
}

static void destination_stop(struct destination *destination)
{
	struct pool *pool = destination->pool;

	for (struct job *job; (job = job_take(destination));)
		pool->link.ended(pool->link.owner, job);
	LIST_EACH (struct connection, connection, &destination->connections, link)
		if (connection->task && !(connection->client && connection->client->sending))
			task_cancel(connection->task);
	destination_leave(destination);
}

void pool_stop(struct pool *pool)
{
	size_t at = 0;

	pool->stopping = true;
	for (struct destination *one; (one = map_next(pool->destinations, &at));)
		destination_stop(one);
	if (pool->connections == 0)
		pool->link.empty(pool->link.owner);
}

struct pool_counts pool_count(const struct pool *pool)
{
	return (struct pool_counts){.destinations = map_count(pool->destinations),
		.connections = pool->connections,
		.idle = pool->idle_count,
		.waiting = pool->waiting};
}
