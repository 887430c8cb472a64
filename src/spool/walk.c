/* SPDX-License-Identifier: Apache-2.0 */
/* Walking over records. The contract is in walk.h. */
#include "spool/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

void walk_begin(struct walk *walk, const struct spool_source *source, uint64_t from, uint64_t end,
	size_t step)
{
	*walk = (struct walk){.source = *source, .at = from, .end = end, .step = step};
}

void walk_end(struct walk *walk)
{
	free(walk->window);
	walk->window = NULL;
}

static void window_grow(struct walk *walk, size_t size)
{
	if (size <= walk->window_size)
		return;
	char *window = realloc(walk->window, size);
	panic_if(!window, "out of memory: %zu bytes", size);
	walk->window = window;
	walk->window_size = size;
}

/* A block that the disk refuses hides itself and no other: it is taken as zeros. */
static size_t window_read(struct walk *walk, uint64_t at, size_t size)
{
	const struct spool_source *source = &walk->source;
	size_t got = disk_read_most(source->disk, source->fd, walk->window, size, (off_t)at);

	if (got > 0 || errno == 0)
		return got;
	size_t block = (size_t)(SPOOL_BLOCK - at % SPOOL_BLOCK);
	block = block < size ? block : size;
	got = disk_read_most(source->disk, source->fd, walk->window, block, (off_t)at);
	if (got == 0 && errno != 0) {
		memset(walk->window, 0, block);
		walk->unreadable = true;
		return block;
	}
	return got;
}

/* The bytes from `at` on, `size` of them or as many as there are. */
static struct slice walk_bytes(struct walk *walk, uint64_t at, size_t size)
{
	if (at >= walk->end)
		return SLICE_NONE;
	if (size > walk->end - at)
		size = (size_t)(walk->end - at);
	if (at < walk->window_at || at + size > walk->window_at + walk->window_len) {
		size_t most = size > walk->step ? size : walk->step;
		if (most > walk->end - at)
			most = (size_t)(walk->end - at);
		window_grow(walk, most);
		walk->window_len = window_read(walk, at, most);
		walk->window_at = at;
	}
	struct slice window = {walk->window, walk->window_len};
	size_t skip = (size_t)(at - walk->window_at);
	return slice_part(window, skip, skip + size);
}

bool walk_next(struct walk *walk, struct record *record, uint64_t *at)
{
	walk->gap_from = walk->gap_to = walk->at;
	while (walk->at + RECORD_HEADER <= walk->end) {
		struct slice header = walk_bytes(walk, walk->at, RECORD_HEADER);
		if (header.len < RECORD_HEADER)
			break;
		uint64_t here = walk->at;
		if (record_decode(
			    header.at, walk->source.segment, here, walk->source.epoch, record)) {
			walk->gap_to = *at = here;
			walk->at = here + record_extent(record->length);
			return true;
		}
		walk->at += SPOOL_ALIGN;
	}
	walk->gap_to = walk->end > walk->gap_from ? walk->end : walk->gap_from;
	return false;
}

bool walk_record(struct walk *walk, uint64_t at, struct record *record)
{
	struct slice header = walk_bytes(walk, at, RECORD_HEADER);

	return header.len == RECORD_HEADER &&
	       record_decode(header.at, walk->source.segment, at, walk->source.epoch, record);
}

struct slice walk_payload(
	struct walk *walk, uint64_t at, const struct record *record, uint32_t most)
{
	uint32_t length = record->length < most ? record->length : most;

	return walk_bytes(walk, at + RECORD_HEADER, length);
}
