/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's bytes, both directions. The contract is in record.h, the tables in FORMAT.md. */
#include "spool/record.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/panic.h"

enum {
	RECORD_MAGIC = 0x31525350,  /* "PSR1" on disk */
	SEGMENT_MAGIC = 0x47455350, /* "PSEG" on disk */
	CRC_AT = 4,
	CRC_FROM = 8, /* what a checksum covers begins behind it */
};

static uint32_t segment_header_crc(const char block[SPOOL_BLOCK])
{
	return crc32c(0, (struct slice){block + CRC_FROM, SPOOL_BLOCK - CRC_FROM});
}

void segment_header_encode(const struct segment_header *header, char block[SPOOL_BLOCK])
{
	struct writer out = writer_over(block, SPOOL_BLOCK);

	memset(block, 0, SPOOL_BLOCK);
	write_u32(&out, SEGMENT_MAGIC);
	write_u32(&out, 0);
	write_u16(&out, header->format);
	write_u8(&out, header->segment_class);
	write_u8(&out, 0);
	write_u32(&out, header->number);
	write_u32(&out, header->generation);
	write_u64(&out, header->epoch);
	write_u64(&out, header->size);
	out = writer_over(block + CRC_AT, sizeof(uint32_t));
	write_u32(&out, segment_header_crc(block));
}

/* The checksum and the format number keep their places in every format to come, so that a newer
 * header is told from a damaged one. */
enum header_read segment_header_decode(const char block[SPOOL_BLOCK], struct segment_header *header)
{
	struct reader in = reader_of((struct slice){block, SPOOL_BLOCK});
	uint32_t magic = read_u32(&in), crc = read_u32(&in);

	if (magic != SEGMENT_MAGIC || crc != segment_header_crc(block))
		return HEADER_DAMAGED;
	header->format = read_u16(&in);
	header->segment_class = read_u8(&in);
	read_u8(&in);
	header->number = read_u32(&in);
	header->generation = read_u32(&in);
	header->epoch = read_u64(&in);
	header->size = read_u64(&in);
	return header->format > SPOOL_FORMAT ? HEADER_NEWER : HEADER_OK;
}

/* The record's own place is part of the checksum: a header copied elsewhere is no header. */
static uint32_t record_crc(const char header[RECORD_HEADER], uint32_t segment, uint64_t at)
{
	char place[12];
	struct writer out = writer_over(place, sizeof place);

	write_u32(&out, segment);
	write_u64(&out, at);
	uint32_t crc = crc32c(0, (struct slice){header + CRC_FROM, RECORD_HEADER - CRC_FROM});
	return crc32c(crc, writer_slice(&out));
}

void record_encode(
	const struct record *record, uint32_t segment, uint64_t at, char header[RECORD_HEADER])
{
	struct writer out = writer_over(header, RECORD_HEADER);

	write_u32(&out, RECORD_MAGIC);
	write_u32(&out, 0);
	write_u64(&out, record->epoch);
	write_u64(&out, record->id);
	write_u64(&out, record->origin);
	write_u32(&out, record->length);
	write_u32(&out, record->payload_crc);
	write_u64(&out, record->durable);
	write_u8(&out, record->type);
	write_u8(&out, record->version);
	write_u16(&out, record->copy);
	write_u32(&out, record->part);
	write_u64(&out, record->flags);
	panic_if(out.bad || out.len != RECORD_HEADER, "a record header has %zu bytes", out.len);
	out = writer_over(header + CRC_AT, sizeof(uint32_t));
	write_u32(&out, record_crc(header, segment, at));
}

bool record_decode(const char header[RECORD_HEADER], uint32_t segment, uint64_t at, uint64_t epoch,
	struct record *record)
{
	struct reader in = reader_of((struct slice){header, RECORD_HEADER});

	if (read_u32(&in) != RECORD_MAGIC) /* most of a segment that is FREE */
		return false;
	uint32_t crc = read_u32(&in);
	record->epoch = read_u64(&in);
	if (record->epoch != epoch || crc != record_crc(header, segment, at))
		return false;
	record->id = read_u64(&in);
	record->origin = read_u64(&in);
	record->length = read_u32(&in);
	record->payload_crc = read_u32(&in);
	record->durable = read_u64(&in);
	record->type = read_u8(&in);
	record->version = read_u8(&in);
	record->copy = read_u16(&in);
	record->part = read_u32(&in);
	record->flags = read_u64(&in);
	return true;
}

bool record_legible(const char header[RECORD_HEADER], uint64_t epoch, uint64_t *id)
{
	struct reader in = reader_of((struct slice){header, RECORD_HEADER});

	if (read_u32(&in) != RECORD_MAGIC)
		return false;
	read_u32(&in);
	bool ours = read_u64(&in) == epoch;
	*id = read_u64(&in);
	return ours;
}

/* Magic and epoch of a header of ours differ in one byte at most, or it is not looked at closer. */
static bool may_be_mended(const char header[RECORD_HEADER], uint64_t epoch)
{
	char wanted[16];
	struct writer out = writer_over(wanted, sizeof wanted);
	unsigned differ = 0;

	write_u32(&out, RECORD_MAGIC);
	write_u32(&out, 0);
	write_u64(&out, epoch);
	for (size_t i = 0; i < sizeof wanted; i++)
		differ += (i < CRC_AT || i >= CRC_FROM) && wanted[i] != header[i];
	return differ <= 1;
}

/* Every byte in turn gets every value: of the 16,320 headers that come of it a wrong one passes its
 * checksum with a chance of 1 in 260,000, and bears the epoch all the same. */
bool record_mend(const char header[RECORD_HEADER], uint32_t segment, uint64_t at, uint64_t epoch,
	struct record *record)
{
	char tried[RECORD_HEADER];

	if (!may_be_mended(header, epoch))
		return false;
	memcpy(tried, header, RECORD_HEADER);
	for (size_t i = 0; i < RECORD_HEADER; i++) {
		for (unsigned value = 0; value < 256; value++) {
			tried[i] = (char)value;
			if (record_decode(tried, segment, at, epoch, record))
				return true;
		}
		tried[i] = header[i];
	}
	return false;
}

bool record_is_known(const struct record *record)
{
	return record->version == RECORD_VERSION && record->type >= RECORD_MESSAGE &&
	       record->type <= RECORD_END;
}

bool record_is_result(const struct record *record)
{
	return record_is_known(record) && record->type >= RECORD_RESULT &&
	       record->type <= RECORD_HEARD;
}

uint64_t record_extent(uint32_t payload_length)
{
	uint64_t bytes = (uint64_t)RECORD_HEADER + payload_length;

	return (bytes + SPOOL_ALIGN - 1) / SPOOL_ALIGN * SPOOL_ALIGN;
}

uint64_t record_block_end(uint64_t at)
{
	return (at + SPOOL_BLOCK - 1) / SPOOL_BLOCK * SPOOL_BLOCK;
}
