/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending small messages: segments asked for and given, messages queued and waited for. The
 * contract is in writer.h; the groups are written in flusher.c.
 */
#include "spool/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/appending.h"

enum {
	ASK_AGAIN_MS = 1000, /* after "none" */
	SMALL_RECORD_MAX = 1 << 20,
};

void write_job_run(void *arg)
{
	struct write_job *job = arg;
	int error = batch_write(job->batch, job->disk, job->fd, job->sync);

	if (error)
		write_job_fail(job, error);
}

void write_job_fail(struct write_job *job, int error)
{
	job->error = error;
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

void appending_close(struct spool_writer *store, struct appending *segment)
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

void writer_small_want(struct spool_writer *store)
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

enum commit writer_none_means(const struct spool_writer *store)
{
	return store->full && !store->lost ? COMMIT_FULL : COMMIT_FAILED;
}

enum commit writer_ready(struct spool_writer *store)
{
	if (store->lost || store->retiring)
		return COMMIT_FAILED;
	if (store->current.fd >= 0 || store->next.fd >= 0)
		return COMMIT_DURABLE;
	writer_small_want(store);
	if (store->next.fd >= 0)
		return COMMIT_DURABLE;
	return store->none ? writer_none_means(store) : COMMIT_DURABLE;
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
	if (store->holding && store->queued_count >= store->hold_for)
		gate_open(&store->enough);
}

/* Thousands of recipients may need more than a segment has: such a message gets a file. */
static bool needs_a_file(const struct spool_writer *store, size_t length)
{
	const struct appending *segment = store->current.fd >= 0 ? &store->current : &store->next;

	return length > SMALL_RECORD_MAX ||
	       (segment->fd >= 0 && !appending_fits(segment, SEGMENT_DATA_AT, (uint32_t)length));
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
	return writer_big_commit(task, big, &whole, body);
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
	if (writer_flusher_start(store)) {
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
	timer_init(&store->pad_timer, loop, writer_pad_fire);
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
		writer_segment_close(task, store);
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
