/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: results/N+1 with all facts about messages that any segment may still show, and all
 * that the journal may not have; flushed with its name, then N goes.
 *
 * Made in pieces while the process works: N is read, then what it says is written, each piece
 * flushed. Whatever results say meanwhile goes into both files, so nothing is behind at the end;
 * facts only add up, so it does not matter that it stands between older ones.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

/* Parts of scale.checkpoint (64 MiB): 1 MiB is read, 512 KiB are written in a piece. */
enum { READ_PART = 64, WRITE_PART = 128, FACTS_AT_ONCE = 4096 };

struct checkpoint {
	struct store *store;
	struct results fresh;
	struct text out;
	enum status status;
	struct gathering gathering;
	struct facts *facts; /* once all are gathered; those before `at` are freed */
	uint32_t at;
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

/* Beginning and end */

static enum status fresh_make(struct store *store, struct checkpoint *point)
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

/* Pieces */

static void checkpoint_flush(struct checkpoint *point)
{
	checkpoint_write(point);
	if (point->status == STATUS_OK && !MUTATED(CHECKPOINT_WITHOUT_FLUSH))
		point->status = disk_sync(point->store->disk, point->fresh.fd);
}

static void piece_gather(struct checkpoint *point)
{
	struct store *store = point->store;

	switch (gathering_step(store, &point->gathering, store->scale.checkpoint / READ_PART)) {
	case GATHERED_SOME: return;
	case GATHERED_FAILED: point->status = STATUS_FAILED; return;
	case GATHERED_ALL: break;
	}
	point->facts = store->facts;
	store->facts = NULL;
}

/* False: there are no more. */
static bool piece_write(struct checkpoint *point)
{
	struct store *store = point->store;
	bool all = all_is_needed(store);
	struct fact *fact = NULL;

	for (int i = 0; i < FACTS_AT_ONCE; i++) {
		if (point->out.len >= store->scale.checkpoint / WRITE_PART)
			break;
		fact = facts_next(point->facts, &point->at);
		if (!fact)
			break;
		if (all || fact_is_needed(store, fact))
			checkpoint_fact(point, fact);
		fact_free(point->facts, point->at++);
	}
	bool more = fact || point->out.len >= store->scale.checkpoint / WRITE_PART;
	if (more)
		checkpoint_flush(point);
	return more;
}

static void checkpoint_free(struct checkpoint *point)
{
	struct store *store = point->store;

	gathering_end(store, &point->gathering);
	facts_end(point->facts);
	facts_free(store);
	text_free(&point->out);
	store->checkpoint = NULL;
	free(point);
}

/* The old file serves on if it is sound; the space of the new one goes back. */
void checkpoint_abandon(struct store *store)
{
	struct checkpoint *point = store->checkpoint;

	if (!point)
		return;
	if (point->fresh.fd >= 0) {
		store->disk->close(store->disk, point->fresh.fd);
		file_remove(store, point->fresh.number);
	}
	checkpoint_free(point);
	if (store->results.fd < 0)
		store->results.broken = true;
	store->tend_due = true;
}

void checkpoint_forget(struct store *store)
{
	struct checkpoint *point = store->checkpoint;

	if (!point)
		return;
	if (point->fresh.fd >= 0)
		store->disk->close(store->disk, point->fresh.fd);
	checkpoint_free(point);
}

/* Only now the new file stands in place of the old ones. What was gathered for the old one, and not
 * written, is in it. */
static void checkpoint_take(struct store *store, struct checkpoint *point)
{
	struct result_files files = {0};
	bool listed = result_files_list(store, &files);

	results_close(store);
	store->results = point->fresh;
	store->results.flushed = store->results.begun = store->results.end;
	store->results.due = store->results.end;
	store->heard_safe = store->heard;
	store->pending_count = 0;
	text_clear(&store->gathered);
	if (listed)
		files_remove(store, &files, point->fresh.number);
	free(files.numbers);
	checkpoint_free(point);
}

static enum status checkpoint_end(struct store *store, struct checkpoint *point)
{
	checkpoint_heard(point);
	checkpoint_pad(point);
	checkpoint_flush(point);
	if (point->status == STATUS_OK)
		point->status = disk_sync_folder(store->disk, store->results_folder);
	enum status status = point->status;
	if (status == STATUS_OK)
		checkpoint_take(store, point);
	else
		checkpoint_abandon(store);
	return status;
}

void checkpoint_begin(struct store *store)
{
	struct checkpoint *point = calloc(1, sizeof *point);

	panic_if(!point, "out of memory");
	*point = (struct checkpoint){.store = store, .fresh.fd = -1, .out = TEXT_GROWING};
	store_write_results(store); /* from here on they go into both */
	store->checkpoint = point;
	gathering_begin(store, &point->gathering, store->facts != NULL);
	point->status = fresh_make(store, point);
}

void checkpoint_also(struct store *store, struct record record, struct slice payload)
{
	if (store->checkpoint && record.type != RECORD_ATTEMPT &&
		!MUTATED(CHECKPOINT_MISSES_NEW_RESULTS))
		checkpoint_put(store->checkpoint, record, payload);
}

bool checkpoint_go_on(struct store *store)
{
	struct checkpoint *point = store->checkpoint;

	if (point->status != STATUS_OK) {
		checkpoint_abandon(store);
		return false;
	}
	if (!point->facts) {
		piece_gather(point);
		return true;
	}
	if (piece_write(point) || store->results.flushing)
		return true;
	if (checkpoint_end(store, point) != STATUS_OK)
		store->tend_due = true;
	return false;
}

enum status results_checkpoint(struct store *store)
{
	if (store->results.flushing) {
		store->results.broken = store->results.broken || store->results.fd < 0;
		return STATUS_FAILED;
	}
	checkpoint_abandon(store);
	checkpoint_begin(store);
	struct checkpoint *point = store->checkpoint;
	while (point->status == STATUS_OK && !point->facts)
		piece_gather(point);
	while (point->status == STATUS_OK && piece_write(point))
		continue;
	if (point->status == STATUS_OK)
		return checkpoint_end(store, point);
	checkpoint_abandon(store);
	return STATUS_FAILED;
}
