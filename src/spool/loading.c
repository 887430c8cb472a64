/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up, steps 2 to 4: every segment's file is flushed, its header believed or not, its records
 * judged (survey.c). STATES.md, "Start-up".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

struct loading {
	struct store *store;
	enum segment_class kind;
	struct text *why;
	enum store_open outcome;
	uint32_t *blanks; /* numbers of files of zeros */
	size_t blank_count;
};

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
	size_t size = (loading->blank_count + 1) * sizeof *loading->blanks;

	loading->blanks = realloc(loading->blanks, size);
	panic_if(!loading->blanks, "out of memory");
	loading->blanks[loading->blank_count++] = number;
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

static void segment_load(struct loading *loading, const char *name, uint32_t number, int fd)
{
	struct store *store = loading->store;
	struct segment_header header = {0};
	/* [S] Flushed first: after a kill the page cache shows what the disk may not have. An error
	 * means that it never will: nothing more is written to it. */
	enum segment_state sound =
		MUTATED(START_WITHOUT_FLUSH) || disk_sync(store->disk, fd) == STATUS_OK
			? SEGMENT_SEALED
			: SEGMENT_SUSPECT;
	enum header_read read = header_pair_read(store, fd, &header);

	if (read == HEADER_DAMAGED && file_is_blank(store, fd)) {
		blank_note(loading, number);
		return;
	}
	if (read == HEADER_NEWER) {
		text_format(loading->why,
			"segment %s has format %u, newer than format %d, the newest this program "
			"knows",
			name, header.format, SPOOL_FORMAT);
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
}

static void segment_name_seen(void *owner, const char *name)
{
	struct loading *loading = owner;
	struct store *store = loading->store;
	uint64_t number;
	int folder = segment_folder(store, loading->kind);

	if (loading->outcome != STORE_OPEN || !slice_number(slice_of(name), UINT32_MAX, &number))
		return;
	if (segment_find(store, (uint32_t)number)) {
		store->events.damage(store->events.owner,
			SLICE("two segments have the same number, one in seg and one in big; the "
			      "second is not read"));
		return;
	}
	int fd = store->disk->open(store->disk, folder, name, O_RDWR, 0);
	if (fd < 0) {
		loading->outcome = start_unusable(loading->why, "a segment cannot be opened");
		return;
	}
	segment_load(loading, name, (uint32_t)number, fd);
	store->disk->close(store->disk, fd);
}

/* Removed behind the listing. What such a name held was never used; a removal that is not flushed
 * may show it again, beside one of the other class with the same number. */
static void blanks_remove(struct loading *loading)
{
	struct store *store = loading->store;
	char name[16];

	for (size_t i = 0; i < loading->blank_count; i++) {
		number_name(name, loading->blanks[i], 6);
		if (store->disk->unlink(store->disk, segment_folder(store, loading->kind), name))
			store->tend_due = true; /* it stays, and is as blank at the next start */
	}
	free(loading->blanks);
}

enum store_open segments_load(struct store *store, enum segment_class kind, struct text *why)
{
	struct loading loading = {.store = store, .kind = kind, .why = why, .outcome = STORE_OPEN};
	int folder = segment_folder(store, kind);

	if (store->disk->list(store->disk, folder, segment_name_seen, &loading) != 0 &&
		loading.outcome == STORE_OPEN)
		loading.outcome = start_unusable(why, "a folder of segments cannot be listed");
	blanks_remove(&loading);
	return loading.outcome;
}
