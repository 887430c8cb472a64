/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations and the pool of them. The contract is in dest.h; connection.c has what one
 * connection does. */
#include "smtpout/dest_inside.h"

#include <stdlib.h>

#include "base/panic.h"
#include "run/random.h"

/* ---- jobs in and out of a destination ---- */

struct job *destination_take(struct destination *destination)
{
	struct list *first = list_take(&destination->jobs);

	if (!first)
		return NULL;
	destination->waiting--;
	destination->pool->waiting--;
	return LIST_OBJECT(struct job, first, link);
}

void destination_keep(struct destination *destination, struct job *job, bool in_front)
{
	if (in_front)
		list_prepend(&destination->jobs, &job->link);
	else
		list_append(&destination->jobs, &job->link);
	destination->waiting++;
	destination->pool->waiting++;
}

void destination_settle(struct destination *destination, const struct settlement *settlement)
{
	for (struct job *job; (job = destination_take(destination));) {
		job_settle_rest(job, settlement);
		destination->pool->link.ended(destination->pool->link.owner, job);
	}
}

/* ---- connections for jobs ---- */

/* Every place is taken: the connection idle for longest makes room, if there is one. */
static void hunger(struct destination *destination)
{
	struct pool *pool = destination->pool;

	if (!list_is_linked(&destination->hungry_link))
		list_append(&pool->hungry, &destination->hungry_link);
	if (list_is_empty(&pool->idle))
		return;
	connection_dismiss(LIST_OBJECT(struct connection, pool->idle.before, pool_idle_link));
}

static void out_of_memory(struct destination *destination)
{
	struct settlement failure = {.outcome = OUTCOME_DEFERRED,
		.reason = REASON_CONNECT_FAILED,
		.words = SLICE("there was no memory for another connection")};

	if (destination->open == 0)
		destination_settle(destination, &failure);
}

static bool needs_connection(const struct destination *destination)
{
	return destination->waiting > destination->coming;
}

/* One connection for what waits; false: there may be none. */
static bool feed_one(struct destination *destination)
{
	if (!list_is_empty(&destination->idle)) {
		connection_wake(LIST_OBJECT(struct connection, destination->idle.next, idle_link));
		return true;
	}
	if (destination->open >= destination->allowed)
		return false; /* those that work take it */
	if (destination->pool->connections >= destination->pool->most) {
		hunger(destination);
		return false;
	}
	if (connection_start(destination))
		return true;
	out_of_memory(destination);
	return false;
}

static void be_patient(struct destination *destination)
{
	mono_ns until = loop_mono(destination->pool->loop) + CONNECTION_PATIENCE;

	if (needs_connection(destination) && destination->patience.at == NEVER)
		timer_set(&destination->patience, until);
}

static void patience_ends(struct timer *timer)
{
	struct destination *destination = LIST_OBJECT(struct destination, timer, patience);

	if (needs_connection(destination) && feed_one(destination))
		be_patient(destination);
}

void destination_feed(struct destination *destination)
{
	bool is_near = destination->took <= NEAR_MOST;
	bool nobody_works = destination->open == destination->idle_count;

	while (needs_connection(destination) && (nobody_works || !is_near)) {
		if (!feed_one(destination))
			return;
		nobody_works = false;
	}
	be_patient(destination);
}

void pool_feed(struct pool *pool)
{
	struct list *first = list_take(&pool->hungry);

	if (first)
		destination_feed(LIST_OBJECT(struct destination, first, hungry_link));
}

void destination_leave(struct destination *destination)
{
	if (destination->open > 0 || destination->waiting > 0)
		return;
	if (list_is_linked(&destination->hungry_link))
		list_remove(&destination->hungry_link);
	timer_clear(&destination->patience);
	map_take(destination->pool->destinations, destination->key);
	arena_free(destination->arena);
}

/* ---- the pool ---- */

static struct slice destination_key(const struct delivery_job *order, struct arena *arena)
{
	enum { NUMBERS_MOST = 4 * 11, BLANKS = 2 };
	size_t most = NUMBERS_MOST + order->target.len + order->login.len +
		      order->password_file.len + BLANKS;
	struct text key = {.at = arena_bytes(arena, most), .size = most};
	const uint64_t numbers[] = {order->route, order->tls, order->port, order->private_too};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		text_number(&key, numbers[i]);
		text_char(&key, ' ');
	}
	text_put(&key, order->target);
	text_char(&key, ' ');
	text_put(&key, order->login);
	text_char(&key, ' ');
	text_put(&key, order->password_file);
	return text_slice(&key);
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
		.way = way_of_job(&job->order, arena),
		.allowed = CONNECTIONS_AT_FIRST,
		.took = NEVER};
	list_init(&destination->jobs);
	list_init(&destination->connections);
	list_init(&destination->idle);
	timer_init(&destination->patience, pool->loop, patience_ends);
	map_put(pool->destinations, destination->key, destination);
	return destination;
}

struct pool *pool_open(struct loop *loop, struct dns *dns, size_t most, struct pool_link link)
{
	struct pool *pool = calloc(1, sizeof *pool);

	panic_if(!pool, "out of memory");
	*pool = (struct pool){.loop = loop,
		.means = {.dns = dns, .seed = random_u64()},
		.most = most,
		.link = link};
	pool->destinations = map_new(pool->means.seed);
	pool->name_arena = arena_new();
	list_init(&pool->idle);
	list_init(&pool->hungry);
	return pool;
}

void pool_close(struct pool *pool)
{
	panic_if(pool->connections > 0 || pool->waiting > 0, "the pool is not empty");
	map_free(pool->destinations);
	trust_drop(pool->means.trust);
	arena_free(pool->name_arena);
	free(pool);
}

void pool_set_secrets(struct pool *pool, struct trust *trust, const struct passwords *passwords,
	struct offload *threads)
{
	trust_drop(pool->means.trust);
	pool->means.trust = trust;
	pool->means.passwords = passwords;
	pool->means.threads = threads;
}

void pool_set_name(struct pool *pool, struct slice our_name)
{
	arena_reset(pool->name_arena);
	pool->means.our_name = arena_slice(pool->name_arena, our_name);
}

void pool_add(struct pool *pool, struct job *job)
{
	if (pool->stopping) {
		pool->link.ended(pool->link.owner, job);
		return;
	}
	struct destination *destination = destination_find(pool, job);
	destination_keep(destination, job, false);
	destination_feed(destination);
	destination_leave(destination);
}

static void destination_stop(struct destination *destination)
{
	struct pool *pool = destination->pool;

	for (struct job *job; (job = destination_take(destination));)
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
