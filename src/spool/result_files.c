/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading results files: at start, and for a checkpoint.
 *
 * Facts only add up: reading a file twice, or in another order, changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/keeping.h"

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

bool result_files_list(struct store *store, struct result_files *files)
{
	*files = (struct result_files){0};
	return store->disk->list(store->disk, store->results_folder, file_note, files) == 0;
}

static int file_open(struct store *store, uint32_t number)
{
	char name[16];

	number_name(name, number, RESULT_NAME_DIGITS);
	return store->disk->open(store->disk, store->results_folder, name, O_RDONLY, 0);
}

static void hurt_note(struct hurt *hurt, uint64_t from, uint64_t to)
{
	if (from < to && hurt->from == hurt->to) {
		hurt->from = from;
		hurt->to = to;
	}
}

/* Every record that checks; what does not is passed over, an unknown type too. False: the end. */
static bool file_walk(
	struct store *store, struct result_reading *reading, uint64_t upto, result_see *see)
{
	struct walk *walk = &reading->walk;
	struct hurt *hurt = &reading->hurt;
	struct record record;
	uint64_t at;

	while (walk->at < upto && walk_next(walk, &record, &at)) {
		hurt_note(hurt, walk->gap_from, walk->gap_to);
		if (record.durable > hurt->durable)
			hurt->durable = record.durable;
		if (!record_is_result(&record))
			continue;
		struct slice payload = walk_payload(walk, at, &record, RESULT_PAYLOAD_MAX);
		if (payload.len == record.length && crc32c(0, payload) == record.payload_crc)
			see(store, &record, payload);
		else
			hurt_note(hurt, at, walk->at);
	}
	return walk->at >= upto;
}

/* Damage below W was flushed once: said, and the whole file is copied before the checkpoint takes
 * its place. */
static void file_hurt(struct store *store, uint32_t number, struct hurt hurt, uint64_t size)
{
	struct text words = TEXT_GROWING;

	if (hurt.from == hurt.to || hurt.from >= hurt.durable)
		return;
	text_format(&words,
		"results/%08u bytes %llu to %llu cannot be read; some deliveries may be made "
		"again; a copy of the file is in damaged/",
		number, (unsigned long long)hurt.from, (unsigned long long)hurt.to);
	damage_copy(store, store->results_folder, number, RESULT_NAME_DIGITS, 0, size);
	store->events.damage(store->events.owner, text_slice(&words));
	text_free(&words);
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
		damage_copy(store, store->results_folder, number, RESULT_NAME_DIGITS, 0, size);
		store->events.damage(store->events.owner, text_slice(&words));
	}
	text_free(&words);
}

/* Not flushed before it is believed: the checkpoint that follows writes all of it anew, and until
 * that succeeds nothing is delivered and no segment used again. */
enum result_file result_reading_begin(
	struct store *store, uint32_t number, struct result_reading *reading)
{
	struct segment_header header = {0};

	*reading = (struct result_reading){
		.fd = file_open(store, number), .number = number, .header = HEADER_DAMAGED};
	if (reading->fd < 0)
		return RESULT_FILE_FAILED;
	off_t size = store->disk->size(store->disk, reading->fd);
	reading->size = size > 0 ? (uint64_t)size : 0;
	reading->header = header_pair_read(store, reading->fd, &header);
	struct spool_source source = {store->disk, reading->fd, number, header.epoch};
	walk_begin(&reading->walk, &source, SEGMENT_DATA_AT, reading->size, WALK_DENSE);
	return reading->header == HEADER_NEWER ? RESULT_FILE_NEWER : RESULT_FILE_OK;
}

bool result_reading_step(
	struct store *store, struct result_reading *reading, uint64_t bytes, result_see *see)
{
	uint64_t left = UINT64_MAX - reading->walk.at;

	return reading->header == HEADER_OK &&
	       file_walk(store, reading, reading->walk.at + (bytes < left ? bytes : left), see);
}

void result_reading_end(struct store *store, struct result_reading *reading)
{
	walk_end(&reading->walk);
	if (reading->fd >= 0)
		store->disk->close(store->disk, reading->fd);
	reading->fd = -1;
}

void result_reading_judge(struct store *store, const struct result_reading *reading)
{
	if (reading->header == HEADER_OK)
		file_hurt(store, reading->number, reading->hurt, reading->size);
	else if (reading->header == HEADER_DAMAGED)
		file_unreadable(store, reading->number, reading->size);
}

static enum result_file file_load(struct store *store, uint32_t number)
{
	struct result_reading reading;
	enum result_file outcome = result_reading_begin(store, number, &reading);

	while (result_reading_step(store, &reading, UINT64_MAX, fact_add))
		continue;
	if (outcome != RESULT_FILE_FAILED)
		result_reading_judge(store, &reading);
	result_reading_end(store, &reading);
	return outcome;
}

/* A file that is there and cannot be opened is not passed over: the checkpoint would remove it. */
static enum store_open file_take(struct store *store, uint32_t number, struct text *why)
{
	switch (file_load(store, number)) {
	case RESULT_FILE_OK: return STORE_OPEN;
	case RESULT_FILE_FAILED:
		text_format(why, "results/%08u cannot be opened: %s", number, strerror(errno));
		return STORE_UNUSABLE;
	case RESULT_FILE_NEWER: break;
	}
	text_format(why,
		"results/%08u was written by a newer format than %d, the newest this program knows",
		number, SPOOL_FORMAT);
	return STORE_NEWER;
}

enum store_open results_load(struct store *store, struct text *why)
{
	struct result_files files;
	enum store_open outcome = STORE_OPEN;

	facts_begin(store);
	if (!result_files_list(store, &files)) {
		text_format(why, "the folder results cannot be listed: %s", strerror(errno));
		outcome = STORE_UNUSABLE;
	}
	for (size_t i = 0; i < files.count && outcome == STORE_OPEN; i++) {
		if (files.numbers[i] > store->results.number)
			store->results.number = files.numbers[i];
		outcome = file_take(store, files.numbers[i], why);
	}
	free(files.numbers);
	return outcome;
}

/* What the journal may not have */

/* Each once, though it may stand in two files after a crash between a checkpoint and a removal. */
static void unheard_tell(struct store *store, const struct record *record, struct slice payload)
{
	struct result_record result;
	struct fact *fact = fact_find(store, record->id, record->origin);

	if (record->type != RECORD_RESULT || record->flags <= store->heard || !fact ||
		!result_decode(record->type, payload, &result))
		return;
	struct fact_recipient *known = fact_recipient(fact, result.recipient);
	if (known->told || known->event != record->flags)
		return;
	known->told = true;
	store->events.unheard(store->events.owner, &(struct unheard_result){.id = record->id,
							   .origin = record->origin,
							   .event = record->flags,
							   .recipient = result.recipient,
							   .result = (enum result)result.result,
							   .time = result.time,
							   .words = result.words});
}

/* The files are read once more, for the remote's words. */
void results_tell_unheard(struct store *store)
{
	struct result_files files = {0};
	struct result_reading reading;

	if (!store->events.unheard || store->last_event <= store->heard ||
		!result_files_list(store, &files))
		return;
	for (size_t i = 0; i < files.count; i++) {
		if (result_reading_begin(store, files.numbers[i], &reading) == RESULT_FILE_OK)
			while (result_reading_step(store, &reading, UINT64_MAX, unheard_tell))
				continue;
		result_reading_end(store, &reading);
	}
	free(files.numbers);
}
