/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of small messages, one flush for all who wait. What a crash leaves is in STATES.md.
 *
 * A flusher task runs while anything is queued. Each round takes what is queued as one batch,
 * writes and flushes it on a thread, and wakes all whose records were in it.
 */
#include "base/panic.h"
#include "spool/appending.h"
#include "spool/mutation.h"

enum {
	PAD_AFTER_MS = 1000,
	HOLD_GROUP = 30,
	HOLD_FLUSH_US = 500,
	HOLD_MOST_US = 1000,
};

static void waiting_tell(struct waiting *waiting, enum commit outcome)
{
	waiting->state = WAITING_TOLD;
	waiting->outcome = outcome;
	gate_open(&waiting->told);
}

static void first_fail(struct spool_writer *store, enum commit outcome)
{
	struct list *link = list_take(&store->queued);

	if (!link)
		return;
	store->queued_count--;
	waiting_tell(LIST_OBJECT(struct waiting, link, link), outcome);
}

static void queued_fail(struct spool_writer *store, enum commit outcome)
{
	for (struct list *link; (link = list_take(&store->queued));)
		waiting_tell(LIST_OBJECT(struct waiting, link, link), outcome);
	store->queued_count = 0;
}

/* One block stays free for the PAD that closes the segment, so that `durable` on disk covers the
 * last group too. */
static uint64_t appending_limit(const struct appending *segment)
{
	return segment->size - SPOOL_BLOCK;
}

bool appending_fits(const struct appending *segment, uint64_t from, uint32_t length)
{
	return record_block_end(from + record_extent(length)) <= appending_limit(segment);
}

/* Writes what is in the batch; the segment's offsets move only if it is durable. */
static int batch_flush(struct task *task, struct spool_writer *store, bool sync)
{
	struct appending *segment = &store->current;
	struct write_job job = {store->disk, segment->fd, &store->batch, sync, 0};

	offload_run(task, store->pool, write_job_run, &job);
	if (job.error == 0) {
		segment->told = store->batch.durable;
		segment->end = store->batch.end;
		if (sync)
			segment->durable = segment->end;
	}
	return job.error;
}

static bool pad_is_needed(const struct appending *segment)
{
	return segment->fd >= 0 && segment->told < segment->mail_end &&
	       segment->end + SPOOL_BLOCK <= segment->size;
}

void writer_segment_close(struct task *task, struct spool_writer *store)
{
	struct appending *segment = &store->current;

	if (pad_is_needed(segment)) {
		batch_begin(&store->batch, segment->number, segment->epoch, segment->end,
			segment->durable);
		batch_seal(&store->batch);
		/* Only a hint for start-up, flushed by nobody: a failure changes nothing. */
		(void)batch_flush(task, store, false);
	}
	appending_done(store, segment);
}

/* Makes `current` a segment with room for `length` more; waits for one where there is none. */
static enum commit segment_ready(struct task *task, struct spool_writer *store, uint32_t length)
{
	for (;;) {
		struct appending *segment = &store->current;
		if (segment->fd >= 0 && appending_fits(segment, segment->end, length))
			return COMMIT_DURABLE;
		if (segment->fd >= 0 && !appending_fits(segment, SEGMENT_DATA_AT, length))
			return COMMIT_FAILED; /* larger than a segment: no small message */
		if (segment->fd >= 0)
			writer_segment_close(task, store);
		if (store->next.fd < 0)
			writer_small_want(store);
		if (store->next.fd >= 0) {
			store->current = store->next;
			store->next.fd = -1;
			continue;
		}
		if (store->lost || !store->asked)
			return writer_none_means(store);
		if (gate_wait(task, &store->came, "a segment") != WAIT_READY)
			return COMMIT_FAILED;
	}
}

/* However a wait ended, what follows is the same. */
static void whatever(enum wait wait)
{
	(void)wait;
}

/* Holding the next flush until the sessions just released are back, for at most a third of the last
 * flush's time. Without it two half groups take turns, and everybody waits for two flushes.
 * Measured with 20 sessions on a disk that flushes in 2 ms: half the latency and up to +74 %; with
 * 100 it cost 8 %, so only where flushes are slow and those who wait are few. */
static void group_hold(struct task *task, struct spool_writer *store)
{
	mono_ns hold = store->flush_took / 3;

	if (hold > HOLD_MOST_US * NS_PER_US)
		hold = HOLD_MOST_US * NS_PER_US;
	mono_ns left = store->flush_ended + hold - loop_mono(store->loop);
	if (store->flush_took <= HOLD_FLUSH_US * NS_PER_US || store->hold_for >= HOLD_GROUP ||
		store->queued_count >= store->hold_for || left <= 0)
		return;
	mono_ns outer = task_limit(task, left);
	store->holding = true;
	whatever(gate_wait(task, &store->enough, "more for the group"));
	store->holding = false;
	task_restore(task, outer);
}

/* As many as fit the segment and one call, in the order they came. */
static void group_take(struct spool_writer *store, struct list *group)
{
	struct appending *segment = &store->current;

	batch_begin(&store->batch, segment->number, segment->epoch, segment->end, segment->durable);
	LIST_EACH (struct waiting, waiting, &store->queued, link) {
		if (!batch_fits(&store->batch, waiting->record.length, appending_limit(segment)))
			break;
		list_remove(&waiting->link);
		store->queued_count--;
		waiting->state = WAITING_WRITTEN;
		waiting->record.origin = segment->epoch;
		batch_add(&store->batch, waiting->record, waiting->head, waiting->body);
		list_append(group, &waiting->link);
	}
	batch_seal(&store->batch);
}

static size_t group_tell(struct list *group, enum commit outcome)
{
	size_t told = 0;

	for (struct list *link; (link = list_take(group)); told++)
		waiting_tell(LIST_OBJECT(struct waiting, link, link), outcome);
	return told;
}

/* The commit point. Its order: `durable` moves (batch_flush), then all who wait learn of it, then
 * the queue. */
static void group_flush(struct task *task, struct spool_writer *store)
{
	struct list group = LIST_HEAD(group);
	struct appending *segment = &store->current;

	group_take(store, &group);
	mono_ns began = loop_mono(store->loop);
	int error = batch_flush(task, store, !MUTATED(ACKNOWLEDGED_BEFORE_FLUSH));
	store->flush_ended = loop_mono(store->loop);
	store->flush_took = store->flush_ended - began;
	size_t told = group_tell(&group, commit_of(error));
	if (error && MUTATED(SUSPECT_IS_WRITTEN_ON))
		segment->end = store->batch.end;
	else if (error)
		appending_suspect(store, segment);
	if (error) {
		return;
	}
	if (told) {
		store->hold_for = store->queued_count + told;
		segment->mail_end = segment->end;
	}
	if (!store->lost && told)
		store->link.committed(
			store->link.owner, segment->number, segment->epoch, segment->durable);
	/* The next one is asked for ahead of time, so that nobody waits for it. */
	if (segment->end > segment->size / 4 * 3)
		writer_small_want(store);
}

static void flusher_round(struct task *task, struct spool_writer *store)
{
	uint32_t length = 0;

	if (!list_is_empty(&store->queued))
		length = LIST_OBJECT(struct waiting, store->queued.next, link)->record.length;
	enum commit ready = segment_ready(task, store, length);
	if (ready != COMMIT_DURABLE && store->current.fd >= 0)
		first_fail(store, ready);
	else if (ready != COMMIT_DURABLE)
		queued_fail(store, ready);
	if (ready != COMMIT_DURABLE || list_is_empty(&store->queued))
		return;
	group_hold(task, store);
	group_flush(task, store);
}

/* An idle segment gets one block of PAD, once, so that `durable` on disk catches up. */
static void pad_round(struct task *task, struct spool_writer *store)
{
	store->pad_due = false;
	if (pad_is_needed(&store->current))
		group_flush(task, store);
}

static void flusher_run(struct task *task, void *arg)
{
	struct spool_writer *store = arg;

	while (!list_is_empty(&store->queued) || store->pad_due) {
		if (list_is_empty(&store->queued))
			pad_round(task, store);
		else
			flusher_round(task, store);
	}
	store->flushing = false;
	if (pad_is_needed(&store->current))
		timer_set(&store->pad_timer, loop_mono(store->loop) + PAD_AFTER_MS * NS_PER_MS);
	gate_open(&store->idle);
}

bool writer_flusher_start(struct spool_writer *store)
{
	if (store->flushing)
		return true;
	timer_clear(&store->pad_timer);
	store->flushing = task_start(store->loop, "flusher", flusher_run, store);
	return store->flushing;
}

void writer_pad_fire(struct timer *timer)
{
	struct spool_writer *store = LIST_OBJECT(struct spool_writer, timer, pad_timer);

	store->pad_due = true;
	if (!writer_flusher_start(store))
		store->pad_due = false;
}
