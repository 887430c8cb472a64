/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: records that are written by one call on blocks of their own, and taken back together.
 *
 * It begins and ends at a 4 KiB boundary (the rest is a PAD), so that no block with acknowledged
 * bytes is ever written again. Writers, the queue's own messages and copies all go through here.
 *
 *	batch_begin(&batch, segment, epoch, start, durable);
 *	uint64_t at = batch_add(&batch, record, head, body);
 *	batch_seal(&batch);
 *	if (batch_write(&batch, disk, fd, true) != 0) batch_void(&batch, disk, fd);
 */
#ifndef SPOOL_BATCH_H
#define SPOOL_BATCH_H

#include <sys/uio.h>

#include "base/arena.h"
#include "spool/disk.h"
#include "spool/record.h"

enum {
	BATCH_PARTS = 1000,  /* of one call, below IOV_MAX */
	BATCH_RECORDS = 320, /* three parts each, and the PAD */
};

struct batch_record {
	struct record record;
	uint64_t at;
};
struct batch {
	uint32_t segment;
	uint64_t epoch;
	uint64_t start, end;
	uint64_t durable; /* goes into each header */
	int part_count;
	size_t count;
	struct iovec parts[BATCH_PARTS];
	struct batch_record records[BATCH_RECORDS];
	char pad[RECORD_HEADER];
};

/* Kept by its user and begun again for each group; about 46 KB. `start` is a block boundary. */
void batch_begin(
	struct batch *batch, uint32_t segment, uint64_t epoch, uint64_t start, uint64_t durable);
/* Whether one more of this payload length fits below `limit`, the PAD counted. */
bool batch_fits(const struct batch *batch, uint32_t payload_length, uint64_t limit);
/* `head` has RECORD_HEADER bytes of room for the header in front of the first payload bytes; head
 * and body stay where they are until the batch is written. Gives where the record lies. */
uint64_t batch_add(struct batch *batch, struct record record, struct slice head, struct slice body);
/* PAD up to the boundary, or, of an empty batch, one block of it: `durable` on disk catches up. */
void batch_seal(struct batch *batch);
/* One pwritev and, if asked for, one fdatasync. 0, or the errno of what failed: then nothing of
 * it was acknowledged and nothing may ever be. */
int batch_write(struct batch *batch, struct disk *disk, int fd, bool sync) MUST_USE;
/* Takes it back: rewrites each header as VOID, in the page cache if the disk takes no more. */
void batch_void(struct batch *batch, struct disk *disk, int fd);
/* One record taken back: only the header is rewritten, length and place stay. */
enum status record_void(struct disk *disk, int fd, uint32_t segment, uint64_t at,
	const struct record *record) MUST_USE;

#endif
