/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room that nobody will use: the rest of a SEALED segment behind its last record goes back to the
 * file system, so that one message that waits for days costs what it holds and not 16 MiB
 * (STATES.md, "Room").
 *
 * A few keep theirs: those are soon spent, and are used again as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/cursor.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

enum {
	WORTH = 16,             /* less than a 16th of a segment is not worth it */
	RECORD_MOST = 1 << 20,  /* bytes that a record's header may speak for */
	EPOCH_IN_RECORD_AT = 8, /* FORMAT.md */
	LOOKED_AT_ONCE = 64 << 10,
};

/* Where the mail of a segment ends, as its file says. */
struct extent {
	uint64_t end;
	bool unreadable;
};

static void records_measure(const struct spool_source *source, uint64_t size, struct extent *extent)
{
	struct walk walk;
	struct record record;
	uint64_t at;

	walk_begin(&walk, source, SEGMENT_DATA_AT, size, WALK_DENSE);
	while (walk_next(&walk, &record, &at)) {
		if (MUTATED(CUT_AT_DURABLE) && record.durable > extent->end)
			extent->end = record.durable;
		if (!MUTATED(CUT_AT_DURABLE))
			extent->end = walk.at;
	}
	extent->unreadable = walk.unreadable;
	walk_end(&walk);
}

static bool bears_epoch(const char *header, uint64_t epoch)
{
	struct reader in = reader_of((struct slice){header + EPOCH_IN_RECORD_AT, sizeof epoch});

	return read_u64(&in) == epoch;
}

/* A header that does not check may have been one of acknowledged mail: whatever bears this use's
 * epoch is left, with all that may belong to it. */
static void rest_measure(
	const struct spool_source *source, uint64_t size, char *room, struct extent *extent)
{
	for (uint64_t at = extent->end; at < size && !MUTATED(CUT_AT_DURABLE);
		at += LOOKED_AT_ONCE) {
		size_t got =
			disk_read_most(source->disk, source->fd, room, LOOKED_AT_ONCE, (off_t)at);
		extent->unreadable = extent->unreadable || errno != 0;
		for (size_t i = 0; i + RECORD_HEADER <= got; i += SPOOL_ALIGN)
			if (bears_epoch(room + i, source->epoch))
				extent->end = at + i + RECORD_MOST;
	}
}

/* Only of a file that was flushed and can be read to its end. */
static bool room_measure(struct store *store, const struct segment *segment, int fd, uint64_t *end)
{
	struct spool_source source = segment_source(store, segment, fd);
	off_t size = store->disk->size(store->disk, fd);
	struct extent extent = {.end = SEGMENT_DATA_AT};

	if (size < 0)
		return false;
	records_measure(&source, (uint64_t)size, &extent);
	extent.end = record_block_end(extent.end);
	arena_reset(store->scratch);
	rest_measure(&source, (uint64_t)size, arena_alloc(store->scratch, LOOKED_AT_ONCE), &extent);
	*end = extent.end;
	return !extent.unreadable && extent.end + SPOOL_BLOCK < (uint64_t)size;
}

/* A block behind the mail, which bears no epoch of this use: that it is written loses nothing. It
 * vouches for nothing in front of it either, its `durable` is 0. */
static enum status end_write(
	struct store *store, const struct segment *segment, int fd, uint64_t at)
{
	struct record end = {
		.type = RECORD_END,
		.version = RECORD_VERSION,
		.epoch = segment->epoch,
		.length = SPOOL_BLOCK - RECORD_HEADER,
	};

	memset(store->block, 0, SPOOL_BLOCK);
	end.payload_crc = crc32c(0, (struct slice){store->block, end.length});
	record_encode(&end, (uint32_t)segment->number, at, store->block);
	if (disk_write(store->disk, fd, (struct slice){store->block, SPOOL_BLOCK}, (off_t)at) !=
		STATUS_OK)
		return STATUS_FAILED;
	return disk_sync(store->disk, fd);
}

/* The header stays as it is: both copies would have to be written anew, and while one is, the epoch
 * of live mail stands in the other alone. */
static enum status end_tell(struct store *store, const struct segment *segment, int fd, uint64_t at)
{
	struct segment closer = *segment;

	closer.size = at + SPOOL_BLOCK;
	if (MUTATED(CUT_BEFORE_ITS_END))
		return STATUS_OK;
	if (MUTATED(END_IN_THE_HEADER))
		return segment_headers_write(store, &closer, fd);
	return end_write(store, segment, fd, at);
}

/* [S] A record says that this is the end, durably, before the file ends behind it: else a start
 * would take it for one that was cut short. */
static void room_cut(struct store *store, struct segment *segment, int fd, uint64_t end)
{
	if (end_tell(store, segment, fd, end) != STATUS_OK) {
		/* Never again on it, as after every failure; what it holds was flushed before. */
		segment_move(store, segment, SEGMENT_SUSPECT);
		return;
	}
	/* Not flushed: if a power cut brings the room back, the next start gives it back again. */
	if (store->disk->truncate(store->disk, fd, (off_t)(end + SPOOL_BLOCK)) == 0)
		segment->file = end + SPOOL_BLOCK;
}

bool room_was_given_back(const struct spool_source *source, uint64_t size)
{
	char header[RECORD_HEADER];
	struct record record;
	uint64_t at = size - SPOOL_BLOCK;

	return size >= SEGMENT_DATA_AT + SPOOL_BLOCK &&
	       disk_read(source->disk, source->fd, header, sizeof header, (off_t)at) == STATUS_OK &&
	       record_decode(header, source->segment, at, source->epoch, &record) &&
	       record.version == RECORD_VERSION && record.type == RECORD_END;
}

static void room_try(struct store *store, struct segment *segment)
{
	int fd = segment_open(store, segment, O_RDWR);
	uint64_t end;

	segment->tight = true; /* once in a life, whatever comes of it */
	if (fd < 0)
		return;
	if (disk_sync(store->disk, fd) != STATUS_OK)
		segment_move(store, segment, SEGMENT_SUSPECT);
	else if (room_measure(store, segment, fd, &end))
		room_cut(store, segment, fd, end);
	store->disk->close(store->disk, fd);
}

static bool segment_is_roomy(const struct store *store, const struct segment *segment)
{
	return segment->kind == SEGMENT_SMALL && segment->live > 0 && !segment->tight &&
	       segment->known >= segment->told &&
	       segment->file >= segment->used + store->scale.segment / WORTH;
}

bool room_give_back(struct store *store, size_t most)
{
	struct segment *oldest = NULL;
	size_t roomy = 0;

	LIST_EACH (struct segment, segment, &store->states[SEGMENT_SEALED], link)
		if (segment_is_roomy(store, segment)) {
			oldest = oldest ? oldest : segment;
			roomy++;
		}
	if (roomy <= most)
		return false;
	room_try(store, oldest);
	return true;
}
