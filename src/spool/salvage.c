/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salvage: what can still be read of a damaged segment. The contract is in damage.h.
 *
 * A record whose header lost one byte is put right by its checksum; if its payload is whole, the
 * message goes back into the queue. Everything else becomes a file in damaged/, marked.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/id.h"
#include "base/panic.h"
#include "spool/keeping.h"

struct salvaging {
	struct store *store;
	struct segment *segment;
	struct spool_source source;
	uint64_t end; /* of the file */
	void (*see)(void *owner, const struct salvaged *salvaged);
	void *owner;
	bool headless; /* the epoch is that of the first record: it may be of an earlier use */
	char *bytes;   /* a chunk's, or a stretch of others */
	enum status status;
};

struct salvage_file {
	int fd; /* -1: could not be made */
	uint64_t at;
	char name[64];
};

static void file_begin(struct salvaging *salvaging, struct salvage_file *file, uint64_t at)
{
	struct store *store = salvaging->store;

	snprintf(file->name, sizeof file->name, "salvaged-%06u-%llu",
		(unsigned)salvaging->segment->number, (unsigned long long)at);
	store->disk->unlink(store->disk, store->damaged, file->name); /* of an earlier attempt */
	file->fd = store->disk->open(
		store->disk, store->damaged, file->name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (file->fd < 0)
		salvaging->status = STATUS_FAILED;
}

static void file_put(struct salvaging *salvaging, struct salvage_file *file, struct slice bytes)
{
	if (file->fd < 0)
		return;
	if (disk_write(salvaging->store->disk, file->fd, bytes, (off_t)file->at) != STATUS_OK)
		salvaging->status = STATUS_FAILED;
	file->at += bytes.len;
}

static void file_end(struct salvaging *salvaging, struct salvage_file *file)
{
	struct store *store = salvaging->store;

	if (file->fd < 0)
		return;
	if (disk_sync(store->disk, file->fd) != STATUS_OK ||
		disk_sync_folder(store->disk, store->damaged) != STATUS_OK)
		salvaging->status = STATUS_FAILED;
	store->disk->close(store->disk, file->fd);
}

static void tell(struct salvaging *salvaging, enum salvage outcome, uint64_t id, uint64_t at,
	const char *file)
{
	salvaging->see(salvaging->owner, &(struct salvaged){outcome, id, at, file});
}

/* Messages as files */

static void mark_put(struct text *out, const char *field, struct slice value)
{
	text_format(out, "X-Postern-%s: ", field);
	text_escaped(out, value);
	text_put(out, SLICE("\r\n"));
}

/* `message` NULL: its envelope cannot be read. */
static void head_put(struct salvaging *salvaging, struct salvage_file *file, const char *what,
	const struct record *record, uint64_t at, const struct message *message)
{
	struct text out = TEXT_GROWING;

	text_put(&out, SLICE("X-Postern-Salvaged: message "));
	text_id(&out, record->id);
	text_format(&out, " of segment %u at %llu\r\n", (unsigned)salvaging->segment->number,
		(unsigned long long)at);
	mark_put(&out, "Salvaged", slice_of(what));
	if (salvaging->headless)
		mark_put(&out, "Salvaged",
			SLICE("the segment's own header is gone: it may have been delivered"));
	if (message)
		mark_put(&out, "Sender", message->envelope.sender);
	for (size_t i = 0; message && i < message->envelope.recipient_count; i++)
		mark_put(&out, "Recipient", message->envelope.recipients[i].address);
	if (message)
		text_put(&out, message->trace);
	file_put(salvaging, file, text_slice(&out));
	text_free(&out);
}

static void message_save(struct salvaging *salvaging, enum salvage outcome, const char *what,
	const struct record *record, uint64_t at, const struct message *message)
{
	struct salvage_file file = {0};

	file_begin(salvaging, &file, at);
	head_put(salvaging, &file, what, record, at, message);
	file_put(salvaging, &file, message->body);
	file_end(salvaging, &file);
	tell(salvaging, outcome, record->id, at, file.name);
}

/* Nothing can be made out in it; `id` as far as it is legible. */
static void bytes_save(struct salvaging *salvaging, uint64_t from, uint64_t to, uint64_t id)
{
	struct salvage_file file = {0};

	file_begin(salvaging, &file, from);
	for (uint64_t at = from; at < to;) {
		size_t want = to - at < CHUNK_MAX ? (size_t)(to - at) : CHUNK_MAX;
		memset(salvaging->bytes, 0, want); /* what the disk refuses stays zeros */
		(void)disk_read_most(salvaging->source.disk, salvaging->source.fd, salvaging->bytes,
			want, (off_t)at);
		file_put(salvaging, &file, (struct slice){salvaging->bytes, want});
		at += want;
	}
	file_end(salvaging, &file);
	tell(salvaging, SALVAGE_BYTES, id, from, file.name);
}

/* Records */

/* One that checks, or does once a byte of its header is put right. */
static bool record_at(const struct salvaging *salvaging, uint64_t at, struct record *record)
{
	const struct spool_source *source = &salvaging->source;
	char header[RECORD_HEADER];

	return at + RECORD_HEADER <= salvaging->end &&
	       disk_read(source->disk, source->fd, header, sizeof header, (off_t)at) == STATUS_OK &&
	       (record_decode(header, source->segment, at, source->epoch, record) ||
		       record_mend(header, source->segment, at, source->epoch, record));
}

/* The next one at or behind *at and below `to`. */
static bool record_next(
	const struct salvaging *salvaging, uint64_t *at, uint64_t to, struct record *record)
{
	for (; *at < to; *at += SPOOL_ALIGN)
		if (record_at(salvaging, *at, record))
			return true;
	return false;
}

/* The bytes of its payload, unchecked; false: the file ends before it does. */
static bool payload_read(struct salvaging *salvaging, const struct record *record, uint64_t at,
	struct slice *payload)
{
	const struct spool_source *source = &salvaging->source;

	if (at + RECORD_HEADER + record->length > salvaging->end)
		return false;
	arena_reset(salvaging->store->scratch);
	char *bytes = arena_alloc(salvaging->store->scratch, record->length + 1);
	*payload = (struct slice){bytes, record->length};
	return disk_read(source->disk, source->fd, bytes, record->length,
		       (off_t)(at + RECORD_HEADER)) == STATUS_OK;
}

/* Back into the queue, under its own identity: results that name it still count. */
static void message_requeue(struct salvaging *salvaging, struct record *record, uint64_t at,
	struct slice payload, const struct message *message)
{
	struct store *store = salvaging->store;
	uint64_t to;

	record->copy++;
	if (own_put(store, record, payload, &to) != STATUS_OK) {
		salvaging->status = STATUS_FAILED;
		return;
	}
	struct message shown = *message;
	shown.body = SLICE_NONE;
	struct kept *kept = kept_put(store, store->own.segment, record, to, STANDS_PROVEN);
	kept_announce_message(store, kept, &shown);
	tell(salvaging, kept->left ? SALVAGE_QUEUED : SALVAGE_DONE, record->id, at, "");
}

static void message_salvage(struct salvaging *salvaging, struct record *record, uint64_t at)
{
	struct store *store = salvaging->store;
	struct kept *kept = kept_find(store, record->id, record->origin);
	struct slice payload;
	struct message message;

	if (kept && (kept->use != salvaging->segment->use || kept->left == 0)) {
		tell(salvaging, SALVAGE_DONE, record->id, at, "");
		return;
	}
	if (!payload_read(salvaging, record, at, &payload)) {
		bytes_save(salvaging, at, salvaging->end, record->id);
		return;
	}
	bool whole = crc32c(0, payload) == record->payload_crc;
	if (!message_decode(payload, store->scratch, &message))
		bytes_save(salvaging, at, at + record_extent(record->length), record->id);
	else if (!whole)
		message_save(salvaging, SALVAGE_PARTS,
			"its checksum is wrong: some byte is not the one that was received", record,
			at, &message);
	else if (salvaging->headless)
		message_save(salvaging, SALVAGE_WHOLE, "it is whole", record, at, &message);
	else if (kept) /* read this time: delivered from where it is, before the file goes */
		tell(salvaging, SALVAGE_QUEUED, record->id, at, "");
	else
		message_requeue(salvaging, record, at, payload, &message);
}

/* A stretch below W that was no record: what can be mended is, the rest is kept as bytes. */
static void stretch_salvage(struct salvaging *salvaging, uint64_t from, uint64_t to, uint64_t id)
{
	struct record record;
	uint64_t rest = from; /* nothing was made of the bytes from here */

	for (uint64_t at = from;
		salvaging->status == STATUS_OK && record_next(salvaging, &at, to, &record);
		rest = at) {
		if (rest < at)
			bytes_save(salvaging, rest, at, id);
		if (record.type == RECORD_MESSAGE)
			message_salvage(salvaging, &record, at);
		at += record_extent(record.length);
	}
	if (rest < to && salvaging->status == STATUS_OK)
		bytes_save(salvaging, rest, to, id);
}

/* Big messages */

struct big_file {
	struct salvage_file file;
	uint32_t next; /* the chunk that should come */
	bool whole;
};

static void hole_mark(struct salvaging *salvaging, struct big_file *big)
{
	big->whole = false;
	file_put(salvaging, &big->file,
		SLICE("\r\n[postern: a part of the message is missing here]\r\n"));
}

static void chunk_save(
	struct salvaging *salvaging, struct big_file *big, const struct record *record, uint64_t at)
{
	const struct spool_source *source = &salvaging->source;

	if (record->part != big->next)
		hole_mark(salvaging, big);
	big->next = record->part + 1;
	if (record->length > CHUNK_MAX ||
		disk_read(source->disk, source->fd, salvaging->bytes, record->length,
			(off_t)(at + RECORD_HEADER)) != STATUS_OK ||
		crc32c(0, (struct slice){salvaging->bytes, record->length}) != record->payload_crc)
		hole_mark(salvaging, big);
	else
		file_put(salvaging, &big->file, (struct slice){salvaging->bytes, record->length});
}

/* The MESSAGE of a big file, which stands behind its chunks. */
static bool big_find(struct salvaging *salvaging, struct record *found, uint64_t *found_at)
{
	struct record record;
	bool seen = false;

	for (uint64_t at = SEGMENT_DATA_AT; record_next(salvaging, &at, salvaging->end, &record);
		at += record_extent(record.length)) {
		if (record.type == RECORD_MESSAGE || (record.type == RECORD_CHUNK && !seen)) {
			*found = record;
			*found_at = at;
			seen = true;
		}
		if (record.type == RECORD_MESSAGE)
			return true;
	}
	return seen;
}

/* Its parts in order, marks where one is missing. */
static void big_salvage(struct salvaging *salvaging)
{
	struct record record, message_record;
	struct message message;
	struct slice payload;
	uint64_t message_at;
	struct big_file big = {.whole = true};

	if (!big_find(salvaging, &message_record, &message_at)) {
		bytes_save(salvaging, SEGMENT_DATA_AT, salvaging->end, 0);
		return;
	}
	bool has_envelope = message_record.type == RECORD_MESSAGE &&
			    payload_read(salvaging, &message_record, message_at, &payload) &&
			    message_decode(payload, salvaging->store->scratch, &message);
	big.whole = has_envelope && crc32c(0, payload) == message_record.payload_crc;
	file_begin(salvaging, &big.file, SEGMENT_DATA_AT);
	head_put(salvaging, &big.file, "a big message; see the marks where parts are missing",
		&message_record, message_at, has_envelope ? &message : NULL);
	for (uint64_t at = SEGMENT_DATA_AT; record_next(salvaging, &at, salvaging->end, &record) &&
					    record.type != RECORD_MESSAGE;
		at += record_extent(record.length))
		if (record.type == RECORD_CHUNK && record.id == message_record.id)
			chunk_save(salvaging, &big, &record, at);
	if (message_record.type != RECORD_MESSAGE || big.next != message_record.part)
		hole_mark(salvaging, &big);
	file_end(salvaging, &big.file);
	tell(salvaging, big.whole ? SALVAGE_WHOLE : SALVAGE_PARTS, message_record.id, message_at,
		big.file.name);
}

/* Without a header: the first record that checks by its own epoch tells it. */
static bool epoch_guess(struct salvaging *salvaging)
{
	const struct spool_source *source = &salvaging->source;
	char header[RECORD_HEADER];
	struct record record;

	for (uint64_t at = SEGMENT_DATA_AT; at + RECORD_HEADER <= salvaging->end;
		at += SPOOL_ALIGN) {
		if (disk_read(source->disk, source->fd, header, sizeof header, (off_t)at) !=
			STATUS_OK)
			continue;
		struct reader in = reader_of((struct slice){header + 8, 8});
		uint64_t epoch = read_u64(&in);
		if (record_decode(header, source->segment, at, epoch, &record)) {
			salvaging->source.epoch = epoch;
			return true;
		}
	}
	return false;
}

static void segment_salvage(struct salvaging *salvaging)
{
	struct segment *segment = salvaging->segment;

	salvaging->headless = segment->epoch == 0;
	if (salvaging->headless && !epoch_guess(salvaging))
		bytes_save(salvaging, SEGMENT_DATA_AT, salvaging->end, 0);
	else if (segment->kind == SEGMENT_BIG)
		big_salvage(salvaging);
	else if (salvaging->headless)
		stretch_salvage(salvaging, SEGMENT_DATA_AT, salvaging->end, 0);
	else
		for (size_t i = 0; i < segment->damage_count; i++)
			if (segment->damages[i].from < segment->damages[i].to &&
				salvaging->status == STATUS_OK)
				stretch_salvage(salvaging, segment->damages[i].from,
					segment->damages[i].to, segment->damages[i].id);
}

enum clearing store_salvage(struct store *store, uint32_t number,
	void (*see)(void *owner, const struct salvaged *salvaged), void *owner)
{
	struct salvaging salvaging = {.store = store, .see = see, .owner = owner};
	enum clearing clearing = clearing_begin(store, number, &salvaging.segment);

	if (clearing != CLEARING_DONE)
		return clearing;
	int fd = segment_open(store, salvaging.segment, O_RDONLY);
	if (fd < 0)
		return CLEARING_FAILED;
	off_t size = store->disk->size(store->disk, fd);
	salvaging.source = segment_source(store, salvaging.segment, fd);
	salvaging.end = size < 0 ? 0 : (uint64_t)size;
	salvaging.status = size < 0 ? STATUS_FAILED : STATUS_OK;
	salvaging.bytes = malloc(CHUNK_MAX);
	panic_if(!salvaging.bytes, "out of memory");
	checkpoint_abandon(store); /* it would gather the same facts */
	if (size >= 0 && result_facts_gather(store) == STATUS_OK)
		segment_salvage(&salvaging);
	else
		salvaging.status = STATUS_FAILED;
	facts_free(store);
	free(salvaging.bytes);
	store->disk->close(store->disk, fd);
	if (salvaging.status != STATUS_OK)
		return CLEARING_FAILED;
	clearing_end(store, salvaging.segment);
	return CLEARING_DONE;
}
