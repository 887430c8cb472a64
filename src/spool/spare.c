/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spare segments: how many are kept FREE for the mail to come, and which are given back to the file
 * system instead (STATES.md, "Spare segments").
 */
#include "spool/keeping.h"

enum {
	AHEAD_MOST = 8,
	BIG_SIZE = 16 << 20, /* of larger files HUGE_MOST are kept */
	HUGE_MOST = 4,
	BIG_ROOM = 512 << 20, /* of the others together, and scale.big of them at most */
	NEARLY_FULL = 8,      /* segments' worth of room that is left */
};

/* What lies beside the spool (the journal, Maildirs) needs room as well: it is not kept from them
 * for mail that may never come. */
static bool disk_is_nearly_full(const struct store *store)
{
	return store->disk->left &&
	       store->disk->left(store->disk, store->folder) < NEARLY_FULL * store->scale.segment;
}

size_t spare_wanted(const struct store *store)
{
	return disk_is_nearly_full(store) ? store->scale.free : store->ahead;
}

void spare_missed(struct store *store)
{
	if (store->ahead < AHEAD_MOST)
		store->ahead++;
}

static bool small_is_surplus(const struct store *store, const struct segment *segment)
{
	if (segment_file(segment) < store->scale.segment) /* its room is gone */
		return true;
	size_t count = segment_count(store, SEGMENT_FREE, SEGMENT_SMALL);
	return count >= store->scale.small ||
	       (count >= store->scale.free && disk_is_nearly_full(store));
}

/* Blocks written before need no new metadata when they are used again, and on some disks are
 * written ten times as fast; pages of the cache are there still. What became of a message is heard
 * a moment later, so a stream of messages of 1 MB has a hundred files on their way. */
static bool big_is_surplus(const struct store *store, const struct segment *segment)
{
	uint64_t room = segment_file(segment);
	size_t count = 0, huge = 0;

	LIST_EACH (const struct segment, other, &store->states[SEGMENT_FREE], link) {
		bool is_huge = segment_file(other) > BIG_SIZE;
		count += other->kind == SEGMENT_BIG;
		huge += other->kind == SEGMENT_BIG && is_huge;
		room += other->kind == SEGMENT_BIG && !is_huge ? segment_file(other) : 0;
	}
	if (count >= store->scale.big || disk_is_nearly_full(store))
		return true;
	return segment_file(segment) > BIG_SIZE ? huge >= HUGE_MOST : room > BIG_ROOM;
}

bool segment_is_surplus(const struct store *store, const struct segment *segment)
{
	return segment->kind == SEGMENT_BIG ? big_is_surplus(store, segment)
					    : small_is_surplus(store, segment);
}

bool spare_give_back(struct store *store)
{
	struct segment *spare = segment_free(store, SEGMENT_BIG);

	if (!spare && segment_count(store, SEGMENT_FREE, SEGMENT_SMALL) > store->scale.free)
		spare = segment_free(store, SEGMENT_SMALL);
	return spare && disk_is_nearly_full(store) && segment_remove(store, spare);
}
