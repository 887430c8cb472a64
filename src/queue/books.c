/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books: results are flushed on a thread within 50 ms of being written, then segments are
 * recycled and checkpoints made. One task; it also waits for the end and closes the books.
 */
#include "queue/state.h"

#define TEND_EVERY (10 * NS_PER_S)
#define HEARD_WITHIN (2 * NS_PER_S)
#define TRY_AGAIN_AFTER NS_PER_S /* while the disk takes no results */

static void run_flush(void *arg)
{
	store_flush_run(arg);
}

/* Said once when it begins and once when it is over: a full disk fills no log. */
static void books_flushed(struct queue *queue, enum status status)
{
	if (status != STATUS_OK && !queue->books_failing)
		role_log(queue->role, LEVEL_ERROR, "spool",
			"results cannot be kept: no delivery until they can");
	if (status == STATUS_OK && queue->books_failing)
		role_log(queue->role, LEVEL_INFO, "spool",
			"results are kept again: deliveries go on");
	queue->books_failing = status != STATUS_OK;
}

/* True: the store wants to be tended again soon. */
static bool keep_books(struct task *task, struct queue *queue)
{
	struct store_flush flush;

	if (store_flush_begin(queue->store, &flush)) {
		offload_run(task, queue->pool, run_flush, &flush);
		books_flushed(queue, store_flush_end(queue->store, &flush));
	}
	bool more = store_tend(queue->store, loop_wall(queue->loop));
	schedule_pause(queue->schedule, queue->stopping || !store_may_deliver(queue->store));
	queue_stir(queue);
	return more;
}

/* Results of one 50 ms share a flush; a store that has more to do is tended again at once. */
static enum wait wait_for_work(struct task *task, struct queue *queue, bool more)
{
	mono_ns outer;
	enum wait wait;

	if (more)
		return task_yield(task);
	if (!queue->books_wanted) {
		outer = task_limit(task, TEND_EVERY);
		wait = gate_wait(task, &queue->books_gate, "results to keep");
		task_restore(task, outer);
		if (wait == WAIT_DEADLINE)
			return WAIT_READY;
	}
	if (queue->stopping)
		return WAIT_READY;
	outer = task_limit(task, queue->books_failing ? TRY_AGAIN_AFTER : FLUSH_WITHIN);
	wait = gate_wait(task, &queue->books_end, "more results to share a flush");
	task_restore(task, outer);
	return wait == WAIT_CANCELLED ? WAIT_CANCELLED : WAIT_READY;
}

/* So that a start after a clean end need not tell events again. */
static void wait_until_heard(struct task *task, struct queue *queue)
{
	mono_ns outer = task_limit(task, HEARD_WITHIN);
	bool waits = queue->control && events_waiting(queue->events) > 0;

	if (waits)
		reports_hurry(queue);
	while (waits && queue->control && events_waiting(queue->events) > 0)
		waits = gate_wait(task, &queue->heard, "the journal") == WAIT_READY;
	task_restore(task, outer);
}

void books_heard(struct queue *queue)
{
	gate_open(&queue->heard);
}

static void books_run(struct task *task, void *arg)
{
	struct queue *queue = arg;
	bool more = true;

	while (!queue->stopping || queue->schedule->outstanding) {
		if (wait_for_work(task, queue, more) == WAIT_CANCELLED)
			break;
		queue->books_wanted = false;
		more = keep_books(task, queue);
	}
	wait_until_heard(task, queue);
	(void)keep_books(task, queue);
	queue->books_open = false;
	queue_has_ended(queue);
}

bool books_start(struct queue *queue)
{
	gate_init(&queue->books_gate);
	gate_init(&queue->books_end);
	gate_init(&queue->heard);
	queue->books_open = task_start(queue->loop, "books", books_run, queue);
	return queue->books_open;
}

void books_stir(struct queue *queue)
{
	if (!queue->books_open || queue->books_wanted ||
		(!store_needs_flush(queue->store) && !store_wants_tending(queue->store)))
		return;
	queue->books_wanted = true;
	gate_open(&queue->books_gate);
}

void books_end(struct queue *queue)
{
	if (!queue->books_open)
		return;
	queue->books_wanted = true;
	gate_open(&queue->books_gate);
	gate_open(&queue->books_end);
}
