/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool's bytes: segment headers and records, format 1 (spool/FORMAT.md has the tables).
 * Both directions side by side, no I/O.
 */
#ifndef SPOOL_RECORD_H
#define SPOOL_RECORD_H

#include "base/slice.h"
#include "packets/spooling.h"

enum {
	SPOOL_FORMAT = 1,
	SPOOL_BLOCK = 4096, /* headers and flush boundaries */
	SPOOL_ALIGN = 64,   /* records start at a multiple */
	RECORD_HEADER = 64,
	SEGMENT_DATA_AT = 8192, /* behind the two copies of the header */
	SEGMENT_SIZE = 16 << 20,
	SMALL_MESSAGE_MAX = 256 << 10,
	CHUNK_MAX = 64 << 10,
	RECORD_VERSION = 1,
	CLASS_RESULTS = 2, /* beside enum segment_class: the header of a results file */
};

struct segment_header {
	uint16_t format;
	uint8_t segment_class;
	uint32_t number;
	uint32_t generation; /* counts uses */
	uint64_t epoch;      /* random, new for each use, secret */
	uint64_t size;
};
void segment_header_encode(const struct segment_header *header, char block[SPOOL_BLOCK]);
enum header_read { HEADER_OK, HEADER_DAMAGED, HEADER_NEWER };
enum header_read segment_header_decode(
	const char block[SPOOL_BLOCK], struct segment_header *header);

enum record_type {
	RECORD_MESSAGE = 1,
	RECORD_CHUNK,
	RECORD_PAD,
	RECORD_VOID,
	RECORD_RESULT,
	RECORD_DEFER,
	RECORD_ATTEMPT,
	RECORD_HEARD, /* in results files, these four */
	RECORD_END,   /* the file may end here: only its header's size says more */
};
struct record {
	uint8_t type, version;
	uint16_t copy;
	uint64_t epoch, id, origin;
	uint32_t length; /* of the payload */
	uint32_t payload_crc;
	uint64_t durable; /* every byte below was flushed when this header was written */
	uint32_t part;    /* CHUNK: its number; MESSAGE: how many chunks */
	uint64_t flags;   /* RESULT: the number of its event */
};
/* `segment` and `at` go into the checksum: a header is valid in its own place only. */
void record_encode(
	const struct record *record, uint32_t segment, uint64_t at, char header[RECORD_HEADER]);
bool record_decode(const char header[RECORD_HEADER], uint32_t segment, uint64_t at, uint64_t epoch,
	struct record *record);
/* A type and version that this program understands; others are kept, never delivered, reported. */
bool record_is_known(const struct record *record);
bool record_is_result(const struct record *record); /* of those, in results files */
/* What a header that does not check might have been of: for reports of damage only. */
bool record_legible(const char header[RECORD_HEADER], uint64_t epoch, uint64_t *id);
/* The same of a header with one byte altered, put right by its checksum: for salvage only. */
bool record_mend(const char header[RECORD_HEADER], uint32_t segment, uint64_t at, uint64_t epoch,
	struct record *record);
/* From one record's start to where the next may begin. */
uint64_t record_extent(uint32_t payload_length);
/* The block boundary at or behind an offset. */
uint64_t record_block_end(uint64_t at);

#endif
