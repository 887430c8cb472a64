/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A big message: a file of its own, CHUNK records as they come, the MESSAGE last, one flush.
 * Nothing of it is acknowledged before that flush, and without the MESSAGE the chunks are nothing.
 */
#include "spool/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/appending.h"

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
	uint32_t parts;
	size_t fill;              /* of the chunk */
	char head[RECORD_HEADER]; /* room for its header, in front of it */
	char chunk[CHUNK_MAX];
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
	big->written = SEGMENT_DATA_AT;
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

/* Writes the batch; a failure ends the file for good. */
static enum commit big_write(
	struct task *task, struct big_message *big, struct batch *batch, bool sync)
{
	struct write_job job = {big->store->disk, big->segment.fd, batch, sync, 0};

	offload_run(task, big->store->pool, write_job_run, &job);
	if (job.error == 0) {
		big->written = batch->end;
		return COMMIT_DURABLE;
	}
	appending_suspect(big->store, &big->segment);
	big_refuse(big, commit_of(job.error));
	return big->refusal;
}

static enum commit chunk_write(struct task *task, struct big_message *big)
{
	struct slice bytes = {big->chunk, big->fill};
	struct record record = {
		.type = RECORD_CHUNK,
		.id = big->id,
		.origin = big->segment.epoch,
		.length = (uint32_t)big->fill,
		.payload_crc = crc32c(0, bytes),
		.part = big->parts,
	};
	struct batch *batch = big_batch(big);

	batch_add(batch, record, (struct slice){big->head, sizeof big->head}, bytes);
	enum commit outcome = big_write(task, big, batch, false);
	free(batch);
	big->parts++;
	big->fill = 0;
	return outcome;
}

enum commit writer_big_append(struct task *task, struct big_message *big, struct slice bytes)
{
	while (bytes.len > 0 && big->state == BIG_OPEN) {
		size_t room = sizeof big->chunk - big->fill;
		size_t len = bytes.len < room ? bytes.len : room;
		memcpy(big->chunk + big->fill, bytes.at, len);
		big->fill += len;
		bytes = slice_from(bytes, len);
		if (big->fill == sizeof big->chunk && chunk_write(task, big) != COMMIT_DURABLE)
			break;
	}
	return big->state == BIG_OPEN ? COMMIT_DURABLE : big->refusal;
}

static enum commit big_message_write(
	struct task *task, struct big_message *big, const struct message *message)
{
	struct text head = TEXT_GROWING;

	panic_if(!text_reserve(&head, RECORD_HEADER), "a growing text is full");
	message_encode(&head, message, 0);
	struct record record = {
		.type = RECORD_MESSAGE,
		.id = big->id,
		.origin = big->segment.epoch,
		.length = (uint32_t)(head.len - RECORD_HEADER),
		.payload_crc = crc32c(0, slice_from(text_slice(&head), RECORD_HEADER)),
		.part = big->parts,
	};
	struct batch *batch = big_batch(big);
	batch_add(batch, record, text_slice(&head), SLICE_NONE);
	batch_seal(batch);
	enum commit outcome = big_write(task, big, batch, true);
	free(batch);
	text_free(&head);
	return outcome;
}

/* One block of PAD behind the flush, so that `durable` on disk covers the message: start-up then
 * knows it as acknowledged. A hint that nobody flushes; its failure changes nothing. */
static void big_close(struct task *task, struct big_message *big)
{
	struct batch *batch = big_batch(big);
	struct write_job job = {big->store->disk, big->segment.fd, batch, false, 0};

	batch->durable = big->segment.durable;
	batch_seal(batch);
	offload_run(task, big->store->pool, write_job_run, &job);
	free(batch);
}

enum commit writer_big_commit(
	struct task *task, struct big_message *big, const struct message *message)
{
	struct spool_writer *store = big->store;
	enum commit outcome = big->state == BIG_OPEN ? COMMIT_DURABLE : big->refusal;

	if (outcome == COMMIT_DURABLE && big->fill > 0)
		outcome = chunk_write(task, big);
	if (outcome == COMMIT_DURABLE)
		outcome = big_message_write(task, big, message);
	if (outcome == COMMIT_DURABLE) {
		struct appending *segment = &big->segment;
		segment->durable = segment->end = big->written;
		if (!store->lost)
			store->link.committed(store->link.owner, segment->number, segment->epoch,
				segment->durable);
		big_close(task, big);
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
