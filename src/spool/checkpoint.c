/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: results/N+1 with all facts about messages that any segment may still show, and all
 * that the journal may not have; flushed with its name, then N goes.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

enum { WRITE_AT_ONCE = 256 << 10 };

struct checkpoint {
	struct store *store;
	struct results fresh;
	struct text out;
	enum status status;
};

static void checkpoint_write(struct checkpoint *point)
{
	struct slice bytes = text_slice(&point->out);
	struct results old = point->store->results;

	if (point->status != STATUS_OK)
		return;
	point->store->results = point->fresh; /* results_write() appends to the new file */
	point->status = results_write(point->store, bytes);
	point->fresh = point->store->results;
	point->store->results = old;
	text_clear(&point->out);
}

static void checkpoint_put(struct checkpoint *point, struct record record, struct slice payload)
{
	result_put(&point->fresh, &point->out, point->fresh.end + point->out.len, record, payload);
	if (point->out.len > WRITE_AT_ONCE)
		checkpoint_write(point);
}

static void checkpoint_say(
	struct checkpoint *point, struct record record, const struct result_record *result)
{
	char room[RESULT_PAYLOAD_MAX];
	struct text payload = TEXT_FIXED(room);

	result_encode(&payload, record.type, result);
	checkpoint_put(point, record, text_slice(&payload));
}

static void checkpoint_fact(struct checkpoint *point, const struct fact *fact)
{
	struct record record = {.id = fact->id, .origin = fact->origin};

	for (size_t i = 0; i < fact->count; i++) {
		const struct fact_recipient *known = &fact->recipients[i];
		uint16_t recipient = (uint16_t)i;
		record.flags = 0;
		if (known->result) {
			record.type = RECORD_RESULT;
			record.flags = MUTATED(CHECKPOINT_FORGETS_EVENTS) ? 0 : known->event;
			checkpoint_say(point, record,
				&(struct result_record){
					recipient, known->result, 0, known->time, SLICE_NONE});
		} else if (known->attempts) {
			record.type = RECORD_DEFER;
			checkpoint_say(point, record,
				&(struct result_record){
					recipient, 0, known->attempts, known->next, SLICE_NONE});
		}
	}
}

static void checkpoint_heard(struct checkpoint *point)
{
	char room[sizeof point->store->heard];
	struct writer payload = writer_over(room, sizeof room);

	write_u64(&payload, point->store->heard);
	checkpoint_put(point, (struct record){.type = RECORD_HEARD}, writer_slice(&payload));
}

/* Up to the block boundary: below W every byte lies in a record. */
static void checkpoint_pad(struct checkpoint *point)
{
	static const char zeros[SPOOL_BLOCK];
	uint64_t end = point->fresh.end + point->out.len, rest = record_block_end(end) - end;

	if (rest > 0)
		checkpoint_put(point, (struct record){.type = RECORD_PAD},
			(struct slice){zeros, (size_t)rest - RECORD_HEADER});
}

/* Results since the last flush that worked: no file is sure to say them. */
static void facts_from_pending(struct store *store)
{
	for (size_t i = 0; i < store->pending_count; i++) {
		const struct pending_result *pending = &store->pending[i];
		struct fact_recipient *known = fact_recipient(
			fact_get(store, pending->id, pending->origin), pending->recipient);
		if (known->result == 0) {
			known->result = pending->result;
			known->time = pending->time;
		}
		if (pending->event > known->event)
			known->event = pending->event;
	}
}

/* What the index knows and no file that can be read says. */
static void facts_from_index(struct store *store)
{
	size_t at = 0;

	for (struct kept *kept; (kept = map_next(store->messages, &at));)
		for (unsigned i = 0; i < kept->recipients; i++) {
			if (!kept_is_done(kept, i))
				continue;
			struct fact_recipient *known =
				fact_recipient(fact_get(store, kept->id, kept->origin), i);
			known->result = known->result ? known->result : RESULT_DELIVERED;
		}
}

/* At start they are there. */
enum status result_facts_gather(struct store *store)
{
	struct result_files files;
	enum status status = STATUS_OK;

	if (!store->facts) {
		facts_begin(store);
		if (!result_files_list(store, &files))
			return STATUS_FAILED;
		for (size_t i = 0; i < files.count && status == STATUS_OK; i++)
			if (result_file_load(store, files.numbers[i]) == RESULT_FILE_FAILED)
				status = STATUS_FAILED;
		free(files.numbers);
	}
	facts_from_pending(store);
	facts_from_index(store);
	return status;
}

static enum status checkpoint_begin(struct store *store, struct checkpoint *point)
{
	char name[16];
	struct results *fresh = &point->fresh;

	/* A name is never tried twice. `number` of the store stays: it is in the checksums of the
	 * file that is appended to. */
	store->results_tried = store->results_tried > store->results.number
				       ? store->results_tried + 1
				       : store->results.number + 1;
	*fresh = (struct results){.number = store->results_tried};
	fresh->epoch = epoch_new(store);
	fresh->end = fresh->flushed = SEGMENT_DATA_AT;
	number_name(name, fresh->number, RESULT_NAME_DIGITS);
	fresh->fd = store->disk->open(
		store->disk, store->results_folder, name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fresh->fd < 0)
		return STATUS_FAILED;
	struct segment_header header = {
		.format = SPOOL_FORMAT,
		.segment_class = CLASS_RESULTS,
		.number = fresh->number,
		.generation = 1,
		.epoch = fresh->epoch,
	};
	return header_pair_write(store, fresh->fd, &header);
}

static bool file_remove(struct store *store, uint32_t number)
{
	char name[16];

	number_name(name, number, RESULT_NAME_DIGITS);
	return store->disk->unlink(store->disk, store->results_folder, name) == 0;
}

/* Removed only when the new one and its name are durable. A name that stays is read again at the
 * next start and changes nothing. */
static void files_remove(struct store *store, const struct result_files *files, uint32_t below)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->numbers[i] < below && !file_remove(store, files->numbers[i]))
			return;
}

/* A segment may show its message, or the journal may not have its event. */
static bool fact_is_needed(const struct store *store, const struct fact *fact)
{
	const struct kept *kept = kept_find(store, fact->id, fact->origin);

	if (kept)
		return kept->left > 0 || !MUTATED(RESULTS_FORGOTTEN_EARLY);
	for (size_t i = 0; i < fact->count; i++)
		if (fact->recipients[i].event > store->heard)
			return true;
	return false;
}

/* [S] Nobody knows what a damaged segment shows when it is salvaged, nor what one shows whose
 * header may be the old one on the disk. */
static bool all_is_needed(const struct store *store)
{
	LIST_EACH (const struct segment, segment, &store->states[SEGMENT_SUSPECT], link)
		if (segment->header_unsure && !MUTATED(UNSURE_HEADER_IS_TRUSTED))
			return true;
	return !list_is_empty(&store->states[SEGMENT_DAMAGED]);
}

static enum status checkpoint_fill(struct store *store, struct checkpoint *point)
{
	size_t at = 0;
	bool all = all_is_needed(store);

	if (point->status == STATUS_OK)
		for (const struct fact *fact; (fact = map_next(store->facts, &at));)
			if (all || fact_is_needed(store, fact))
				checkpoint_fact(point, fact);
	if (point->status == STATUS_OK)
		checkpoint_heard(point);
	checkpoint_pad(point);
	checkpoint_write(point);
	if (point->status == STATUS_OK && !MUTATED(CHECKPOINT_WITHOUT_FLUSH))
		point->status = disk_sync(store->disk, point->fresh.fd);
	if (point->status == STATUS_OK)
		point->status = disk_sync_folder(store->disk, store->results_folder);
	return point->status;
}

/* The old file serves on if it is sound; the space of the new one goes back. */
static void checkpoint_fail(struct store *store, struct checkpoint *point)
{
	if (point->fresh.fd >= 0) {
		store->disk->close(store->disk, point->fresh.fd);
		file_remove(store, point->fresh.number);
	}
	if (store->results.fd < 0)
		store->results.broken = true;
}

enum status results_checkpoint(struct store *store)
{
	struct result_files files;
	struct checkpoint point = {.store = store, .fresh.fd = -1, .out = TEXT_GROWING};
	bool starting = store->facts != NULL;

	if (store->results.flushing || !result_files_list(store, &files)) {
		store->results.broken = store->results.broken || store->results.fd < 0;
		return STATUS_FAILED;
	}
	point.status = result_facts_gather(store);
	if (point.status == STATUS_OK)
		point.status = checkpoint_begin(store, &point);
	if (checkpoint_fill(store, &point) == STATUS_OK) {
		results_close(store);
		store->results = point.fresh;
		store->results.flushed = store->results.begun = store->results.end;
		store->results.due = store->results.end;
		store->heard_safe = store->heard;
		store->pending_count = 0;
		files_remove(store, &files, point.fresh.number);
	} else {
		checkpoint_fail(store, &point);
	}
	text_free(&point.out);
	free(files.numbers);
	if (!starting)
		facts_free(store);
	return point.status;
}
