/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments as files: names, headers, writing out, recycling, removal. Who may do what in which
 * state is in STATES.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

enum {
	MAKE_SLICE = 512 << 10,
	MAKE_AT_ONCE = 4 << 20, /* where somebody waits for it */
};

static const char zeros[32 << 10];

void number_name(char name[16], uint32_t number, int digits)
{
	snprintf(name, 16, "%0*u", digits, number);
}

int segment_folder(const struct store *store, enum segment_class kind)
{
	return kind == SEGMENT_BIG ? store->big : store->small;
}

struct segment *segment_find(const struct store *store, uint32_t number)
{
	uint64_t key = number;

	return map_get(store->segments, map_key(&key));
}

/* So that what was in it is not taken for something that is: an entry of the index may outlive the
 * use of the segment that it names (kept_forget()). */
void segment_use_anew(struct store *store, struct segment *segment)
{
	if (segment->use)
		map_take(store->uses, map_key(&segment->use));
	do
		store->last_use = store->last_use % UINT32_MAX + 1;
	while (map_get(store->uses, map_key(&store->last_use)));
	segment->use = store->last_use;
	map_put(store->uses, map_key(&segment->use), segment);
}

struct segment *segment_add(struct store *store, enum segment_class kind, uint32_t number)
{
	struct segment *segment = calloc(1, sizeof *segment);

	panic_if(!segment, "out of memory");
	segment->number = number;
	segment->kind = kind;
	segment->fd = -1;
	segment->state = SEGMENT_DAMAGED;
	segment->known = SEGMENT_DATA_AT;
	list_append(&store->states[segment->state], &segment->link);
	panic_if(map_put(store->segments, map_key(&segment->number), segment),
		"two segments have the number %u", number);
	segment_use_anew(store, segment);
	if (number > store->last_number)
		store->last_number = number;
	return segment;
}

void segment_move(struct store *store, struct segment *segment, enum segment_state state)
{
	list_remove(&segment->link);
	segment->state = state;
	/* Of big files the one used last is used next: its pages are in the cache still. */
	if (state == SEGMENT_FREE && segment->kind == SEGMENT_BIG)
		list_prepend(&store->states[state], &segment->link);
	else
		list_append(&store->states[state], &segment->link);
	if (state != SEGMENT_ACTIVE)
		segment_close(store, segment);
	store->tend_due = true;
}

int segment_open(const struct store *store, const struct segment *segment, int flags)
{
	char name[16];

	number_name(name, (uint32_t)segment->number, 6);
	return store->disk->open(
		store->disk, segment_folder(store, segment->kind), name, flags, 0600);
}

int segment_reading(struct store *store, struct segment *segment)
{
	if (segment->fd < 0)
		segment->fd = segment_open(store, segment, O_RDONLY);
	return segment->fd;
}

void segment_close(struct store *store, struct segment *segment)
{
	if (segment->fd >= 0)
		store->disk->close(store->disk, segment->fd);
	segment->fd = -1;
}

struct spool_source segment_source(const struct store *store, const struct segment *segment, int fd)
{
	return (struct spool_source){store->disk, fd, (uint32_t)segment->number, segment->epoch};
}

size_t segment_count(const struct store *store, enum segment_state state, enum segment_class kind)
{
	size_t count = 0;

	LIST_EACH (const struct segment, segment, &store->states[state], link)
		count += segment->kind == kind;
	return count;
}

struct segment *segment_free(const struct store *store, enum segment_class kind)
{
	LIST_EACH (struct segment, segment, &store->states[SEGMENT_FREE], link)
		if (segment->kind == kind)
			return segment;
	return NULL;
}

/* [S] 64 random bits, new for each use and secret: no record of an earlier use and no bytes in a
 * body can pass for a record of this one. */
uint64_t epoch_new(const struct store *store)
{
	uint64_t epoch = 0;

	if (store->scale.epoch)
		return store->scale.epoch(store->scale.epoch_owner);
	while (epoch == 0)
		panic_if(getrandom(&epoch, sizeof epoch, 0) != sizeof epoch,
			"the system gives no random bytes");
	return epoch;
}

struct segment_header segment_header_of(const struct segment *segment)
{
	return (struct segment_header){
		.format = SPOOL_FORMAT,
		.segment_class = (uint8_t)segment->kind,
		.number = (uint32_t)segment->number,
		.generation = segment->generation,
		.epoch = segment->epoch,
		.size = segment->size,
	};
}

enum status segment_headers_write(struct store *store, const struct segment *segment, int fd)
{
	struct segment_header header = segment_header_of(segment);

	return header_pair_write(store, fd, &header);
}

static enum status zeros_write(struct disk *disk, int fd, uint64_t at, uint64_t size)
{
	while (size > 0) {
		struct slice part = {zeros, size < sizeof zeros ? (size_t)size : sizeof zeros};
		if (disk_write(disk, fd, part, (off_t)at) != STATUS_OK)
			return STATUS_FAILED;
		at += part.len;
		size -= part.len;
	}
	return STATUS_OK;
}

/* Writing out */

static enum status making_begin(struct store *store)
{
	struct making *making = &store->making;
	char name[16];

	making->number = ++store->last_number;
	making->written = 0;
	number_name(name, making->number, 6);
	making->fd =
		store->disk->open(store->disk, store->small, name, O_RDWR | O_CREAT | O_EXCL, 0600);
	return making->fd >= 0 ? STATUS_OK : STATUS_FAILED;
}

/* Disk full, or broken: the space goes back at once. */
static enum status making_fail(struct store *store, enum segment_class kind, uint32_t number)
{
	int error = errno;
	char name[16];

	number_name(name, number, 6);
	store->disk->unlink(store->disk, segment_folder(store, kind), name);
	errno = error ? error : EIO;
	return STATUS_FAILED;
}

/* Headers, then the name: only now does the segment exist. */
static enum status segment_finish(
	struct store *store, enum segment_class kind, uint32_t number, int fd)
{
	struct segment fresh = {
		.number = number,
		.kind = kind,
		.generation = 1,
		.epoch = epoch_new(store),
		.size = kind == SEGMENT_BIG ? SEGMENT_DATA_AT : store->scale.segment,
	};
	enum status status = segment_headers_write(store, &fresh, fd);

	if (status == STATUS_OK && !MUTATED(NAME_WITHOUT_FLUSH))
		status = disk_sync_folder(store->disk, segment_folder(store, kind));
	int error = errno;
	store->disk->close(store->disk, fd);
	errno = error;
	if (status != STATUS_OK)
		return making_fail(store, kind, number);
	struct segment *segment = segment_add(store, kind, number);
	segment->generation = fresh.generation;
	segment->epoch = fresh.epoch;
	segment->size = segment->file = fresh.size;
	segment_move(store, segment, SEGMENT_FREE);
	return STATUS_OK;
}

/* One slice of zeros, flushed: the loop is held up by no more. */
static enum status make_slice(struct store *store, uint64_t most, bool *ready)
{
	struct making *making = &store->making;

	*ready = false;
	if (making->fd < 0 && making_begin(store) != STATUS_OK)
		return STATUS_FAILED;
	uint64_t left = store->scale.segment - making->written;
	uint64_t size = left < most ? left : most;
	if (zeros_write(store->disk, making->fd, making->written, size) != STATUS_OK ||
		disk_sync(store->disk, making->fd) != STATUS_OK) {
		int error = errno;
		store->disk->close(store->disk, making->fd);
		making->fd = -1;
		errno = error;
		return making_fail(store, SEGMENT_SMALL, making->number);
	}
	making->written += size;
	if (making->written < store->scale.segment)
		return STATUS_OK;
	int fd = making->fd;
	making->fd = -1;
	*ready = true;
	return segment_finish(store, SEGMENT_SMALL, making->number, fd);
}

enum status segment_make_slice(struct store *store, bool *ready)
{
	return make_slice(store, MAKE_SLICE, ready);
}

/* A big file begins with its headers alone: how large its message will be, nobody knows yet. */
static enum status big_make(struct store *store)
{
	char name[16];
	uint32_t number = ++store->last_number;

	number_name(name, number, 6);
	int fd = store->disk->open(store->disk, store->big, name, O_RDWR | O_CREAT | O_EXCL, 0600);
	return fd < 0 ? STATUS_FAILED : segment_finish(store, SEGMENT_BIG, number, fd);
}

enum status segment_make_now(struct store *store, enum segment_class kind)
{
	if (kind == SEGMENT_BIG)
		return big_make(store);
	for (bool ready = false; !ready;)
		if (make_slice(store, MAKE_AT_ONCE, &ready) != STATUS_OK)
			return STATUS_FAILED;
	return STATUS_OK;
}

/* The reserve: a file of zeros that is removed when results or reports meet a full disk. */

enum status reserve_make(struct store *store)
{
	int fd = store->disk->open(store->disk, store->folder, "reserve", O_RDWR | O_CREAT, 0600);

	if (fd < 0)
		return STATUS_FAILED;
	off_t size = store->disk->size(store->disk, fd);
	enum status status = STATUS_OK;
	if (size < 0 || (uint64_t)size < store->scale.reserve)
		status = zeros_write(store->disk, fd, 0, store->scale.reserve);
	if (status == STATUS_OK)
		status = disk_sync(store->disk, fd);
	store->disk->close(store->disk, fd);
	store->reserved = status == STATUS_OK;
	if (status != STATUS_OK)
		store->disk->unlink(store->disk, store->folder, "reserve");
	return status;
}

/* After it, a FREE segment: mail is refused then, but what became of earlier mail is written. */
bool reserve_spend(struct store *store)
{
	store->tend_due = true;
	if (store->reserved) {
		store->reserved = false;
		return store->disk->unlink(store->disk, store->folder, "reserve") == 0;
	}
	struct segment *segment = segment_free(store, SEGMENT_SMALL);
	return segment && segment_remove(store, segment);
}
