/* SPDX-License-Identifier: Apache-2.0 */
/* The store's life between start-up and end: giving segments, learning of mail, tending. The
 * contract is in store.h. */
#include "spool/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

enum {
	RETIRE_AT_ONCE = 1,
};

void store_close(struct store *store)
{
	size_t at = 0;
	int folders[] = {store->small, store->big, store->results_folder, store->damaged,
		store->lock, store->making.fd};

	own_close(store);
	checkpoint_forget(store);
	text_free(&store->gathered);
	results_close(store);
	facts_free(store);
	for (struct segment *segment; (segment = map_next(store->segments, &at));) {
		segment_close(store, segment);
		segment_free_memory(segment);
	}
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (folders[i] >= 0)
			store->disk->close(store->disk, folders[i]);
	map_free(store->segments);
	map_free(store->uses);
	kept_close(store);
	arena_free(store->scratch);
	free(store->batch);
	free(store->pending);
	free(store);
}

/* Writers */

/* One FREE small segment stays for the store's own reports: `least`. */
int store_give(
	struct store *store, enum segment_class kind, unsigned writer, struct spooling_give *give)
{
	struct segment *segment = segment_take(store, kind, kind == SEGMENT_SMALL ? 1 : 0);
	int fd = segment ? segment_open(store, segment, O_RDWR) : -1;

	if (fd < 0)
		return -1;
	segment->writer = writer;
	segment_move(store, segment, SEGMENT_ACTIVE);
	store->free_wanted =
		segment_count(store, SEGMENT_FREE, SEGMENT_SMALL) < spare_wanted(store);
	give->segment_class = (uint8_t)kind;
	give->number = (uint32_t)segment->number;
	give->epoch = segment->epoch;
	give->size = segment->size;
	return fd;
}

/* What an edge says is checked: it may be another's segment, or one of an earlier use. */
static struct segment *segment_written(struct store *store, uint32_t number, uint64_t epoch)
{
	struct segment *segment = segment_find(store, number);

	if (!segment || segment->epoch != epoch || segment->state != SEGMENT_ACTIVE ||
		segment->writer == OWN_WRITER)
		return NULL;
	return segment;
}

/* Every byte below `durable` was acknowledged, or filled up to a block. */
static void committed_gap(struct store *store, struct segment *segment, const struct walk *walk)
{
	if (walk->gap_from < walk->gap_to)
		damage_tell(store, segment, walk->gap_from, walk->gap_to,
			"acknowledged mail cannot be read here", 0);
}

static void committed_walk(struct store *store, struct segment *segment, uint64_t durable)
{
	struct walk walk;
	struct record record;
	uint64_t at;
	struct spool_source source =
		segment_source(store, segment, segment_reading(store, segment));

	/* One pread for a group of the usual size: the walk reads no further than `durable`. */
	walk_begin(&walk, &source, segment->known, durable,
		segment->kind == SEGMENT_BIG ? WALK_SPARSE : WALK_DENSE);
	while (walk_next(&walk, &record, &at)) {
		committed_gap(store, segment, &walk);
		if (record.type != RECORD_MESSAGE || !record_is_known(&record) ||
			kept_find(store, record.id, record.origin))
			continue;
		struct kept *kept = kept_put(store, segment, &record, at, STANDS_PROVEN);
		if (!kept_announce(store, kept, &walk))
			message_damaged(store, segment, at, record.length, record.id);
	}
	committed_gap(store, segment, &walk);
	walk_end(&walk);
	segment->known = durable;
}

/* [S] Where there is no descriptor now `known` stays behind `told`: the segment is not used again
 * until what was acknowledged in it has been read. */
static void segment_read_on(struct store *store, struct segment *segment)
{
	int fd = segment_reading(store, segment);
	off_t size = fd < 0 ? -1 : store->disk->size(store->disk, fd);

	if (size < 0) {
		store->behind = store->tend_due = true;
		return;
	}
	if (segment->told <= (uint64_t)size)
		committed_walk(store, segment, segment->told);
	segment->told = segment->known; /* or a lie: there is no such place in the file */
	segment->used = segment->known + SPOOL_BLOCK;
}

static void segment_committed(struct store *store, struct segment *segment, uint64_t durable)
{
	if (durable > segment->told)
		segment->told = durable;
	if (segment->told > segment->known)
		segment_read_on(store, segment);
}

/* Those whose mail could not be read when it was told. */
static void behind_tend(struct store *store)
{
	static const enum segment_state states[] = {
		SEGMENT_ACTIVE, SEGMENT_SEALED, SEGMENT_SUSPECT, SEGMENT_DAMAGED};

	if (!store->behind)
		return;
	store->behind = false;
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		LIST_EACH (struct segment, segment, &store->states[states[i]], link) {
			if (segment->told <= segment->known)
				continue;
			segment_read_on(store, segment);
			if (segment->state != SEGMENT_ACTIVE)
				segment_close(store, segment);
			if (segment->state != SEGMENT_ACTIVE && segment->damage_count)
				segment_damaged(store, segment);
		}
}

void store_committed(struct store *store, uint32_t number, uint64_t epoch, uint64_t durable)
{
	struct segment *segment = segment_written(store, number, epoch);

	if (segment)
		segment_committed(store, segment, durable);
}

void store_done(struct store *store, uint32_t number, uint64_t epoch, uint64_t durable)
{
	struct segment *segment = segment_written(store, number, epoch);

	if (!segment)
		return;
	segment_committed(store, segment, durable);
	segment_settle(store, segment, SEGMENT_SEALED);
}

void store_suspect(struct store *store, uint32_t number, uint64_t epoch, uint64_t durable)
{
	struct segment *segment = segment_written(store, number, epoch);

	if (!segment)
		return;
	segment_committed(store, segment, durable);
	segment_settle(store, segment, SEGMENT_SUSPECT);
}

/* Steps 2 to 5 of start-up for one segment, from the last offset known. */
static void segment_orphaned(struct store *store, struct segment *segment)
{
	int fd = segment_open(store, segment, O_RDWR);

	if (fd < 0) {
		segment_move(store, segment, SEGMENT_DAMAGED);
		damage_tell(store, segment, 0, 0, "its writer died and it cannot be opened", 0);
		return;
	}
	enum segment_state sound =
		MUTATED(START_WITHOUT_FLUSH) || disk_sync(store->disk, fd) == STATUS_OK
			? SEGMENT_SEALED
			: SEGMENT_SUSPECT;
	segment_survey(store, segment, fd, segment->known, sound);
	segment_announce(store, segment, fd);
	store->disk->close(store->disk, fd);
}

void store_writer_died(struct store *store, unsigned writer)
{
	LIST_EACH (struct segment, segment, &store->states[SEGMENT_ACTIVE], link)
		if (segment->writer == writer)
			segment_orphaned(store, segment);
}

/* Readers */

int store_open_segment(
	struct store *store, uint32_t number, uint64_t *epoch, enum segment_class *kind)
{
	struct segment *segment = segment_find(store, number);

	if (!segment) {
		errno = ENOENT;
		return -1;
	}
	*epoch = segment->epoch;
	*kind = segment->kind;
	return segment_open(store, segment, O_RDONLY);
}

void store_hold(struct store *store, uint32_t number)
{
	struct segment *segment = segment_find(store, number);

	panic_if(!segment, "segment %u is held, but there is none", number);
	segment->holds++;
}

void store_release(struct store *store, uint32_t number)
{
	struct segment *segment = segment_find(store, number);

	panic_if(!segment || segment->holds == 0, "segment %u is released, but nobody holds it",
		number);
	if (--segment->holds == 0)
		store->tend_due = true;
}

void store_on_forget(struct store *store, void (*forget)(void *owner, uint32_t number), void *owner)
{
	for (size_t i = 0; i < FORGETTERS; i++)
		if (!store->forgetters[i].forget) {
			store->forgetters[i].forget = forget;
			store->forgetters[i].owner = owner;
			return;
		}
	panic("too many want to hear of forgotten segments");
}

enum read_back store_read(struct store *store, const struct stored *stored, struct arena *arena,
	struct message *message, struct slice *payload)
{
	struct segment *segment = segment_find(store, stored->segment);
	int fd = segment ? segment_open(store, segment, O_RDONLY) : -1;
	struct record record;

	if (fd < 0)
		return READ_FAILED;
	struct spool_source source = segment_source(store, segment, fd);
	enum spool_read read = spool_read_payload(&source, stored->at, arena, &record, payload);
	store->disk->close(store->disk, fd);
	if (read == SPOOL_READ_FAILED)
		return READ_FAILED;
	if (read == SPOOL_READ_OK && record.id == stored->id && record.origin == stored->origin &&
		message_decode(*payload, arena, message))
		return READ_OK;
	message_damaged(store, segment, stored->at, stored->length, stored->id);
	return READ_DAMAGED;
}

/* Tending */

/* One at a time: each costs two flushes. True: there are more. */
static bool spent_retire(struct store *store)
{
	static const enum segment_state states[] = {SEGMENT_SEALED, SEGMENT_SUSPECT};
	size_t retired = 0;

	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		LIST_EACH (struct segment, segment, &store->states[states[i]], link) {
			if (segment->live == 0 && segment->last_event > store->heard_safe &&
				segment->last_event <= store->heard)
				store->results.due = store->results.end; /* HEARD is flushed */
			if (!segment_is_spent(store, segment))
				continue;
			if (retired++ == RETIRE_AT_ONCE)
				return true;
			if (!segment_retire(store, segment))
				return false;
		}
	return false;
}

/* True: a checkpoint is being made. */
static bool results_tend(struct store *store)
{
	const struct results *results = &store->results;
	bool due = results->end > store->scale.checkpoint && results->end > 2 * results->begun;

	if (results->broken && results_checkpoint(store) != STATUS_OK)
		store->tend_due = true;
	else if (store->checkpoint)
		return checkpoint_go_on(store);
	else if (due)
		checkpoint_begin(store);
	return store->checkpoint != NULL;
}

/* The reserve comes back once there is room for more than what is needed at once. */
static void reserve_tend(struct store *store)
{
	if (!store->reserved && reserve_make(store) != STATUS_OK)
		store->reserved =
			false; /* the disk is still full: tried again after the next change */
}

/* Segments are written out ahead of need; a full disk stops that until something is freed. */
static bool free_tend(struct store *store)
{
	bool ready = false;

	store->free_wanted = false;
	if (store->making.fd < 0 &&
		segment_count(store, SEGMENT_FREE, SEGMENT_SMALL) >= spare_wanted(store)) {
		reserve_tend(store);
		return false;
	}
	return segment_make_slice(store, &ready) == STATUS_OK;
}

bool store_wants_tending(const struct store *store)
{
	return store->free_wanted;
}

bool store_tend(struct store *store, wall_ns now)
{
	store_write_results(store);
	own_tend(store, now);
	bool moving = copies_tend(store, now);

	moving = spare_give_back(store) || moving;
	if (!store->tend_due)
		return moving;
	store->tend_due = false;
	behind_tend(store);
	bool more = results_tend(store);
	if (!kept_forget(store) && !store->results.broken && !store->results.flushing)
		more = spent_retire(store) || more;
	more = more || store->forgotten;
	if (!more)
		more = room_give_back(store, store->scale.roomy);
	if (!more || store->free_wanted)
		more = free_tend(store) || more;
	store->tend_due = store->tend_due || more;
	return more || moving;
}

struct store_counts store_count(const struct store *store)
{
	struct store_counts counts = {.messages = store->live, .bytes = store->live_bytes};

	for (size_t i = 0; i < SEGMENT_STATES; i++)
		counts.segments[i] = segment_count(store, (enum segment_state)i, SEGMENT_SMALL) +
				     segment_count(store, (enum segment_state)i, SEGMENT_BIG);
	return counts;
}

size_t store_memory(const struct store *store)
{
	size_t bytes = slab_memory(store->kept) + table_memory(store->messages), at = 0;

	for (struct segment *segment; (segment = map_next(store->segments, &at));)
		bytes += sizeof *segment + segment->shown_size * sizeof *segment->shown;
	return bytes;
}
