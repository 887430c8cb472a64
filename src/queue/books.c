/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books: results are flushed on a thread within 50 ms of being written, then segments are
 * recycled and checkpoints made. One task; it also waits for the end and closes the books.
 */
#include "queue/state.h"

#define TEND_EVERY (10 * NS_PER_S)

static void run_flush(void *arg)
{
	store_flush_run(arg);
}

/* True: the store wants to be tended again soon. */
static bool keep_books(struct task *task, struct queue *queue)
{
	struct store_flush flush;

	if (store_flush_begin(queue->store, &flush)) {
		offload_run(task, queue->pool, run_flush, &flush);
		if (store_flush_end(queue->store, &flush) != STATUS_OK)
			role_log(queue->role, LEVEL_ERROR, "spool",
				"results cannot be kept: no delivery until they can");
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
	outer = task_limit(task, FLUSH_WITHIN);
	wait = gate_wait(task, &queue->books_end, "more results to share a flush");
	task_restore(task, outer);
	return wait == WAIT_CANCELLED ? WAIT_CANCELLED : WAIT_READY;
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
	(void)keep_books(task, queue);
	queue->books_open = false;
	queue_has_ended(queue);
}

bool books_start(struct queue *queue)
{
	gate_init(&queue->books_gate);
	gate_init(&queue->books_end);
	queue->books_open = task_start(queue->loop, "books", books_run, queue);
	return queue->books_open;
}

void books_stir(struct queue *queue)
{
	if (!queue->books_open || queue->books_wanted || !store_needs_flush(queue->store))
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
