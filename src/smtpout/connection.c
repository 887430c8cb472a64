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

	if (destination->way.route == ROUTE_MX)
		return hosts_by_mx(task, &ask, connection->arena, hosts);
	return hosts_by_name(task, &ask, connection->arena, hosts);
}

/* How to speak there. The password is copied: a reload may bring another while we wait. */
static struct manner manner_of(struct connection *connection)
{
	const struct destination *destination = connection->destination;
	const struct pool *pool = destination->pool;
	struct manner manner = {
		.our_name = arena_slice(connection->arena, pool->our_name),
		.lmtp = destination->way.route == ROUTE_LMTP,
		.tls = (enum route_tls)destination->way.tls,
		.trust = trust_tls(connection->trust),
		.login = destination->way.login,
		.threads = pool->threads,
	};

	if (manner.login.len && !passwords_find(pool->passwords, destination->way.password_file,
					connection->secret, &manner.password, &manner.no_password))
		manner.password = SLICE_NONE;
	return manner;
}

/* Of several failures the last one that may pass is kept: only when every host refused for good
 * (5xx instead of a greeting) is it a failure. What a server that was met said tells more than that
 * another was not. */
static bool tells_more(const struct settlement *failure, const struct settlement *kept)
{
	if (failure->outcome != OUTCOME_DEFERRED)
		return false;
	return kept->outcome != OUTCOME_DEFERRED || kept->reason == REASON_CONNECT_FAILED ||
	       failure->reason != REASON_CONNECT_FAILED;
}

/* Each host in turn. */
static bool connect_each(struct task *task, struct connection *connection,
	const struct hosts *hosts, struct settlement *failure)
{
	struct manner manner = manner_of(connection);

	*failure = hosts->failure;
	for (size_t i = 0; i < hosts->count && !task_is_cancelled(task); i++) {
		struct settlement this;
		connection->client =
			client_connect(task, &hosts->list[i], &manner, connection->arena, &this);
		if (connection->client)
			return true;
		if (i == 0 || tells_more(&this, failure))
			*failure = this;
	}
	return false;
}

static bool connect_some(struct task *task, struct connection *connection,
	const struct hosts *hosts, struct settlement *failure)
{
	connection->trust = trust_hold(connection->destination->pool->trust);
	connection->secret = arena_new();
	bool connected = connect_each(task, connection, hosts, failure);
	arena_wipe(connection->secret);
	arena_free(connection->secret);
	connection->secret = NULL;
	return connected;
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
	trust_drop(connection->trust);
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
