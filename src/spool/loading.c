/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up, steps 2 to 4: every segment's file is flushed, its header believed or not, its records
 * judged (survey.c). STATES.md, "Start-up".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

/* So many files are open and flushed at once. */
enum { LOADED_AT_ONCE = 64 };

struct numbers {
	uint32_t *at;
	size_t count;
};
struct loading {
	struct store *store;
	enum segment_class kind;
	struct text *why;
	enum store_open outcome;
	struct numbers names;
	struct numbers blanks; /* of files of zeros */
};

static void number_add(struct numbers *numbers, uint32_t number)
{
	if ((numbers->count & (numbers->count - 1)) == 0) { /* full: the room doubles */
		size_t room = numbers->count ? 2 * numbers->count : 1;
		numbers->at = realloc(numbers->at, room * sizeof *numbers->at);
		panic_if(!numbers->at, "out of memory");
	}
	numbers->at[numbers->count++] = number;
}

/* Writing out ends with the headers: a file of zeros was never used. One with zeros for headers
 * and anything behind them was. */
static bool file_is_blank(struct store *store, int fd)
{
	uint64_t at = 0;

	for (;; at += SPOOL_BLOCK) {
		size_t got = disk_read_most(store->disk, fd, store->block, SPOOL_BLOCK, (off_t)at);
		if (got == 0)
			return errno == 0;
		for (size_t i = 0; i < got; i++)
			if (store->block[i])
				return false;
	}
}

static void blank_note(struct loading *loading, uint32_t number)
{
	struct store *store = loading->store;

	number_add(&loading->blanks, number);
	/* [S] Not given again in this life: the name may come back with a power cut, and a bit may
	 * rot in it. As a damaged segment it would then hide the one in use, of the other class. */
	if (number > store->last_number && !MUTATED(NUMBER_IS_GIVEN_AGAIN))
		store->last_number = number;
}

static void segment_headless(struct loading *loading, struct segment *segment, const char *what)
{
	damage_tell(loading->store, segment, 0, 0, what, 0);
	segment_move(loading->store, segment, SEGMENT_DAMAGED);
}

/* The other three do the same for most crashes: each is shown to be needed without this one. */
static bool unused_is_trusted(void)
{
	return MUTATED(UNUSED_HEADER_IS_TRUSTED) || MUTATED(HEADER_STANDS_ONCE) ||
	       MUTATED(HEADER_IS_NOT_REPAIRED) || MUTATED(FAILED_HEADER_STAYS);
}

/* [S] A header that was used has records, and was durable before they came. One without may be seen
 * in the page cache alone, if its flush failed and the process died before it put the old one back:
 * both copies are written and flushed before anything is forgotten that the old one needs. */
static bool header_is_durable(struct loading *loading, const struct segment *segment, int fd)
{
	if (segment->used > 0 || segment->generation == 1 || unused_is_trusted())
		return true;
	return segment_headers_write(loading->store, segment, fd) == STATUS_OK;
}

/* Its file was flushed, with this error or none. */
static void segment_load(struct loading *loading, uint32_t number, int fd, int error)
{
	struct store *store = loading->store;
	struct segment_header header = {0};
	enum segment_state sound = error ? SEGMENT_SUSPECT : SEGMENT_SEALED;
	enum header_read read = header_pair_read(store, fd, &header);

	if (read == HEADER_DAMAGED && file_is_blank(store, fd)) {
		blank_note(loading, number);
		return;
	}
	if (read == HEADER_NEWER) {
		text_format(loading->why,
			"segment %06u has format %u, newer than format %d, the newest this program "
			"knows",
			number, header.format, SPOOL_FORMAT);
		loading->outcome = STORE_NEWER;
		return;
	}
	struct segment *segment = segment_add(store, loading->kind, number);
	if (read == HEADER_DAMAGED) {
		segment_headless(loading, segment, "neither copy of its header can be read");
		return;
	}
	if (header.number != number || header.segment_class != loading->kind) {
		segment_headless(loading, segment, "its header is that of another segment");
		return;
	}
	if (!MUTATED(HEADER_STANDS_ONCE) && !MUTATED(HEADER_IS_NOT_REPAIRED))
		segment->header_unsure = header_pair_repair(store, fd, &header) != STATUS_OK;
	if (segment->header_unsure)
		sound = SEGMENT_SUSPECT;
	segment->generation = header.generation;
	segment->epoch = header.epoch;
	segment->size = header.size;
	segment_survey(store, segment, fd, SEGMENT_DATA_AT, sound);
	if (segment->state == SEGMENT_SEALED && !header_is_durable(loading, segment, fd)) {
		segment->header_unsure = true;
		segment_move(store, segment, SEGMENT_SUSPECT);
	}
}

static void name_seen(void *owner, const char *name)
{
	struct loading *loading = owner;
	uint64_t number;
	char ours[16];

	if (!slice_number(slice_of(name), UINT32_MAX, &number))
		return;
	number_name(ours, (uint32_t)number, 6);
	if (strcmp(ours, name) == 0)
		number_add(&loading->names, (uint32_t)number);
}

static int numbers_compare(const void *one, const void *other)
{
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;

	return (a > b) - (a < b);
}

/* Opens as many as it can; one that cannot be opened ends the start. */
static size_t batch_open(struct loading *loading, const uint32_t *numbers, size_t count,
	struct disk_flush flushes[LOADED_AT_ONCE])
{
	struct store *store = loading->store;
	char name[16];

	for (size_t i = 0; i < count; i++) {
		number_name(name, numbers[i], 6);
		flushes[i].error = 0;
		flushes[i].fd = store->disk->open(
			store->disk, segment_folder(store, loading->kind), name, O_RDWR, 0);
		if (flushes[i].fd < 0) {
			loading->outcome =
				start_unusable(loading->why, "a segment cannot be opened");
			return i;
		}
	}
	return count;
}

static void segment_load_once(struct loading *loading, uint32_t number, struct disk_flush flushed)
{
	struct store *store = loading->store;

	if (segment_find(store, number))
		store->events.damage(store->events.owner,
			SLICE("two segments have the same number, one in seg and one in big; the "
			      "second is not read"));
	else
		segment_load(loading, number, flushed.fd, flushed.error);
}

/* [S] Flushed first: after a kill the page cache shows what the disk may not have. An error means
 * that it never will: nothing more is written to it. */
static void batch_load(struct loading *loading, const uint32_t *numbers, size_t count)
{
	struct store *store = loading->store;
	struct disk_flush flushes[LOADED_AT_ONCE];
	size_t opened = batch_open(loading, numbers, count, flushes);

	if (!MUTATED(START_WITHOUT_FLUSH))
		disk_sync_all(store->disk, flushes, opened);
	for (size_t i = 0; i < opened; i++) {
		if (loading->outcome == STORE_OPEN)
			segment_load_once(loading, numbers[i], flushes[i]);
		store->disk->close(store->disk, flushes[i].fd);
	}
}

/* What such a name held was never used; a removal that is not flushed may show it again, beside one
 * of the other class with the same number. */
static void blanks_remove(struct loading *loading)
{
	struct store *store = loading->store;
	char name[16];

	for (size_t i = 0; i < loading->blanks.count; i++) {
		number_name(name, loading->blanks.at[i], 6);
		if (store->disk->unlink(store->disk, segment_folder(store, loading->kind), name))
			store->tend_due = true; /* it stays, and is as blank at the next start */
	}
}

enum store_open segments_load(struct store *store, enum segment_class kind, struct text *why)
{
	struct loading loading = {.store = store, .kind = kind, .why = why, .outcome = STORE_OPEN};
	struct numbers *names = &loading.names;

	if (store->disk->list(store->disk, segment_folder(store, kind), name_seen, &loading) != 0)
		loading.outcome = start_unusable(why, "a folder of segments cannot be listed");
	if (names->count)
		qsort(names->at, names->count, sizeof *names->at, numbers_compare);
	for (size_t i = 0; i < names->count && loading.outcome == STORE_OPEN; i += LOADED_AT_ONCE)
		batch_load(&loading, names->at + i,
			names->count - i < LOADED_AT_ONCE ? names->count - i : LOADED_AT_ONCE);
	blanks_remove(&loading);
	free(names->at);
	free(loading.blanks.at);
	return loading.outcome;
}
