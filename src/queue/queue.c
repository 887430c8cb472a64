/* SPDX-License-Identifier: Apache-2.0 */
/* The queue role: its life from grant to stop. Read queue.h and README.md first. */
#include "queue/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/panic.h"
#include "queue/state.h"
#include "role/shortage.h"
#include "run/random.h"

struct moment queue_now(const struct queue *queue)
{
	return (struct moment){loop_mono(queue->loop), loop_wall(queue->loop)};
}

void queue_stir(struct queue *queue)
{
	loop_at_turn_end(queue->loop, &queue->turn);
}

/* Blocked, and not because the channel is full: there is no descriptor to open a segment with. */
static bool must_try_again(struct queue *queue)
{
	return queue->schedule->blocked && queue->out && !queue->out_full;
}

static void set_wake(struct queue *queue)
{
	mono_ns next = schedule_next(queue->schedule);

	if (must_try_again(queue)) {
		schedule_go_on(queue->schedule);
		next = loop_mono(queue->loop) + SEGMENT_RETRY;
	}
	if (next == NEVER)
		timer_clear(&queue->wake);
	else
		timer_set(&queue->wake, next);
}

/* Whatever the turn brought: jobs leave, events leave, results get their 50 ms. */
static void turn_ends(struct turn_end *hook)
{
	struct queue *queue = LIST_OBJECT(struct queue, hook, turn);

	if (!queue->store)
		return;
	schedule_turn(queue->schedule, queue_now(queue));
	/* Jobs leave at the end of this turn; before that their ATTEMPT is written. */
	store_write_results(queue->store);
	reports_pump(queue);
	books_stir(queue);
	set_wake(queue);
	if (queue->stopping && !queue->schedule->outstanding)
		books_end(queue);
}

/* What is still under way is unknown: it is tried again after the next start. */
static void gives_up(struct timer *timer)
{
	struct queue *queue = LIST_OBJECT(struct queue, timer, give_up);

	if (!queue->store)
		return;
	schedule_out_gone(queue->schedule, queue_now(queue));
	queue_stir(queue);
}

static void wake_fires(struct timer *timer)
{
	queue_stir(LIST_OBJECT(struct queue, timer, wake));
}

/* ---- what the schedule asks for ---- */

static uint64_t take_event(void *owner, const struct journal_delivery *event)
{
	struct queue *queue = owner;

	return events_add(queue->events, event);
}

static enum reported make_report(void *owner, const struct item *item, enum report_kind kind,
	struct recipient *const *recipients, size_t count, struct moment now)
{
	struct queue *queue = owner;
	enum reported reported =
		bouncer_report(&queue->bouncer, item, kind, recipients, count, now);

	if (reported == REPORT_NOT_KEPT)
		role_log(queue->role, LEVEL_ERROR, "spool",
			"a report cannot be kept: %s; it is made again later", strerror(errno));
	return reported;
}

/* ---- what the store says ---- */

static void take_found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	struct queue *queue = owner;

	schedule_found(queue->schedule, stored, message, recipients, queue_now(queue));
	queue_stir(queue);
}

static void take_damage(void *owner, struct slice words)
{
	struct queue *queue = owner;

	role_log(queue->role, LEVEL_ERROR, "damage", "%.*s", SLICE_ARGS(words));
}

/* Its address is in the envelope, which the store keeps until the event is heard. */
static void repeat_recipient(
	struct queue *queue, const struct unheard_result *result, struct journal_delivery *event)
{
	struct stored stored = {.id = result->id, .origin = result->origin};
	struct arena *arena = arena_new();
	struct message message;
	struct slice payload;

	bool readable = store_locate(queue->store, &stored) &&
			store_read(queue->store, &stored, arena, &message, &payload) == READ_OK &&
			result->recipient < message.envelope.recipient_count;
	if (readable) {
		event->sender = message.envelope.sender;
		event->recipient = message.envelope.recipients[result->recipient].address;
	}
	queue->repeated = events_add(queue->events, event);
	arena_free(arena);
}

/* What the journal may not have after the last end: it is told again, once the store is open. */
static void take_unheard(void *owner, const struct unheard_result *result)
{
	struct queue *queue = owner;
	struct unheard *unheard = calloc(1, sizeof *unheard);

	panic_if(!unheard, "out of memory for events to be told again");
	unheard->result = *result;
	text_put(&unheard->words, result->words);
	list_append(&queue->unheard, &unheard->link);
}

static void repeat_event(struct queue *queue, const struct unheard *unheard)
{
	static const enum delivery_event events[] = {
		[RESULT_DELIVERED] = EVENT_DELIVERED,
		[RESULT_BOUNCED] = EVENT_BOUNCED,
		[RESULT_REMOVED] = EVENT_REMOVED,
	};
	const struct unheard_result *result = &unheard->result;
	struct journal_delivery event = {.message = result->id,
		.time = result->time,
		.node = queue->schedule->node,
		.event = events[result->result],
		.reply = text_slice(&unheard->words),
		.repeated = true,
		.number = result->recipient};

	repeat_recipient(queue, result, &event);
}

static void repeat_events(struct queue *queue)
{
	LIST_EACH (struct unheard, unheard, &queue->unheard, link) {
		if (queue->store)
			repeat_event(queue, unheard);
		list_remove(&unheard->link);
		text_free(&unheard->words);
		free(unheard);
	}
}

/* ---- the life of the role ---- */

static void *queue_start(struct role *role)
{
	struct queue *queue = calloc(1, sizeof *queue);
	uint64_t seed = random_u64();

	panic_if(!queue, "out of memory for the queue");
	queue->role = role;
	queue->loop = role->loop;
	queue->disk = disk_real();
	queue->folder = -1;
	queue->segments = map_new(seed);
	queue->events = events_open(loop_wall(role->loop));
	queue->bouncer.ids.slot = role->id_slot;
	queue->turn.run = turn_ends;
	answers_init(&queue->answers);
	list_init(&queue->unheard);
	timer_init(&queue->wake, queue->loop, wake_fires);
	timer_init(&queue->give_up, queue->loop, gives_up);
	queue->schedule = schedule_open(NULL,
		(struct schedule_user){.send = dispatch_job,
			.event = take_event,
			.report = make_report,
			.owner = queue},
		seed);
	return queue;
}

static bool queue_prepare(void *state, struct slice bytes, struct text *why)
{
	struct queue *queue = state;
	struct policy *policy = policy_of_bundle(bytes, why);

	if (!policy)
		return false;
	policy_unref(queue->prepared);
	queue->prepared = policy;
	return true;
}

static void queue_switch_over(void *state)
{
	struct queue *queue = state;
	struct policy *before = queue->policy;
	const struct settings *settings;

	if (!queue->prepared || !queue->schedule)
		return;
	queue->policy = queue->prepared;
	queue->prepared = NULL;
	settings = policy_settings(queue->policy);
	queue->bouncer.hostname = settings->hostname;
	queue->bouncer.postmaster = settings->postmaster;
	queue->bouncer.keep_trying = settings->retry_for;
	schedule_set_policy(queue->schedule, queue->policy, queue_now(queue));
	policy_unref(before);
	queue_stir(queue);
}

static void queue_grant(void *state, const struct setup_grant *what, int fd)
{
	struct queue *queue = state;

	if (what->what == GRANT_SPOOL_FOLDER && queue->folder < 0)
		queue->folder = fd;
	else
		close(fd);
}

/* Exit status 75: another daemon; 78: a spool of a later version. */
static void refuse_to_start(struct queue *queue, enum store_open opened, struct slice why)
{
	int status = opened == STORE_LOCKED  ? EX_TEMPFAIL
		     : opened == STORE_NEWER ? EX_CONFIG
					     : EXIT_FAILURE;

	role_log(queue->role, LEVEL_ERROR, "spool", "%.*s", SLICE_ARGS(why));
	role_has_failed(queue->role, status);
}

static bool open_spool(struct queue *queue)
{
	char words[512];
	struct text why = TEXT_FIXED(words);
	struct store_events events = {.found = take_found,
		.damage = take_damage,
		.owner = queue,
		.unheard = take_unheard};
	enum store_open opened = STORE_UNUSABLE;

	if (queue->folder >= 0)
		opened = store_open(queue->disk, queue->folder, events, &why, &queue->store);
	else
		text_put(&why, SLICE("the spool folder was not given to the queue"));
	if (opened != STORE_OPEN) {
		queue->store = NULL;
		repeat_events(queue);
		refuse_to_start(queue, opened, text_slice(&why));
		return false;
	}
	queue->schedule->store = queue->bouncer.store = queue->store;
	queue->bouncer.disk = queue->disk;
	store_on_forget(queue->store, dispatch_forget, queue);
	repeat_events(queue);
	return true;
}

static void open_peer(struct queue *queue, enum role_name name, unsigned slot, int fd)
{
	if (name == ROLE_EDGE && slot < ID_SLOTS)
		writer_open(queue, slot, fd);
	else if (name == ROLE_OUT)
		out_open(queue, fd);
	else if (name == ROLE_CONTROL)
		reports_open(queue, fd);
	else
		close(fd);
}

static void queue_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct queue *queue = state;

	if (queue->store)
		open_peer(queue, name, slot, fd);
	else if (queue->early_count < EARLY_PEERS_MAX)
		queue->early[queue->early_count++] = (struct early_peer){name, slot, fd};
	else
		close(fd);
}

static void open_early_peers(struct queue *queue)
{
	for (size_t i = 0; i < queue->early_count; i++)
		open_peer(queue, queue->early[i].name, queue->early[i].slot, queue->early[i].fd);
	queue->early_count = 0;
}

static void queue_go(void *state)
{
	struct queue *queue = state;

	if (!open_spool(queue))
		return;
	queue->pool = offload_open(queue->loop, 1);
	if (!queue->pool) {
		role_is_short(queue->role, "thread for flushing results", errno);
		return;
	}
	if (!books_start(queue)) {
		refuse_to_start(queue, STORE_UNUSABLE,
			SLICE("no memory for the task that flushes results"));
		return;
	}
	schedule_pause(queue->schedule, !store_may_deliver(queue->store));
	open_early_peers(queue);
	struct store_counts counts = store_count(queue->store);
	role_log(queue->role, LEVEL_INFO, "spool", "%zu messages of %llu bytes are waiting",
		counts.messages, (unsigned long long)counts.bytes);
	role_is_ready(queue->role);
	queue_stir(queue);
}

/* No new job leaves; those under way may end within the grace, then the books are closed. */
static void queue_stop(void *state)
{
	struct queue *queue = state;

	queue->stopping = true;
	schedule_pause(queue->schedule, true);
	if (!queue->books_open) {
		queue_has_ended(queue);
		return;
	}
	if (queue->role->stop_by != NEVER)
		timer_set(&queue->give_up, queue->role->stop_by - LAST_FLUSH);
	queue_stir(queue);
}

static void free_parts(struct queue *queue)
{
	schedule_close(queue->schedule);
	events_close(queue->events);
	map_free(queue->segments);
	policy_unref(queue->policy);
	policy_unref(queue->prepared);
	queue->schedule = NULL;
	queue->events = NULL;
	queue->segments = NULL;
	queue->policy = queue->prepared = NULL;
}

/* The struct itself stays: the role's loop may still hold its turn-end hook. */
void queue_has_ended(struct queue *queue)
{
	if (queue->store)
		reports_pump(queue);
	if (queue->control)
		channel_drain(queue->control);
	edges_close(queue);
	out_close(queue);
	reports_close(queue);
	timer_clear(&queue->wake);
	timer_clear(&queue->give_up);
	for (size_t i = 0; i < queue->early_count; i++)
		close(queue->early[i].fd);
	queue->early_count = 0;
	if (queue->store)
		store_close(queue->store);
	queue->store = NULL;
	if (queue->pool)
		offload_close(queue->pool);
	queue->pool = NULL;
	free_parts(queue);
	role_has_ended(queue->role);
}

const struct role_kind queue_role = {
	.name = ROLE_QUEUE,
	.start = queue_start,
	.prepare = queue_prepare,
	.switch_over = queue_switch_over,
	.peer = queue_peer,
	.grant = queue_grant,
	.go = queue_go,
	.stop = queue_stop,
};
