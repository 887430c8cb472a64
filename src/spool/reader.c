/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a stored message, everything checked before it is shown. The contract is in reader.h. */
#include "spool/reader.h"

#include <errno.h>

#include "base/crc32c.h"

enum { FIRST_READ = 16 << 10 }; /* most mail is in the first call whole */

static enum spool_read read_exact(
	const struct spool_source *source, char *buffer, size_t size, uint64_t at)
{
	if (disk_read(source->disk, source->fd, buffer, size, (off_t)at) == STATUS_OK)
		return SPOOL_READ_OK;
	return errno ? SPOOL_READ_FAILED : SPOOL_READ_DAMAGED; /* errno 0: cut off */
}

/* One call fetches the header and, of most messages, all the rest. */
enum spool_read spool_read_payload(const struct spool_source *source, uint64_t at,
	struct arena *arena, struct record *record, struct slice *payload)
{
	char *bytes = arena_bytes(arena, FIRST_READ);
	size_t got = disk_read_most(source->disk, source->fd, bytes, FIRST_READ, (off_t)at);

	if (got < RECORD_HEADER)
		return errno ? SPOOL_READ_FAILED : SPOOL_READ_DAMAGED;
	if (!record_decode(bytes, source->segment, at, source->epoch, record) ||
		record->type != RECORD_MESSAGE || !record_is_known(record))
		return SPOOL_READ_DAMAGED;
	*payload = (struct slice){bytes + RECORD_HEADER, record->length};
	if (record->length > got - RECORD_HEADER) {
		off_t size = source->disk->size(source->disk, source->fd);
		if (size < 0 || at + RECORD_HEADER + record->length > (uint64_t)size)
			return size < 0 ? SPOOL_READ_FAILED : SPOOL_READ_DAMAGED;
		char *whole = arena_bytes(arena, record->length);
		enum spool_read read =
			read_exact(source, whole, record->length, at + RECORD_HEADER);
		if (read != SPOOL_READ_OK)
			return read;
		payload->at = whole;
	}
	return crc32c(0, *payload) == record->payload_crc ? SPOOL_READ_OK : SPOOL_READ_DAMAGED;
}

enum spool_read spool_read_message(const struct spool_source *source, uint64_t at,
	struct arena *arena, struct message *message, struct record *record)
{
	struct slice payload;
	enum spool_read read = spool_read_payload(source, at, arena, record, &payload);

	if (read != SPOOL_READ_OK)
		return read;
	return message_decode(payload, arena, message) ? SPOOL_READ_OK : SPOOL_READ_DAMAGED;
}

static bool chunk_is_due(const struct record *record, uint64_t id, uint32_t part)
{
	return record->type == RECORD_CHUNK && record_is_known(record) && record->id == id &&
	       record->part == part && record->length > 0 && record->length <= CHUNK_MAX;
}

enum spool_read spool_read_chunk(const struct spool_source *source, uint64_t id, uint32_t part,
	uint64_t *at, char *chunk, size_t *got)
{
	char header[RECORD_HEADER];
	struct record record;
	enum spool_read read = read_exact(source, header, sizeof header, *at);

	*got = 0;
	if (read != SPOOL_READ_OK)
		return read;
	if (!record_decode(header, source->segment, *at, source->epoch, &record))
		return SPOOL_READ_DAMAGED;
	if (record.type == RECORD_MESSAGE && record.id == id && record.part == part)
		return SPOOL_READ_OK; /* the MESSAGE stands behind its last chunk */
	if (!chunk_is_due(&record, id, part))
		return SPOOL_READ_DAMAGED;
	read = read_exact(source, chunk, record.length, *at + RECORD_HEADER);
	if (read != SPOOL_READ_OK)
		return read;
	if (crc32c(0, (struct slice){chunk, record.length}) != record.payload_crc)
		return SPOOL_READ_DAMAGED;
	*got = record.length;
	*at += record_extent(record.length);
	return SPOOL_READ_OK;
}

/* One call for several chunks; one that it brought a part of alone is read again by the next. */
enum spool_read spool_read_chunks(
	const struct spool_source *source, uint64_t id, uint32_t parts, struct chunks *chunks)
{
	size_t size = disk_read_most(
		source->disk, source->fd, chunks->room, CHUNKS_ROOM, (off_t)chunks->at);
	size_t at = 0;
	bool failed = errno != 0;

	chunks->count = 0;
	while (chunks->part < parts && at + RECORD_HEADER < size && chunks->count < CHUNKS_MOST) {
		struct record record;
		if (!record_decode(chunks->room + at, source->segment, chunks->at + at,
			    source->epoch, &record) ||
			!chunk_is_due(&record, id, chunks->part))
			return SPOOL_READ_DAMAGED;
		struct slice chunk = {chunks->room + at + RECORD_HEADER, record.length};
		if (chunk.len > size - at - RECORD_HEADER)
			break;
		if (crc32c(0, chunk) != record.payload_crc)
			return SPOOL_READ_DAMAGED;
		chunks->of[chunks->count++] = chunk;
		chunks->part++;
		at += record_extent(record.length);
	}
	chunks->at += at;
	if (chunks->count == 0)
		return failed ? SPOOL_READ_FAILED : SPOOL_READ_DAMAGED;
	return SPOOL_READ_OK;
}
