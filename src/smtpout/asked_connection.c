/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to next hops that are asked: made like those that mail leaves by, kept open for a
 * while, one transaction of questions after the other. Read asked_inside.h first.
 */
#include <stdlib.h>

#include "base/panic.h"
#include "smtpout/asked_inside.h"

enum { LOST_MOST = 1 };

struct asking { /* a connection */
	struct list link, idle_link;
	struct hop *hop;
	struct arena *arena;
	struct client *client;
	struct task *task;
	struct gate wake;
	bool woken, has_answered;
	unsigned generation;
	size_t refused;
	struct probe *batch[PROBES_AT_ONCE];
	size_t count;
};

/* ---- connecting ---- */

/* False: *why, in the arena. */
static bool asking_connect(struct task *task, struct asking *asking, struct slice *why)
{
	struct means *means = &asking->hop->asked->means;
	const struct way *way = &asking->hop->way;
	struct hosts *hosts = ARENA_NEW(asking->arena, struct hosts);
	struct settlement failure;

	if (!way_is_built(way->tls, why))
		return false;
	if (way_find(task, way, means, asking->arena, hosts) != WAIT_READY) {
		*why = SLICE("its name was not found in time");
		return false;
	}
	asking->client = way_connect(task, way, means, hosts, asking->arena, &failure);
	if (!asking->client)
		*why = failure.code ? arena_format(asking->arena, "%u %.*s", failure.code,
					      SLICE_ARGS(failure.words))
				    : failure.words;
	return asking->client != NULL;
}

/* ---- batches ---- */

static mono_ns until_of(const struct hop *hop)
{
	return LIST_OBJECT(struct probe, hop->waiting.next, link)->until;
}

static bool batch_take(struct asking *asking)
{
	struct hop *hop = asking->hop;
	size_t most = asking->client->extensions.recipients_most;
	struct list *first;

	asking->count = 0;
	if (most > PROBES_AT_ONCE)
		most = PROBES_AT_ONCE;
	while (asking->count < most && (first = list_take(&hop->waiting)))
		asking->batch[asking->count++] = LIST_OBJECT(struct probe, first, link);
	return asking->count > 0;
}

/* The connection ended before it answered. Once more on another, if this one was used before or
 * has said something: servers close idle connections, and end others after so many refusals. */
static void unanswered_settle(struct asking *asking, bool in_time)
{
	struct hop *hop = asking->hop;
	char room[TROUBLE_MAX];
	struct text why = TEXT_FIXED(room);

	text_format(&why, "%.*s: %s", SLICE_ARGS(hop->shown),
		in_time ? "it closed the connection" : "it did not answer in time");
	for (size_t i = asking->count; i-- > 0;) {
		struct probe *probe = asking->batch[i];
		if (!probe)
			continue;
		if (in_time && asking->has_answered && !hop->asked->stopping &&
			probe->lost++ < LOST_MOST)
			list_prepend(&hop->waiting, &probe->link);
		else
			probe_settle_untold(hop->asked, probe, text_slice(&why));
	}
	if ((!asking->has_answered || !in_time) && !hop->asked->stopping)
		hop_is_silent(hop, text_slice(&why));
}

/* False: something was not answered. */
static bool answered_settle(struct asking *asking)
{
	bool all = true;

	for (size_t i = 0; i < asking->count; i++) {
		struct probe *probe = asking->batch[i];
		if (!probe->is_answered) {
			all = false;
			continue;
		}
		asking->batch[i] = NULL;
		asking->has_answered = true;
		asking->refused += probe->found == ASKING_UNKNOWN;
		probe_settle(asking->hop->asked, probe);
	}
	return all;
}

static void batch_ask(struct task *task, struct asking *asking)
{
	mono_ns now = loop_mono(task_loop(task)), until = asking->batch[0]->until;

	for (size_t i = 1; i < asking->count; i++)
		if (asking->batch[i]->until < until)
			until = asking->batch[i]->until;
	mono_ns outer = task_limit(task, until - now);
	probes_talk(task, asking->client, asking->hop->shown, asking->batch, asking->count);
	bool in_time = loop_mono(task_loop(task)) < until;
	task_restore(task, outer);
	if (answered_settle(asking))
		hop_is_well(asking->hop);
	else
		unanswered_settle(asking, in_time);
}

/* ---- a connection's life ---- */

static bool is_of_use(const struct asking *asking)
{
	return !asking->client->ended && asking->refused < REFUSALS_PER_CONNECTION &&
	       asking->generation == asking->hop->asked->generation &&
	       !asking->hop->asked->stopping;
}

/* True: there is something to ask again. */
static bool idle_wait(struct task *task, struct asking *asking)
{
	mono_ns outer = task_limit(task, HOP_IDLE);
	enum wait end = WAIT_READY;

	asking->woken = false;
	list_prepend(&asking->hop->idle, &asking->idle_link);
	while (end == WAIT_READY && !asking->woken)
		end = gate_wait(task, &asking->wake, "the next question");
	if (list_is_linked(&asking->idle_link))
		list_remove(&asking->idle_link);
	task_restore(task, outer);
	return asking->woken && end == WAIT_READY;
}

static void asking_wake(struct asking *asking)
{
	list_remove(&asking->idle_link);
	asking->woken = true;
	gate_open(&asking->wake);
}

static void hop_feed(struct hop *hop);

static void asking_work(struct task *task, struct asking *asking)
{
	asking->hop->talking++;
	do {
		while (is_of_use(asking) && batch_take(asking))
			batch_ask(task, asking);
	} while (is_of_use(asking) && idle_wait(task, asking));
	asking->hop->talking--;
	asking->hop->only_one = false;
	client_quit(task, asking->client);
}

static void asking_end(struct asking *asking)
{
	struct hop *hop = asking->hop;
	struct asked *asked = hop->asked;

	list_remove(&asking->link);
	hop->open--;
	asked->connections--;
	arena_free(asking->arena);
	free(asking);
	if (!asked->stopping)
		hop_feed(hop);
	else if (asked->connections == 0)
		asked->link.empty(asked->link.owner);
}

/* While another is connected that goes on alone. */
static void connect_failed(const struct asking *asking, struct slice why)
{
	struct hop *hop = asking->hop;

	hop->only_one = hop->talking > 0;
	if (hop->talking == 0 && !list_is_empty(&hop->waiting))
		hop_is_silent(hop, arena_format(asking->arena, "%.*s: %.*s", SLICE_ARGS(hop->shown),
					   SLICE_ARGS(why)));
}

static void asking_run(struct task *task, void *arg)
{
	struct asking *asking = arg;
	struct hop *hop = asking->hop;
	struct slice why = SLICE_NONE;

	asking->task = task;
	mono_ns patience =
		list_is_empty(&hop->waiting) ? 0 : until_of(hop) - loop_mono(hop->asked->loop);
	mono_ns outer = task_limit(task, patience);
	bool connected = patience > 0 && asking_connect(task, asking, &why);
	task_restore(task, outer);
	if (connected)
		asking_work(task, asking);
	else
		connect_failed(asking, patience > 0 ? why : SLICE("it did not answer in time"));
	asking_end(asking);
}

static bool asking_start(struct hop *hop)
{
	struct asking *asking = calloc(1, sizeof *asking);

	panic_if(!asking, "out of memory");
	asking->hop = hop;
	asking->generation = hop->asked->generation;
	gate_init(&asking->wake);
	if (!task_start(hop->asked->loop, "ask", asking_run, asking)) {
		free(asking);
		return false;
	}
	asking->arena = arena_new();
	list_append(&hop->connections, &asking->link);
	hop->open++;
	hop->asked->connections++;
	return true;
}

/* Somebody who is idle, else one more, else those at work when they are done. */
static void hop_feed(struct hop *hop)
{
	if (list_is_empty(&hop->waiting))
		return;
	if (!list_is_empty(&hop->idle))
		asking_wake(LIST_OBJECT(struct asking, hop->idle.next, idle_link));
	else if (hop->open < (hop->only_one ? 1 : PROBE_CONNECTIONS) && !asking_start(hop) &&
		 hop->open == 0)
		hop_is_silent(hop, SLICE("there is no memory to ask"));
}

void hop_add(struct hop *hop, struct probe *probe)
{
	list_append(&hop->waiting, &probe->link);
	hop_feed(hop);
}

void hop_refresh(struct hop *hop)
{
	while (!list_is_empty(&hop->idle))
		asking_wake(LIST_OBJECT(struct asking, hop->idle.next, idle_link));
}

void hop_stop(struct hop *hop)
{
	struct list *first;

	LIST_EACH (struct asking, asking, &hop->connections, link)
		if (asking->task)
			task_cancel(asking->task);
	while ((first = list_take(&hop->waiting)))
		probe_settle_untold(hop->asked, LIST_OBJECT(struct probe, first, link),
			SLICE("this server is shutting down"));
}
