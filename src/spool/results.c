/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results: what became of each recipient, appended to results/N; checkpoints.
 *
 * Facts only add up: reading a file twice, or in another order, changes nothing. A lost fact means
 * a second delivery, never a loss.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"
#include "spool/result.h"

enum { NAME_DIGITS = 8, WRITE_AT_ONCE = 256 << 10 };

/* Reading files */

struct result_files {
	uint32_t *numbers;
	size_t count, size;
};

static void file_note(void *owner, const char *name)
{
	struct result_files *files = owner;
	uint64_t number;

	if (!slice_number(slice_of(name), UINT32_MAX, &number))
		return;
	if (files->count == files->size) {
		files->size = files->size ? files->size * 2 : 8;
		files->numbers = realloc(files->numbers, files->size * sizeof *files->numbers);
		panic_if(!files->numbers, "out of memory");
	}
	files->numbers[files->count++] = (uint32_t)number;
}

static bool files_list(struct store *store, struct result_files *files)
{
	*files = (struct result_files){0};
	return store->disk->list(store->disk, store->results_folder, file_note, files) == 0;
}

static void file_walk(struct store *store, const struct spool_source *source, uint64_t size)
{
	struct walk walk;
	struct record record;
	uint64_t at;

	walk_begin(&walk, source, SEGMENT_DATA_AT, size, WALK_DENSE);
	while (walk_next(&walk, &record, &at)) {
		if (!record_is_known(&record) || record.type < RECORD_RESULT)
			continue;
		struct slice payload = walk_payload(&walk, at, &record, RESULT_PAYLOAD_MAX);
		if (payload.len == record.length && crc32c(0, payload) == record.payload_crc)
			fact_add(store, &record, payload);
	}
	walk_end(&walk);
}

/* A file whose header never became durable holds nothing anybody relied on, unless there is more
 * behind it. */
static void file_unreadable(struct store *store, uint32_t number, uint64_t size)
{
	struct text words = TEXT_GROWING;

	if (size > SEGMENT_DATA_AT) {
		text_format(&words,
			"results/%08u: neither copy of its header can be read; what it says of "
			"deliveries is not known, some may be made again; the file is in damaged/",
			number);
		damage_copy(store, store->results_folder, number, NAME_DIGITS, 0, size);
		store->events.damage(store->events.owner, text_slice(&words));
	}
	text_free(&words);
}

static enum header_read file_load(struct store *store, uint32_t number)
{
	char name[16];
	struct segment_header header;

	number_name(name, number, NAME_DIGITS);
	int fd = store->disk->open(store->disk, store->results_folder, name, O_RDWR, 0);
	if (fd < 0)
		return HEADER_DAMAGED;
	/* [S] Flushed before it is believed: the page cache may show what the disk lacks. What
	 * cannot be flushed is read all the same: the checkpoint that follows writes it anew. */
	if (!MUTATED(RESULTS_READ_WITHOUT_FLUSH) && disk_sync(store->disk, fd) != STATUS_OK)
		store->results.broken = true;
	off_t size = store->disk->size(store->disk, fd);
	enum header_read read = header_pair_read(store, fd, &header);
	if (read == HEADER_OK) {
		struct spool_source source = {store->disk, fd, number, header.epoch};
		file_walk(store, &source, size > 0 ? (uint64_t)size : 0);
	} else if (read == HEADER_DAMAGED) {
		file_unreadable(store, number, size > 0 ? (uint64_t)size : 0);
	}
	store->disk->close(store->disk, fd);
	return read;
}

enum store_open results_load(struct store *store, struct text *why)
{
	struct result_files files;
	enum store_open outcome = STORE_OPEN;

	store->facts = map_new(store->results.epoch);
	if (!files_list(store, &files)) {
		text_format(why, "the folder results cannot be listed: %s", strerror(errno));
		outcome = STORE_UNUSABLE;
	}
	for (size_t i = 0; i < files.count && outcome == STORE_OPEN; i++) {
		if (files.numbers[i] > store->results.number)
			store->results.number = files.numbers[i];
		if (file_load(store, files.numbers[i]) == HEADER_NEWER) {
			text_format(why,
				"results/%08u was written by a newer format than %d, the newest "
				"this program knows",
				files.numbers[i], SPOOL_FORMAT);
			outcome = STORE_NEWER;
		}
	}
	free(files.numbers);
	return outcome;
}

/* Appending */

static enum status results_write(struct store *store, struct slice bytes)
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

/* One record into `out`, as it will lie at `at`, zeros up to the next one. */
static void result_put(const struct results *results, struct text *out, uint64_t at,
	struct record record, struct slice payload)
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

static void result_append(struct store *store, struct record record, struct slice payload)
{
	char room[RESULT_PAYLOAD_MAX + 2 * RECORD_HEADER];
	struct text out = TEXT_FIXED(room);

	if (store->results.broken)
		return; /* the checkpoint takes it from the index */
	result_put(&store->results, &out, store->results.end, record, payload);
	if (results_write(store, text_slice(&out)) != STATUS_OK) {
		store->results.broken = true;
		store->tend_due = true;
	}
}

static void result_say(struct store *store, uint8_t type, uint64_t id, uint64_t origin,
	const struct result_record *result)
{
	char room[RESULT_PAYLOAD_MAX];
	struct text payload = TEXT_FIXED(room);

	result_encode(&payload, type, result);
	result_append(store, (struct record){.type = type, .id = id, .origin = origin},
		text_slice(&payload));
}

void store_result(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	enum result result, wall_ns now, struct slice remote_words)
{
	struct kept *kept = kept_find(store, id, origin);
	struct result_record record = {recipient, (uint8_t)result, 0, now, remote_words};

	result_say(store, RECORD_RESULT, id, origin, &record);
	if (kept)
		kept_done(store, kept, recipient);
}

void store_defer(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	uint32_t attempt, wall_ns next, struct slice words)
{
	struct result_record record = {recipient, 0, attempt, next, words};

	result_say(store, RECORD_DEFER, id, origin, &record);
}

void store_attempt(struct store *store, uint64_t id, uint64_t origin)
{
	result_say(store, RECORD_ATTEMPT, id, origin, &(struct result_record){0});
}

/* Flushing */

bool store_needs_flush(const struct store *store)
{
	return store->results.broken || store->results.end > store->results.flushed;
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
	if (!results->broken && block_fill(store) != STATUS_OK)
		results->broken = true;
	/* A broken file is never flushed again: -1, the checkpoint follows. */
	*flush = (struct store_flush){
		store->disk, results->broken ? -1 : results->fd, results->end, 0};
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

/* Checkpoint */

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

static void checkpoint_put(struct checkpoint *point, uint8_t type, const struct fact *fact,
	struct result_record result)
{
	char room[RESULT_PAYLOAD_MAX];
	struct text payload = TEXT_FIXED(room);
	struct record record = {.type = type, .id = fact->id, .origin = fact->origin};

	result_encode(&payload, type, &result);
	result_put(&point->fresh, &point->out, point->fresh.end + point->out.len, record,
		text_slice(&payload));
	if (point->out.len > WRITE_AT_ONCE)
		checkpoint_write(point);
}

static void checkpoint_fact(struct checkpoint *point, const struct fact *fact)
{
	for (size_t i = 0; i < fact->count; i++) {
		const struct fact_recipient *known = &fact->recipients[i];
		uint16_t recipient = (uint16_t)i;
		if (known->result)
			checkpoint_put(point, RECORD_RESULT, fact,
				(struct result_record){
					recipient, known->result, 0, known->time, SLICE_NONE});
		else if (known->attempts)
			checkpoint_put(point, RECORD_DEFER, fact,
				(struct result_record){
					recipient, 0, known->attempts, known->next, SLICE_NONE});
	}
}

/* What the index knows and no readable file says: results that could not be written. */
static void checkpoint_index(struct store *store)
{
	size_t at = 0;

	for (struct kept *kept; (kept = map_next(store->messages, &at));)
		for (unsigned i = 0; i < kept->recipients; i++) {
			bool done = kept->recipients <= 64 ? kept->done.few >> i & 1
							   : kept->done.many[i / 8] >> i % 8 & 1;
			if (!done)
				continue;
			struct record record = {.id = kept->id, .origin = kept->origin};
			struct fact_recipient *known = fact_recipient(fact_get(store, &record), i);
			known->result = known->result ? known->result : RESULT_DELIVERED;
		}
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
	number_name(name, fresh->number, NAME_DIGITS);
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

	number_name(name, number, NAME_DIGITS);
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

static bool fact_is_needed(const struct store *store, const struct fact *fact)
{
	const struct kept *kept = kept_find(store, fact->id, fact->origin);

	return kept && (kept->left > 0 || !MUTATED(RESULTS_FORGOTTEN_EARLY));
}

static enum status checkpoint_fill(struct store *store, struct checkpoint *point)
{
	size_t at = 0;
	/* Nobody knows what a damaged segment may show after it was salvaged. */
	bool all = !list_is_empty(&store->states[SEGMENT_DAMAGED]);

	if (point->status == STATUS_OK)
		for (const struct fact *fact; (fact = map_next(store->facts, &at));)
			if (all || fact_is_needed(store, fact))
				checkpoint_fact(point, fact);
	checkpoint_write(point);
	point->fresh.end = record_block_end(point->fresh.end);
	if (point->status == STATUS_OK && !MUTATED(CHECKPOINT_WITHOUT_FLUSH))
		point->status = disk_sync(store->disk, point->fresh.fd);
	if (point->status == STATUS_OK)
		point->status = disk_sync_folder(store->disk, store->results_folder);
	return point->status;
}

/* results/N+1 with all facts about messages that any segment may still show, flushed with its name,
 * then N goes. */
enum status results_checkpoint(struct store *store)
{
	struct result_files files;
	struct checkpoint point = {.store = store, .out = TEXT_GROWING};
	bool starting = store->facts != NULL;

	if (store->results.flushing || !files_list(store, &files))
		return STATUS_FAILED;
	if (!starting)
		store->facts = map_new(store->results.epoch);
	for (size_t i = 0; !starting && i < files.count; i++)
		(void)file_load(store, files.numbers[i]);
	checkpoint_index(store);
	point.status = checkpoint_begin(store, &point);
	if (checkpoint_fill(store, &point) == STATUS_OK) {
		results_close(store);
		store->results = point.fresh;
		store->results.flushed = store->results.begun = store->results.end;
		files_remove(store, &files, point.fresh.number);
	} else if (point.fresh.fd >= 0) {
		/* The old file serves on if it is sound; the space of the new one goes back. */
		store->disk->close(store->disk, point.fresh.fd);
		file_remove(store, point.fresh.number);
	}
	if (point.status != STATUS_OK && store->results.fd < 0)
		store->results.broken = true;
	text_free(&point.out);
	free(files.numbers);
	if (!starting)
		facts_free(store);
	return point.status;
}

void results_close(struct store *store)
{
	if (store->results.fd >= 0)
		store->disk->close(store->disk, store->results.fd);
	store->results.fd = -1;
}
