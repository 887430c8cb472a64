/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a segment's use: recycling and removal, and who gets a FREE one. What must be flushed
 * before what is in STATES.md, "Recycling".
 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

void segment_event(struct segment *segment, uint64_t event)
{
	if (event > segment->last_event)
		segment->last_event = event;
}

bool segment_is_spent(const struct store *store, const struct segment *segment)
{
	if (segment->state != SEGMENT_SEALED && segment->state != SEGMENT_SUSPECT)
		return false;
	if (segment->last_event > store->heard_safe && !MUTATED(RECYCLED_UNHEARD))
		return false;
	if (segment->told > segment->known)
		return false;
	return segment->live == 0 && segment->holds == 0 && !segment_is_leaned_on(store, segment);
}

static void segment_tell_forgotten(struct store *store, const struct segment *segment)
{
	for (size_t i = 0; i < FORGETTERS && store->forgetters[i].forget; i++)
		store->forgetters[i].forget(store->forgetters[i].owner, (uint32_t)segment->number);
}

/* [S] After a failed flush the page cache shows the new header and the disk may have the old one. A
 * start that believed the cache would forget results that the next power cut makes needed again; so
 * the old header is put back where it is seen. Whether it reaches the disk does not matter. */
static void header_put_back(struct store *store, struct segment *segment, int fd)
{
	struct segment_header header = segment_header_of(segment);

	segment_header_encode(&header, store->block);
	for (off_t at = 0; at < SEGMENT_DATA_AT; at += SPOOL_BLOCK)
		if (disk_write(store->disk, fd, (struct slice){store->block, SPOOL_BLOCK}, at) !=
			STATUS_OK)
			continue; /* the other copy may still go */
}

/* The file keeps its size from use to use; old records in it have another epoch. */
uint64_t segment_file(const struct segment *segment)
{
	return segment->told > segment->file ? segment->told : segment->file;
}

/* [S] New generation and epoch, flushed; only then may the segment be handed out, and only then may
 * the results of its messages be forgotten: else the old header returns, and its mail with it. */
static bool segment_recycle(struct store *store, struct segment *segment)
{
	struct segment fresh = *segment;
	int fd = segment_open(store, segment, O_RDWR);

	if (fd < 0)
		return false;
	fresh.generation++;
	fresh.epoch = MUTATED(EPOCH_STAYS) ? segment->epoch : epoch_new(store);
	enum status status = segment_headers_write(store, &fresh, fd);
	if (status != STATUS_OK && !MUTATED(FAILED_HEADER_STAYS))
		header_put_back(store, segment, fd);
	store->disk->close(store->disk, fd);
	if (status != STATUS_OK) {
		/* Which header the disk has is not known: never used, never forgotten. */
		segment_move(store, segment, SEGMENT_DAMAGED);
		damage_tell(store, segment, 0, 0, "its new header could not be written", 0);
		return false;
	}
	segment->generation = fresh.generation;
	segment->epoch = fresh.epoch;
	segment_forget_shown(store, segment);
	segment_use_anew(store, segment);
	segment->file = segment_file(segment);
	segment->known = segment->told = segment->used = SEGMENT_DATA_AT;
	segment->tight = false;
	segment->live_bytes = segment->all_bytes = segment->last_event = 0;
	segment->sparse_since = 0;
	segment_move(store, segment, SEGMENT_FREE);
	return true;
}

void segment_free_memory(struct segment *segment)
{
	free(segment->shown);
	free(segment->damages);
	free(segment);
}

/* [S] The same for a removal: the results are kept until the name is gone from the disk. */
bool segment_remove(struct store *store, struct segment *segment)
{
	char name[16];
	int folder = segment_folder(store, segment->kind);

	number_name(name, (uint32_t)segment->number, 6);
	if (store->disk->unlink(store->disk, folder, name) != 0 ||
		(!MUTATED(REMOVED_WITHOUT_FLUSH) &&
			disk_sync_folder(store->disk, folder) != STATUS_OK)) {
		segment_move(store, segment, SEGMENT_DAMAGED);
		damage_tell(store, segment, 0, 0, "it could not be removed", 0);
		return false;
	}
	segment_forget_shown(store, segment);
	segment_close(store, segment);
	list_remove(&segment->link);
	map_take(store->segments, map_key(&segment->number));
	map_take(store->uses, map_key(&segment->use));
	segment_free_memory(segment);
	return true;
}

/* What is surplus is removed, long after the message's path has ended. */
bool segment_retire(struct store *store, struct segment *segment)
{
	segment_tell_forgotten(store, segment);
	if (segment->holds > 0)
		return false;
	if (segment->state == SEGMENT_SUSPECT || segment_is_surplus(store, segment))
		return segment_remove(store, segment);
	return segment_recycle(store, segment);
}

static bool spent_retire_one(struct store *store, enum segment_class kind)
{
	LIST_EACH (struct segment, segment, &store->states[SEGMENT_SEALED], link)
		if (segment->kind == kind && segment_is_spent(store, segment))
			return segment_retire(store, segment);
	return false;
}

struct segment *segment_take(struct store *store, enum segment_class kind, size_t least)
{
	while (segment_count(store, SEGMENT_FREE, kind) <= least) {
		if (spent_retire_one(store, kind))
			continue;
		/* Somebody waits for it: from now on more are made ready ahead. */
		if (kind == SEGMENT_SMALL)
			spare_missed(store);
		if (segment_make_now(store, kind) != STATUS_OK && !room_give_back(store, 0))
			return NULL;
	}
	return segment_free(store, kind);
}
