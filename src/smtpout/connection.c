/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one connection: hosts, greeting, transactions, idleness, end. Read dest.h first. */
#include <stdlib.h>

#include "base/panic.h"
#include "smtpout/dest_inside.h"

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
	for (struct job *job; (job = destination_take(connection->destination));) {
		if (job->loaded || pool->link.load(pool->link.owner, job)) {
			connection->turn++;
			job->begun = loop_mono(pool->loop);
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

	destination->took = loop_mono(destination->pool->loop) - job->begun;
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
		destination_keep(destination, job, true);
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
		destination_settle(destination, failure);
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
	connection->destination->idle_count--;
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
	destination->idle_count++;
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
	const struct way *way = &connection->destination->way;
	struct pool *pool = connection->destination->pool;
	struct hosts *hosts = ARENA_NEW(connection->arena, struct hosts);
	struct settlement failure;

	connection->task = task;
	if (!pool->stopping &&
		way_find(task, way, &pool->means, connection->arena, hosts) == WAIT_READY) {
		connection->client =
			way_connect(task, way, &pool->means, hosts, connection->arena, &failure);
		if (connection->client) {
			connection->destination->greeted++;
			connection_work(task, connection);
		} else {
			no_longer_coming(connection);
			connect_failed(connection, &failure);
		}
	}
	connection_end(connection);
}

bool connection_start(struct destination *destination)
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

/* ---- idle ones ---- */

void connection_wake(struct connection *connection)
{
	idle_leave(connection);
	connection->woken = true;
	connection->coming = true;
	connection->destination->coming++;
	gate_open(&connection->wake);
}

void connection_dismiss(struct connection *connection)
{
	idle_leave(connection);
	connection->dismissed = true;
	gate_open(&connection->wake);
}
