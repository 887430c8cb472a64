/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A big message: a file of its own, CHUNK records as they come, the MESSAGE last, one flush.
 * Nothing of it is acknowledged before that flush, and without the MESSAGE the chunks are nothing.
 * The bytes are written from where the caller has them, several chunks by one call.
 */
#include "spool/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/appending.h"

enum {
	CHUNKS_AT_ONCE = 8,    /* of one call */
	FLUSH_PIECE = 1 << 20, /* what goes to the disk while more comes */
};

enum big_state { BIG_ASKED, BIG_OPEN, BIG_REFUSED };

struct big_message {
	struct list link;
	struct spool_writer *store;
	enum big_state state;
	enum commit refusal; /* once it cannot be kept any more */
	uint32_t request;
	struct gate came;
	struct appending segment;
	uint64_t id, written; /* where the next record begins */
	uint64_t flushing;    /* what is below is on its way to the disk */
	uint32_t parts;
	char heads[CHUNKS_AT_ONCE][RECORD_HEADER]; /* room for headers, until they are written */
};

static struct big_message *big_find(struct spool_writer *store, uint32_t request)
{
	LIST_EACH (struct big_message, big, &store->bigs, link)
		if (big->state == BIG_ASKED && big->request == request)
			return big;
	return NULL;
}

bool big_give(struct spool_writer *store, const struct spooling_give *give, int fd)
{
	struct big_message *big = big_find(store, give->request);

	if (!big)
		return false;
	big->segment = appending_of(give, fd);
	big->written = big->flushing = SEGMENT_DATA_AT;
	big->state = BIG_OPEN;
	gate_open(&big->came);
	return true;
}

static void big_refuse(struct big_message *big, enum commit refusal)
{
	big->state = BIG_REFUSED;
	big->refusal = refusal;
	gate_open(&big->came);
}

void big_none(struct spool_writer *store, uint32_t request, bool full)
{
	struct big_message *big = big_find(store, request);

	if (big)
		big_refuse(big, full ? COMMIT_FULL : COMMIT_FAILED);
}

void big_lost(struct spool_writer *store)
{
	LIST_EACH (struct big_message, big, &store->bigs, link)
		if (big->state == BIG_ASKED)
			big_refuse(big, COMMIT_FAILED);
}

static void big_free(struct big_message *big)
{
	list_remove(&big->link);
	free(big);
}

enum commit writer_big_open(
	struct task *task, struct spool_writer *store, uint64_t id, struct big_message **opened)
{
	if (store->lost || store->retiring)
		return COMMIT_FAILED;
	struct big_message *big = calloc(1, sizeof *big);
	panic_if(!big, "out of memory");
	*big = (struct big_message){.store = store, .id = id, .segment.fd = -1};
	gate_init(&big->came);
	list_append(&store->bigs, &big->link);
	big->request = store->request + 1 ? store->request + 1 : 1;
	writer_want(store, SEGMENT_BIG);
	while (big->state == BIG_ASKED)
		if (gate_wait(task, &big->came, "a file for a big message") != WAIT_READY)
			break;
	if (big->state == BIG_OPEN) {
		*opened = big;
		return COMMIT_DURABLE;
	}
	enum commit refusal = big->state == BIG_REFUSED ? big->refusal : COMMIT_FAILED;
	big_free(big); /* an answer that still comes is given back */
	return refusal;
}

/* A batch for one record or two lives on the heap: it is too large for a task's stack. */
static struct batch *big_batch(struct big_message *big)
{
	struct batch *batch = malloc(sizeof *batch);

	panic_if(!batch, "out of memory");
	batch_begin(batch, big->segment.number, big->segment.epoch,
		big->written / SPOOL_BLOCK * SPOOL_BLOCK, big->segment.durable);
	batch->start = batch->end = big->written; /* the file is this message's alone */
	return batch;
}

/* What became of a batch; a failure ends the file for good. */
static enum commit big_written(struct big_message *big, const struct write_job *job)
{
	if (job->error == 0) {
		big->written = job->batch->end;
		return COMMIT_DURABLE;
	}
	appending_suspect(big->store, &big->segment);
	big_refuse(big, commit_of(job->error));
	return big->refusal;
}

/* Puts as many of the bytes as go by one call, cut into chunks; gives the rest. */
static struct slice chunks_add(struct big_message *big, struct batch *batch, struct slice bytes)
{
	for (unsigned i = 0; i < CHUNKS_AT_ONCE && bytes.len > 0; i++) {
		struct slice chunk = slice_part(bytes, 0, CHUNK_MAX);
		struct record record = {
			.type = RECORD_CHUNK,
			.id = big->id,
			.origin = big->segment.epoch,
			.length = (uint32_t)chunk.len,
			.payload_crc = crc32c(0, chunk),
			.part = big->parts++,
		};
		batch_add(batch, record, (struct slice){big->heads[i], RECORD_HEADER}, chunk);
		bytes = slice_from(bytes, chunk.len);
	}
	return bytes;
}

/* Chunks are summed and written on a thread, the sum just before the copy that needs the same
 * bytes. From time to time what is written goes to the disk: the flush at the end finds little left
 * to do, and the disk rests less. Whole blocks, so that none goes twice. */
struct chunks_job {
	struct big_message *big;
	struct slice bytes; /* and what did not go by one call */
	struct write_job write;
};

static void flush_begin(struct big_message *big, struct write_job *written)
{
	struct disk *disk = written->disk;
	uint64_t from = big->flushing, to = written->batch->end / SPOOL_BLOCK * SPOOL_BLOCK;

	if (!disk->begin_flush || to < from + FLUSH_PIECE)
		return;
	big->flushing = to;
	if (disk->begin_flush(disk, written->fd, (off_t)from, (off_t)(to - from)) != 0)
		write_job_fail(written, errno);
}

static void chunks_job_run(void *arg)
{
	struct chunks_job *job = arg;

	job->bytes = chunks_add(job->big, job->write.batch, job->bytes);
	write_job_run(&job->write);
	if (job->write.error == 0)
		flush_begin(job->big, &job->write);
}

enum commit writer_big_append(struct task *task, struct big_message *big, struct slice bytes)
{
	while (bytes.len > 0 && big->state == BIG_OPEN) {
		struct batch *batch = big_batch(big);
		struct chunks_job job = {
			big, bytes, {big->store->disk, big->segment.fd, batch, false, 0}};
		offload_run(task, big->store->pool, chunks_job_run, &job);
		bytes = job.bytes;
		enum commit outcome = big_written(big, &job.write);
		free(batch);
		if (outcome != COMMIT_DURABLE)
			break;
	}
	return big->state == BIG_OPEN ? COMMIT_DURABLE : big->refusal;
}

static void message_add(struct big_message *big, struct batch *batch, struct slice head)
{
	struct record record = {
		.type = RECORD_MESSAGE,
		.id = big->id,
		.origin = big->segment.epoch,
		.length = (uint32_t)(head.len - RECORD_HEADER),
		.payload_crc = crc32c(0, slice_from(head, RECORD_HEADER)),
		.part = big->parts,
	};

	batch_add(batch, record, head, SLICE_NONE);
	batch_seal(batch);
}

/* One block of PAD behind the flush, so that `durable` on disk covers the message: start-up then
 * knows it as acknowledged. A hint that nobody flushes; its failure changes nothing. */
struct closing {
	struct write_job message, pad;
};

static void closing_run(void *arg)
{
	struct closing *closing = arg;

	write_job_run(&closing->message);
	if (closing->message.error == 0)
		write_job_run(&closing->pad);
}

/* The last chunks and the MESSAGE, by one call and one flush; then the PAD. */
static enum commit big_message_write(struct task *task, struct big_message *big,
	const struct message *message, struct slice last)
{
	struct text head = TEXT_GROWING;
	struct batch *batch = big_batch(big), *pad = big_batch(big);

	panic_if(!text_reserve(&head, RECORD_HEADER), "a growing text is full");
	message_encode(&head, message, 0);
	panic_if(chunks_add(big, batch, last).len > 0, "more than goes by one call");
	message_add(big, batch, text_slice(&head));
	pad->start = pad->end = pad->durable = batch->end;
	batch_seal(pad);
	struct disk *disk = big->store->disk;
	int fd = big->segment.fd;
	struct closing closing = {{disk, fd, batch, true, 0}, {disk, fd, pad, false, 0}};
	offload_run(task, big->store->pool, closing_run, &closing);
	enum commit outcome = big_written(big, &closing.message);
	free(batch);
	free(pad);
	text_free(&head);
	return outcome;
}

enum commit writer_big_commit(struct task *task, struct big_message *big,
	const struct message *message, struct slice last)
{
	struct spool_writer *store = big->store;
	size_t ahead = last.len > CHUNKS_AT_ONCE * CHUNK_MAX ? last.len / CHUNK_MAX * CHUNK_MAX : 0;
	enum commit outcome = writer_big_append(task, big, slice_part(last, 0, ahead));

	if (outcome == COMMIT_DURABLE)
		outcome = big_message_write(task, big, message, slice_from(last, ahead));
	if (outcome == COMMIT_DURABLE) {
		struct appending *segment = &big->segment;
		segment->durable = segment->end = big->written;
		if (!store->lost)
			store->link.committed(store->link.owner, segment->number, segment->epoch,
				segment->durable);
		appending_done(store, segment);
	}
	big_free(big);
	return outcome;
}

void writer_big_abandon(struct big_message *big)
{
	if (big->segment.fd >= 0)
		appending_done(big->store, &big->segment);
	big_free(big);
}
