/* SPDX-License-Identifier: Apache-2.0 */
/* The two copies of a file's header: writing, reading, repairing them. */
#include <stdlib.h>

#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

/* [S] The header stands twice. One copy is durable before the other is touched: a crash that tears
 * one leaves the other whole, the old or the new. */
enum status header_pair_write(struct store *store, int fd, const struct segment_header *header)
{
	segment_header_encode(header, store->block);
	for (off_t at = 0; at < SEGMENT_DATA_AT; at += SPOOL_BLOCK) {
		if (MUTATED(HEADER_STANDS_ONCE) && at > 0)
			break;
		if (disk_write(store->disk, fd, (struct slice){store->block, SPOOL_BLOCK}, at) !=
			STATUS_OK)
			return STATUS_FAILED;
		if (!MUTATED(RECYCLED_WITHOUT_FLUSH) && disk_sync(store->disk, fd) != STATUS_OK)
			return STATUS_FAILED;
	}
	return STATUS_OK;
}

enum header_read header_pair_read(struct store *store, int fd, struct segment_header *header)
{
	enum header_read best = HEADER_DAMAGED;

	for (off_t at = 0; at < SEGMENT_DATA_AT; at += SPOOL_BLOCK) {
		struct segment_header seen;
		if (disk_read(store->disk, fd, store->block, SPOOL_BLOCK, at) != STATUS_OK)
			continue;
		enum header_read read = segment_header_decode(store->block, &seen);
		if (read == HEADER_DAMAGED)
			continue;
		if (best == HEADER_DAMAGED || seen.generation > header->generation) {
			best = read;
			*header = seen;
		}
	}
	return best;
}

/* Whether the copy at `at` is this header; `before` has room for its bytes. */
static bool header_stands(struct store *store, int fd, const struct segment_header *header,
	off_t at, char before[SPOOL_BLOCK])
{
	struct segment_header seen;

	return disk_read(store->disk, fd, before, SPOOL_BLOCK, at) == STATUS_OK &&
	       segment_header_decode(before, &seen) == HEADER_OK &&
	       seen.generation == header->generation && seen.epoch == header->epoch;
}

/* [S] A crash between the two writes leaves the new header and the old one. The results of what the
 * old one shows may be forgotten from this start on, so the old one must be gone first: else the
 * next recycling, torn in the new copy, brings its mail back. What cannot be flushed is put back:
 * the next start sees both again. */
enum status header_pair_repair(struct store *store, int fd, const struct segment_header *header)
{
	char *before = calloc(1, SPOOL_BLOCK);
	enum status status = STATUS_OK;
	bool both = true;

	panic_if(!before, "out of memory");
	for (off_t at = 0; at < SEGMENT_DATA_AT; at += SPOOL_BLOCK)
		both = both && header_stands(store, fd, header, at, before);
	/* The old one first; then the new one as well, because it may be seen in the page cache
	 * alone, of a flush that failed before the process died. */
	for (int i = 0; i < 4 && !both && status == STATUS_OK; i++) {
		off_t at = i % 2 * SPOOL_BLOCK;
		if (header_stands(store, fd, header, at, before) != (i >= 2))
			continue;
		segment_header_encode(header, store->block);
		if (disk_write(store->disk, fd, (struct slice){store->block, SPOOL_BLOCK}, at) ==
				STATUS_OK &&
			disk_sync(store->disk, fd) == STATUS_OK)
			continue;
		status = STATUS_FAILED;
		if (disk_write(store->disk, fd, (struct slice){before, SPOOL_BLOCK}, at) !=
			STATUS_OK)
			break;
	}
	free(before);
	return status;
}
