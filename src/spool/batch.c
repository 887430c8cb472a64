/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of records. The contract is in batch.h. */
#include "spool/batch.h"

#include <errno.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/mutation.h"

static const char zeros[SPOOL_BLOCK];

void batch_begin(
	struct batch *batch, uint32_t segment, uint64_t epoch, uint64_t start, uint64_t durable)
{
	panic_if(start % SPOOL_BLOCK && !MUTATED(BLOCK_IS_WRITTEN_AGAIN) &&
			 !MUTATED(COPIES_SHARE_BLOCKS),
		"a batch begins inside a block");
	batch->segment = segment;
	batch->epoch = epoch;
	batch->start = batch->end = start;
	batch->durable = durable;
	batch->part_count = 0;
	batch->count = 0;
}

bool batch_fits(const struct batch *batch, uint32_t payload_length, uint64_t limit)
{
	return batch->count < BATCH_RECORDS - 1 &&
	       record_block_end(batch->end + record_extent(payload_length)) <= limit;
}

static void batch_part(struct batch *batch, struct slice bytes)
{
	union { /* iovec has no const */
		const char *from;
		char *to;
	} base = {.from = bytes.at};

	if (bytes.len == 0)
		return;
	panic_if(batch->part_count == BATCH_PARTS, "a batch has too many parts");
	batch->parts[batch->part_count++] = (struct iovec){base.to, bytes.len};
}

uint64_t batch_add(struct batch *batch, struct record record, struct slice head, struct slice body)
{
	union {
		const char *from;
		char *to;
	} room = {.from = head.at};
	uint64_t at = batch->end, extent = record_extent(record.length);
	size_t written = head.len + body.len;

	panic_if(head.len < RECORD_HEADER || written - RECORD_HEADER != record.length ||
			 batch->count == BATCH_RECORDS,
		"a record does not fit its batch");
	record.version = RECORD_VERSION;
	record.epoch = batch->epoch;
	record.durable = batch->durable;
	record_encode(&record, batch->segment, at, room.to);
	batch_part(batch, head);
	batch_part(batch, body);
	batch_part(batch, (struct slice){zeros, (size_t)extent - written});
	batch->records[batch->count++] = (struct batch_record){record, at};
	batch->end += extent;
	return at;
}

/* [S] No block that holds acknowledged bytes is ever written again: the batch fills its last block,
 * the next one begins behind it. */
void batch_seal(struct batch *batch)
{
	uint64_t end = record_block_end(batch->end);

	if (batch->count == 0)
		end = batch->end + SPOOL_BLOCK;
	if (end == batch->end || (MUTATED(BLOCK_IS_WRITTEN_AGAIN) && batch->count > 0))
		return;
	if (MUTATED(DURABLE_TOLD_TOO_HIGH))
		batch->durable = batch->end;
	uint32_t length = (uint32_t)(end - batch->end) - RECORD_HEADER;
	struct record pad = {
		.type = RECORD_PAD,
		.length = length,
		.payload_crc = crc32c(0, (struct slice){zeros, length}),
	};
	batch_add(batch, pad, (struct slice){batch->pad, RECORD_HEADER},
		(struct slice){zeros, length});
}

int batch_write(struct batch *batch, struct disk *disk, int fd, bool sync)
{
	errno = 0;
	if (disk_write_all(disk, fd, batch->parts, batch->part_count, (off_t)batch->start) !=
		STATUS_OK)
		return errno ? errno : EIO;
	if (MUTATED(FLUSH_IS_TRIED_AGAIN) && sync && disk_sync(disk, fd) != STATUS_OK)
		errno = 0;
	if (sync && disk_sync(disk, fd) != STATUS_OK)
		return errno ? errno : EIO;
	return 0;
}

/* [S] After a failed write or flush the page cache shows records that the disk may not have; VOID
 * corrects what readers and a restart see. Whether it reaches the disk does not matter: none of
 * these records was acknowledged. */
void batch_void(struct batch *batch, struct disk *disk, int fd)
{
	for (size_t i = 0; i < batch->count && !MUTATED(NOTHING_IS_VOIDED); i++) {
		const struct batch_record *written = &batch->records[i];
		if (written->record.type == RECORD_PAD)
			continue;
		if (record_void(disk, fd, batch->segment, written->at, &written->record) !=
			STATUS_OK)
			continue; /* the others may still go */
	}
}

enum status record_void(
	struct disk *disk, int fd, uint32_t segment, uint64_t at, const struct record *record)
{
	char header[RECORD_HEADER];
	struct record taken_back = *record;

	taken_back.type = RECORD_VOID; /* the length stays: what follows is still found */
	record_encode(&taken_back, segment, at, header);
	return disk_write(disk, fd, (struct slice){header, RECORD_HEADER}, (off_t)at);
}
