/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a stored message for delivery, from a segment descriptor that somebody else opened.
 * Read, checksum, then use: nothing unchecked leaves (spool/STATES.md).
 */
#ifndef SPOOL_READER_H
#define SPOOL_READER_H

#include "spool/disk.h"
#include "spool/envelope.h"
#include "spool/record.h"

struct spool_source {
	struct disk *disk;
	int fd;
	uint32_t segment;
	uint64_t epoch;
};
enum spool_read { SPOOL_READ_OK, SPOOL_READ_DAMAGED, SPOOL_READ_FAILED };

/* The MESSAGE record at `at`, its header and payload checked; slices into `arena`. */
enum spool_read spool_read_message(const struct spool_source *source, uint64_t at,
	struct arena *arena, struct message *message, struct record *record) MUST_USE;
/* The same, not taken apart: for copies. */
enum spool_read spool_read_payload(const struct spool_source *source, uint64_t at,
	struct arena *arena, struct record *record, struct slice *payload) MUST_USE;
/* The body of a big message, chunk by chunk, each checked before it is shown; *at starts at
 * SEGMENT_DATA_AT. `chunk` has room for CHUNK_MAX. *got 0: the end. */
enum spool_read spool_read_chunk(const struct spool_source *source, uint64_t id, uint32_t part,
	uint64_t *at, char *chunk, size_t *got) MUST_USE;

/* The same, several by one call. */
enum {
	CHUNKS_MOST = 4,
	CHUNKS_ROOM = CHUNKS_MOST * (RECORD_HEADER + CHUNK_MAX),
};
struct chunks {
	char *room;    /* CHUNKS_ROOM bytes of the caller's */
	uint64_t at;   /* begins at SEGMENT_DATA_AT */
	uint32_t part; /* of the next; begins at 0 */
	size_t count;
	struct slice of[CHUNKS_MOST]; /* each checked; in `room`, until the next call */
};
/* At least one; not called once chunks->part is `parts`, how many the message has. */
enum spool_read spool_read_chunks(const struct spool_source *source, uint64_t id, uint32_t parts,
	struct chunks *chunks) MUST_USE;

#endif
