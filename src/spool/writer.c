/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending small messages: groups, one flush for all who wait. The contract is in writer.h; what a
 * crash leaves is in STATES.md.
 *
 * A flusher task runs while anything is queued. Each round takes what is queued as one batch,
 * writes and flushes it on a thread, and wakes all whose records were in it.
 */
#include "spool/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/appending.h"
#include "spool/mutation.h"

enum {
	ASK_AGAIN_MS = 1000, /* after "none" */
	PAD_AFTER_MS = 1000,
	HOLD_GROUP = 30,
	HOLD_FLUSH_US = 500,
	HOLD_MOST_US = 1000,
	SMALL_RECORD_MAX = 1 << 20,
};

enum waiting_state { WAITING_QUEUED, WAITING_WRITTEN, WAITING_TOLD };

struct waiting {
	struct list link;
	enum waiting_state state;
	enum commit outcome;
	struct gate told;
	struct slice head, body;
	struct record record;
};

void write_job_run(void *arg)
{
	struct write_job *job = arg;

	job->error = batch_write(job->batch, job->disk, job->fd, job->sync);
	if (job->error)
		batch_void(job->batch, job->disk, job->fd);
}

enum commit commit_of(int error)
{
	if (error == 0)
		return COMMIT_DURABLE;
	return error == ENOSPC || error == EDQUOT ? COMMIT_FULL : COMMIT_FAILED;
}

struct appending appending_of(const struct spooling_give *give, int fd)
{
	return (struct appending){
		.fd = fd,
		.number = give->number,
		.epoch = give->epoch,
		.size = give->size,
		.end = SEGMENT_DATA_AT,
		.durable = SEGMENT_DATA_AT,
		.told = SEGMENT_DATA_AT,
	};
}

static void appending_close(struct spool_writer *store, struct appending *segment)
{
	store->disk->close(store->disk, segment->fd);
	segment->fd = -1;
}

void appending_done(struct spool_writer *store, struct appending *segment)
{
	if (!store->lost)
		store->link.done(
			store->link.owner, segment->number, segment->epoch, segment->durable);
	appending_close(store, segment);
}

/* [S] Never again on this segment, whatever the next call would return: it is closed here. */
void appending_suspect(struct spool_writer *store, struct appending *segment)
{
	if (!store->lost)
		store->link.suspect(
			store->link.owner, segment->number, segment->epoch, segment->durable);
	appending_close(store, segment);
}

/* The queue and its answers */

uint32_t writer_want(struct spool_writer *store, enum segment_class kind)
{
	if (++store->request == 0)
		store->request = 1;
	uint32_t request = store->request;
	store->link.want(store->link.owner, kind, request);
	return request;
}

static void small_want(struct spool_writer *store)
{
	if (store->asked || store->next.fd >= 0 || store->lost || store->retiring)
		return;
	if (store->none && loop_mono(store->loop) < store->none_at + ASK_AGAIN_MS * NS_PER_MS)
		return;
	store->asked =
		store->request + 1 ? store->request + 1 : 1; /* the answer may come at once */
	writer_want(store, SEGMENT_SMALL);
}

void spool_writer_give(struct spool_writer *store, const struct spooling_give *give, int fd)
{
	struct appending segment = appending_of(give, fd);

	if (give->segment_class == SEGMENT_BIG) {
		if (!big_give(store, give, fd))
			appending_done(store, &segment); /* its message was given up meanwhile */
		return;
	}
	if (give->request != store->asked || store->next.fd >= 0) {
		appending_done(store, &segment);
		return;
	}
	store->asked = 0;
	store->none = false;
	store->next = segment;
	gate_open(&store->came);
}

void spool_writer_none(struct spool_writer *store, const struct spooling_none *none)
{
	if (none->segment_class == SEGMENT_BIG) {
		big_none(store, none->request, none->full);
		return;
	}
	if (none->request != store->asked)
		return;
	store->asked = 0;
	store->none = true;
	store->full = none->full;
	store->none_at = loop_mono(store->loop);
	gate_open(&store->came);
}

void spool_writer_lost(struct spool_writer *store)
{
	store->lost = true;
	gate_open(&store->came);
	big_lost(store);
}

static enum commit none_means(const struct spool_writer *store)
{
	return store->full && !store->lost ? COMMIT_FULL : COMMIT_FAILED;
}

enum commit writer_ready(struct spool_writer *store)
{
	if (store->lost || store->retiring)
		return COMMIT_FAILED;
	if (store->current.fd >= 0 || store->next.fd >= 0)
		return COMMIT_DURABLE;
	small_want(store);
	if (store->next.fd >= 0)
		return COMMIT_DURABLE;
	return store->none ? none_means(store) : COMMIT_DURABLE;
}

/* The flusher */

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

static bool fits_alone(const struct appending *segment, uint64_t from, uint32_t length)
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

static void segment_close(struct task *task, struct spool_writer *store)
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
		if (segment->fd >= 0 && fits_alone(segment, segment->end, length))
			return COMMIT_DURABLE;
		if (segment->fd >= 0 && !fits_alone(segment, SEGMENT_DATA_AT, length))
			return COMMIT_FAILED; /* larger than a segment: no small message */
		if (segment->fd >= 0)
			segment_close(task, store);
		if (store->next.fd < 0)
			small_want(store);
		if (store->next.fd >= 0) {
			store->current = store->next;
			store->next.fd = -1;
			continue;
		}
		if (store->lost || !store->asked)
			return none_means(store);
		if (gate_wait(task, &store->came, "a segment") != WAIT_READY)
			return COMMIT_FAILED;
	}
}

/* However a wait ended, what follows is the same. */
static void whatever(enum wait wait)
{
	(void)wait;
}

/* Measured: holding the next flush until the sessions just released are back, for at most a third
 * of the last flush's time, gave +74 % with 20 sessions on a disk that flushes in 2 ms, and cost
 * 8 % with 100; so only where flushes are slow and groups small. */
static void group_hold(struct task *task, struct spool_writer *store)
{
	mono_ns hold = store->flush_took / 3;

	if (hold > HOLD_MOST_US * NS_PER_US)
		hold = HOLD_MOST_US * NS_PER_US;
	mono_ns left = store->flush_ended + hold - loop_mono(store->loop);
	if (store->flush_took <= HOLD_FLUSH_US * NS_PER_US || store->last_group >= HOLD_GROUP ||
		store->queued_count >= store->last_group || left <= 0)
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
		store->last_group = told;
		segment->mail_end = segment->end;
	}
	if (!store->lost && told)
		store->link.committed(
			store->link.owner, segment->number, segment->epoch, segment->durable);
	/* The next one is asked for ahead of time, so that nobody waits for it. */
	if (segment->end > segment->size / 4 * 3)
		small_want(store);
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

static bool flusher_start(struct spool_writer *store)
{
	if (store->flushing)
		return true;
	timer_clear(&store->pad_timer);
	store->flushing = task_start(store->loop, "flusher", flusher_run, store);
	return store->flushing;
}

static void pad_fire(struct timer *timer)
{
	struct spool_writer *store = LIST_OBJECT(struct spool_writer, timer, pad_timer);

	store->pad_due = true;
	if (!flusher_start(store))
		store->pad_due = false;
}

/* Committing */

/* Takes as long as the flush: `what` lies on the caller's stack and its outcome must be known. A
 * cancelled task that is not written yet leaves the queue; one that is looks again and again,
 * because no gate lets a cancelled task wait. */
static void short_rest(void *arg)
{
	(void)arg;
	nanosleep(&(struct timespec){.tv_nsec = 200 * NS_PER_US}, NULL);
}

static enum commit waiting_wait(
	struct task *task, struct spool_writer *store, struct waiting *waiting)
{
	mono_ns outer = task_deadline(task);

	while (waiting->state != WAITING_TOLD) {
		enum wait wait = gate_wait(task, &waiting->told, "the flush");
		if (wait == WAIT_READY)
			continue;
		if (waiting->state == WAITING_QUEUED) {
			list_remove(&waiting->link);
			store->queued_count--;
			waiting->state = WAITING_TOLD;
			waiting->outcome = COMMIT_FAILED;
		} else {
			task_restore(task, NEVER);
			if (wait == WAIT_CANCELLED && waiting->state != WAITING_TOLD)
				offload_run(task, store->pool, short_rest, NULL);
		}
	}
	task_restore(task, outer);
	return waiting->outcome;
}

static void queued_add(struct spool_writer *store, struct waiting *waiting)
{
	list_append(&store->queued, &waiting->link);
	store->queued_count++;
	if (store->holding && store->queued_count >= store->last_group)
		gate_open(&store->enough);
}

/* Thousands of recipients may need more than a segment has: such a message gets a file. */
static bool needs_a_file(const struct spool_writer *store, size_t length)
{
	const struct appending *segment = store->current.fd >= 0 ? &store->current : &store->next;

	return length > SMALL_RECORD_MAX ||
	       (segment->fd >= 0 && !fits_alone(segment, SEGMENT_DATA_AT, (uint32_t)length));
}

static enum commit commit_as_big(struct task *task, struct spool_writer *store,
	const struct message *message, struct slice body, uint64_t id)
{
	struct message whole = *message;
	struct big_message *big;
	enum commit outcome = writer_big_open(task, store, id, &big);

	if (outcome != COMMIT_DURABLE)
		return outcome;
	whole.body_size = body.len;
	outcome = writer_big_append(task, big, body);
	if (outcome == COMMIT_DURABLE)
		return writer_big_commit(task, big, &whole);
	writer_big_abandon(big);
	return outcome;
}

enum commit writer_commit(struct task *task, struct spool_writer *store,
	const struct message *message, struct slice body, uint64_t id)
{
	struct text head = TEXT_GROWING;
	enum commit ready = writer_ready(store);

	if (ready != COMMIT_DURABLE)
		return ready;
	panic_if(!text_reserve(&head, RECORD_HEADER), "a growing text is full");
	message_encode(&head, message, body.len);
	if (needs_a_file(store, head.len - RECORD_HEADER + body.len)) {
		text_free(&head);
		return commit_as_big(task, store, message, body, id);
	}
	struct waiting waiting = {.head = text_slice(&head), .body = body};
	gate_init(&waiting.told);
	waiting.record = (struct record){
		.type = RECORD_MESSAGE,
		.id = id,
		.length = (uint32_t)(head.len - RECORD_HEADER + body.len),
		.payload_crc = crc32c(crc32c(0, slice_from(waiting.head, RECORD_HEADER)), body),
	};
	enum commit outcome = COMMIT_FAILED;
	queued_add(store, &waiting);
	if (flusher_start(store)) {
		outcome = waiting_wait(task, store, &waiting);
	} else {
		list_remove(&waiting.link);
		store->queued_count--;
	}
	text_free(&head);
	return outcome;
}

/* Beginning and end */

struct spool_writer *spool_writer_open(
	struct loop *loop, struct disk *disk, struct offload *pool, struct writer_link link)
{
	struct spool_writer *store = calloc(1, sizeof *store);

	panic_if(!store, "out of memory");
	store->loop = loop;
	store->disk = disk;
	store->pool = pool;
	store->link = link;
	store->current.fd = store->next.fd = -1;
	gate_init(&store->came);
	gate_init(&store->idle);
	gate_init(&store->enough);
	list_init(&store->queued);
	list_init(&store->bigs);
	timer_init(&store->pad_timer, loop, pad_fire);
	return store;
}

void spool_writer_retire(struct task *task, struct spool_writer *store)
{
	store->retiring = true;
	while (store->flushing)
		if (gate_wait(task, &store->idle, "the last flush") != WAIT_READY &&
			store->flushing)
			offload_run(task, store->pool, short_rest, NULL);
	timer_clear(&store->pad_timer);
	if (store->current.fd >= 0)
		segment_close(task, store);
	if (store->next.fd >= 0)
		appending_done(store, &store->next);
}

void spool_writer_close(struct spool_writer *store)
{
	panic_if(store->flushing || !list_is_empty(&store->bigs),
		"the spool's writer is closed while somebody waits in it");
	timer_clear(&store->pad_timer);
	if (store->current.fd >= 0)
		appending_close(store, &store->current);
	if (store->next.fd >= 0)
		appending_close(store, &store->next);
	free(store);
}
