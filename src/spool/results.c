/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results: what became of each recipient, appended to results/N and flushed. A lost fact means a
 * second delivery, never a loss.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

/* Appending. What one turn of the loop says is gathered and written by one call: by
 * store_write_results(), or here once it is much. */

enum { GATHERED_MOST = 64 << 10, BROKEN_MOST = 1 << 20 };

enum status results_write(struct store *store, struct slice bytes)
{
	struct results *results = &store->results;

	if (disk_write(store->disk, results->fd, bytes, (off_t)results->end) != STATUS_OK) {
		/* Full: the reserve is there for this. */
		if ((errno != ENOSPC && errno != EDQUOT) || !reserve_spend(store) ||
			disk_write(store->disk, results->fd, bytes, (off_t)results->end) !=
				STATUS_OK)
			return STATUS_FAILED;
	}
	results->end += bytes.len;
	return STATUS_OK;
}

void result_put(const struct results *results, struct text *out, uint64_t at, struct record record,
	struct slice payload)
{
	char header[RECORD_HEADER];
	static const char zeros[SPOOL_ALIGN];

	record.version = RECORD_VERSION;
	record.epoch = results->epoch;
	record.length = (uint32_t)payload.len;
	record.payload_crc = crc32c(0, payload);
	record.durable = results->flushed;
	record_encode(&record, results->number, at, header);
	text_put(out, (struct slice){header, sizeof header});
	text_put(out, payload);
	text_put(out, (struct slice){zeros,
			      (size_t)record_extent(record.length) - RECORD_HEADER - payload.len});
}

/* What is gathered goes out with one call. After a failure it stays: the checkpoint that follows
 * takes what it says from here. */
static void results_push(struct store *store)
{
	struct results *results = &store->results;
	struct slice bytes = text_slice(&store->gathered);
	uint64_t end = results->end;

	if (bytes.len == 0 || results->broken)
		return;
	results->end -= bytes.len;
	if (results_write(store, bytes) == STATUS_OK) {
		text_clear(&store->gathered);
		return;
	}
	results->end = end;
	results->broken = true;
	store->tend_due = true;
}

void store_write_results(struct store *store)
{
	results_push(store);
}

/* Gives where the record ends; 0: there is no room for it in memory, and the file takes nothing. */
static uint64_t result_append(struct store *store, struct record record, struct slice payload)
{
	struct results *results = &store->results;

	if (store->gathered.len >= GATHERED_MOST)
		results_push(store);
	checkpoint_also(store, record, payload);
	if (results->broken && store->gathered.len >= BROKEN_MOST)
		return 0;
	result_put(results, &store->gathered, results->end, record, payload);
	results->end += record_extent((uint32_t)payload.len);
	return results->end;
}

void results_gathered(struct store *store, result_see *see)
{
	const struct results *results = &store->results;
	struct slice bytes = text_slice(&store->gathered);
	uint64_t at = results->end - bytes.len;
	struct record record;

	while (bytes.len && record_decode(bytes.at, results->number, at, results->epoch, &record)) {
		see(store, &record,
			slice_part(bytes, RECORD_HEADER, RECORD_HEADER + record.length));
		at += record_extent(record.length);
		bytes = slice_from(bytes, (size_t)record_extent(record.length));
	}
}

static uint64_t result_say(
	struct store *store, struct record record, const struct result_record *result)
{
	char room[RESULT_PAYLOAD_MAX];
	struct text payload = TEXT_FIXED(room);

	result_encode(&payload, record.type, result);
	return result_append(store, record, text_slice(&payload));
}

/* Kept until a flush has covered it: what a failed one lost is not read back. */
static void pending_add(struct store *store, struct pending_result pending)
{
	if (store->pending_count == store->pending_size) {
		store->pending_size = store->pending_size ? store->pending_size * 2 : 64;
		store->pending = realloc(store->pending, store->pending_size * sizeof pending);
		panic_if(!store->pending, "out of memory: results that are not flushed");
	}
	store->pending[store->pending_count++] = pending;
}

static void pending_flushed(struct store *store, uint64_t upto)
{
	size_t done = 0;

	while (done < store->pending_count && store->pending[done].end &&
		store->pending[done].end <= upto)
		done++;
	if (!done)
		return; /* there may be no list yet */
	store->pending_count -= done;
	memmove(store->pending, store->pending + done,
		store->pending_count * sizeof *store->pending);
}

void store_result(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	enum result result, wall_ns now, uint64_t event, struct slice remote_words)
{
	struct kept *kept = kept_find(store, id, origin);
	struct segment *segment = kept ? kept_segment(store, kept) : NULL;
	struct result_record words = {recipient, (uint8_t)result, 0, now, remote_words};
	struct record record = {.type = RECORD_RESULT, .id = id, .origin = origin, .flags = event};
	uint64_t end = result_say(store, record, &words);

	pending_add(store,
		(struct pending_result){id, origin, event, now, end, recipient, (uint8_t)result});
	store->results.due = store->results.end;
	if (segment) {
		segment_event(segment, event);
		kept_done(store, kept, recipient);
	}
}

void store_defer(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	uint32_t attempt, wall_ns next, struct slice words)
{
	struct result_record result = {recipient, 0, attempt, next, words};

	result_say(
		store, (struct record){.type = RECORD_DEFER, .id = id, .origin = origin}, &result);
	store->results.due = store->results.end;
}

void store_attempt(struct store *store, uint64_t id, uint64_t origin)
{
	result_say(store, (struct record){.type = RECORD_ATTEMPT, .id = id, .origin = origin},
		&(struct result_record){0});
}

/* Not flushed on its own: a lost one means that the queue says some events again. */
void store_heard(struct store *store, uint64_t event)
{
	char room[sizeof event];
	struct writer payload = writer_over(room, sizeof room);

	if (event <= store->heard)
		return;
	store->heard = event;
	store->tend_due = true; /* segments may have waited for it */
	write_u64(&payload, event);
	result_append(store, (struct record){.type = RECORD_HEARD}, writer_slice(&payload));
}

/* Flushing */

bool store_needs_flush(const struct store *store)
{
	return store->results.broken || store->results.due > store->results.flushed;
}

bool store_may_deliver(const struct store *store)
{
	return !store->results.broken;
}

/* [S] The block that is flushed is filled up first: no later result is written into it. */
static enum status block_fill(struct store *store)
{
	struct results *results = &store->results;
	uint64_t end = record_block_end(results->end);
	static const char zeros[SPOOL_BLOCK];
	struct text out = TEXT_GROWING;

	if (end == results->end || MUTATED(RESULTS_BLOCK_IS_WRITTEN_AGAIN))
		return STATUS_OK;
	result_put(results, &out, results->end, (struct record){.type = RECORD_PAD},
		(struct slice){zeros, (size_t)(end - results->end) - RECORD_HEADER});
	enum status status = results_write(store, text_slice(&out));
	text_free(&out);
	return status;
}

bool store_flush_begin(struct store *store, struct store_flush *flush)
{
	struct results *results = &store->results;

	if (!store_needs_flush(store) || results->flushing)
		return false;
	results_push(store);
	if (!results->broken && block_fill(store) != STATUS_OK)
		results->broken = true;
	/* A broken file is never flushed again: -1, the checkpoint follows. */
	*flush = (struct store_flush){.disk = store->disk,
		.fd = results->broken ? -1 : results->fd,
		.upto = results->end,
		.heard = store->heard};
	results->flushing = true;
	return true;
}

void store_flush_run(struct store_flush *flush)
{
	if (MUTATED(RESULTS_FLUSH_IS_TRIED_AGAIN) && flush->fd >= 0 &&
		disk_sync(flush->disk, flush->fd) != STATUS_OK)
		errno = 0;
	if (flush->fd >= 0 && disk_sync(flush->disk, flush->fd) != STATUS_OK)
		flush->error = errno ? errno : EIO;
}

/* After a failure that file is never flushed again: everything goes into the next one, at once. */
enum status store_flush_end(struct store *store, struct store_flush *flush)
{
	struct results *results = &store->results;

	results->flushing = false;
	if (flush->error)
		results->broken = true;
	if (results->broken)
		return results_checkpoint(store);
	results->flushed = flush->upto;
	store->heard_safe = flush->heard;
	pending_flushed(store, flush->upto);
	store->tend_due = true;
	return STATUS_OK;
}

enum status store_flush(struct store *store)
{
	struct store_flush flush;

	if (!store_flush_begin(store, &flush))
		return store->results.flushing ? STATUS_FAILED : STATUS_OK;
	store_flush_run(&flush);
	return store_flush_end(store, &flush);
}

void results_close(struct store *store)
{
	if (store->results.fd >= 0)
		store->disk->close(store->disk, store->results.fd);
	store->results.fd = -1;
}
