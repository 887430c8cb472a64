/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage: remembered with its segment, said, and copied to damaged/ once. And giving it up. The
 * contract is in damage.h; saving what can be read is in salvage.c.
 */
#include "spool/damage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/panic.h"
#include "spool/keeping.h"

/* Copying */

static void bytes_copy(struct store *store, int from_fd, int to_fd, uint64_t from, uint64_t to)
{
	enum { AT_ONCE = 64 << 10 };
	char *buffer = malloc(AT_ONCE);

	panic_if(!buffer, "out of memory");
	for (uint64_t at = from; at < to;) {
		size_t want = to - at < AT_ONCE ? (size_t)(to - at) : AT_ONCE;
		size_t got = disk_read_most(store->disk, from_fd, buffer, want, (off_t)at);
		if (got > 0 && disk_write(store->disk, to_fd, (struct slice){buffer, got},
				       (off_t)(at - from)) != STATUS_OK)
			break;
		at += got == want ? got : got + SPOOL_BLOCK; /* past what cannot be read */
		if (got == 0 && errno == 0)
			break;
	}
	free(buffer);
}

/* "seg-000017-": the offset follows. */
static void copy_name(
	char *copy, size_t size, const struct store *store, int folder, const char *name)
{
	const char *kind = folder == store->small ? "seg"
			   : folder == store->big ? "big"
						  : "results";

	snprintf(copy, size, "%s-%s-", kind, name);
}

void damage_copy(
	struct store *store, int folder, uint32_t number, int digits, uint64_t from, uint64_t to)
{
	char name[16], copy[64];

	number_name(name, number, digits);
	copy_name(copy, sizeof copy, store, folder, name);
	snprintf(copy + strlen(copy), sizeof copy - strlen(copy), "%llu", (unsigned long long)from);
	int to_fd = store->disk->open(
		store->disk, store->damaged, copy, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (to_fd < 0)
		return; /* there already, or no room: the original stays where it is */
	int from_fd = store->disk->open(store->disk, folder, name, O_RDONLY, 0);
	if (from_fd >= 0) {
		bytes_copy(store, from_fd, to_fd, from, to);
		store->disk->close(store->disk, from_fd);
	}
	if (disk_sync(store->disk, to_fd) != STATUS_OK ||
		disk_sync_folder(store->disk, store->damaged) != STATUS_OK)
		store->tend_due =
			true; /* the copy may be incomplete, the original is not touched */
	store->disk->close(store->disk, to_fd);
}

/* Telling */

/* False: it is known already. */
static bool damage_note(struct segment *segment, const struct damage *damage)
{
	for (size_t i = 0; i < segment->damage_count; i++)
		if (segment->damages[i].from == damage->from &&
			segment->damages[i].id == damage->id &&
			strcmp(segment->damages[i].what, damage->what) == 0)
			return false;
	if (segment->damage_count == segment->damage_size) {
		segment->damage_size = segment->damage_size ? 2 * segment->damage_size : 4;
		segment->damages = realloc(segment->damages, segment->damage_size * sizeof *damage);
		panic_if(!segment->damages, "out of memory");
	}
	segment->damages[segment->damage_count++] = *damage;
	return true;
}

static void damage_say(struct store *store, const struct damage *damage)
{
	struct text words = TEXT_GROWING;

	text_format(&words, "%s/%06u", damage->kind == SEGMENT_BIG ? "big" : "seg",
		(unsigned)damage->segment);
	if (damage->to > damage->from)
		text_format(&words, " bytes %llu to %llu", (unsigned long long)damage->from,
			(unsigned long long)damage->to);
	text_format(&words, ": %s", damage->what);
	if (damage->id) {
		text_put(&words, SLICE(" (message "));
		text_id(&words, damage->id);
		text_put(&words, SLICE(")"));
	}
	text_put(&words, SLICE("; the file is kept until it is salvaged or discarded"));
	store->events.damage(store->events.owner, text_slice(&words));
	text_free(&words);
}

void damage_tell(struct store *store, struct segment *segment, uint64_t from, uint64_t to,
	const char *what, uint64_t id)
{
	struct damage damage = {(uint32_t)segment->number, segment->kind, from, to, id, what};

	if (!damage_note(segment, &damage))
		return;
	if (to > from)
		damage_copy(
			store, segment_folder(store, segment->kind), damage.segment, 6, from, to);
	damage_say(store, &damage);
}

void store_damage_each(const struct store *store,
	void (*see)(void *owner, const struct damage *damage), void *owner)
{
	size_t at = 0;

	for (struct segment *segment; (segment = map_next(store->segments, &at));)
		for (size_t i = 0; i < segment->damage_count; i++)
			see(owner, &segment->damages[i]);
}

/* One that was cleared stays SUSPECT: it goes when the queue is done with what is left in it. */
void segment_damaged(struct store *store, struct segment *segment)
{
	if (!segment->cleared && segment->state != SEGMENT_ACTIVE)
		segment_move(store, segment, SEGMENT_DAMAGED);
}

/* What was found while it was ACTIVE counts now. */
void segment_settle(struct store *store, struct segment *segment, enum segment_state sound)
{
	segment_move(store, segment, segment->damage_count ? SEGMENT_DAMAGED : sound);
	segment_shown_trim(segment);
}

/* Of a big message the whole file is copied: any chunk of it may be what is wrong. */
void message_damaged(
	struct store *store, struct segment *segment, uint64_t at, uint32_t length, uint64_t id)
{
	uint64_t from = segment->kind == SEGMENT_BIG ? SEGMENT_DATA_AT : at;

	damage_tell(store, segment, from, at + record_extent(length),
		"an acknowledged message cannot be read", id);
	segment_damaged(store, segment);
}

void store_mark_damaged(struct store *store, const struct stored *stored)
{
	struct segment *segment = segment_find(store, stored->segment);

	if (segment)
		message_damaged(store, segment, stored->at, stored->length, stored->id);
}

/* Clearing */

/* The sound messages that are left move, as stragglers do; of what is damaged nothing moves. */
static enum status sound_ones_move(struct store *store, struct segment *segment)
{
	for (size_t i = 0; i < segment->shown_count; i++) {
		struct kept *kept = segment_shown(store, segment, i);
		if (kept->use != segment->use || kept->left == 0)
			continue;
		switch (own_copy(store, kept)) {
		case COPY_MADE:
		case COPY_UNREADABLE: break;
		case COPY_FAILED: return STATUS_FAILED;
		}
	}
	return STATUS_OK;
}

enum clearing clearing_begin(struct store *store, uint32_t number, struct segment **found)
{
	struct segment *segment = segment_find(store, number);

	if (!segment)
		return CLEARING_UNKNOWN;
	if (segment->state != SEGMENT_DAMAGED)
		return CLEARING_SOUND;
	if (segment->holds > 0)
		return CLEARING_BUSY;
	*found = segment;
	if (segment->kind == SEGMENT_SMALL && sound_ones_move(store, segment) != STATUS_OK)
		return CLEARING_FAILED;
	return CLEARING_DONE;
}

void clearing_end(struct store *store, struct segment *segment)
{
	/* The queue never heard of these: nobody else ends them. */
	for (size_t i = 0; i < segment->shown_count; i++) {
		struct kept *kept = segment_shown(store, segment, i);
		if (kept->use == segment->use && kept->left > 0 && kept->recipients == 0) {
			kept->left = 0;
			kept_end(store, kept);
		}
	}
	segment->cleared = true;
	segment->damage_count = 0;
	segment_move(store, segment, SEGMENT_SUSPECT);
}

struct discarding {
	struct store *store;
	char start[64];
};

static void copy_remove(void *owner, const char *name)
{
	struct discarding *discarding = owner;
	struct store *store = discarding->store;

	if (strncmp(name, discarding->start, strlen(discarding->start)) == 0 &&
		store->disk->unlink(store->disk, store->damaged, name) != 0)
		store->tend_due = true; /* it stays, for an administrator to remove */
}

enum clearing store_discard(struct store *store, uint32_t number)
{
	struct segment *segment;
	struct discarding discarding = {.store = store};
	char name[16];
	enum clearing clearing = clearing_begin(store, number, &segment);

	if (clearing != CLEARING_DONE)
		return clearing;
	number_name(name, number, 6);
	copy_name(discarding.start, sizeof discarding.start, store,
		segment_folder(store, segment->kind), name);
	if (store->disk->list(store->disk, store->damaged, copy_remove, &discarding) != 0)
		return CLEARING_FAILED;
	clearing_end(store, segment);
	return CLEARING_DONE;
}
