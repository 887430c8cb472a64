/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the queue itself writes: reports, and copies of stragglers, in an ACTIVE segment of its own.
 * Each is a batch on blocks of its own with a flush of its own: a VOID of one touches no other.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

enum { PAD_AFTER_S = 1 };

/* The PAD that closes it is a hint for start-up: not flushed, its failure changes nothing. */
static void own_pad(struct store *store)
{
	struct own *own = &store->own;

	if (own->told >= own->mail_end || own->end + SPOOL_BLOCK > own->segment->size)
		return;
	batch_begin(store->batch, (uint32_t)own->segment->number, own->segment->epoch, own->end,
		own->durable);
	batch_seal(store->batch);
	own->told = own->durable;
	if (batch_write(store->batch, store->disk, own->fd, false) == 0)
		own->end = store->batch->end;
	else
		own->end = own->segment->size; /* nothing more goes into it */
}

static void own_end(struct store *store, enum segment_state state)
{
	struct own *own = &store->own;

	store->disk->close(store->disk, own->fd);
	own->fd = -1;
	segment_move(store, own->segment, state);
	own->segment = NULL;
}

void own_close(struct store *store)
{
	if (store->own.fd >= 0)
		store->disk->close(store->disk, store->own.fd);
	store->own.fd = -1;
}

/* The last FREE segment is kept for this; on a full disk the reserve makes room for another. */
static struct segment *own_take(struct store *store)
{
	struct segment *segment = segment_take(store, SEGMENT_SMALL, 0);

	if (!segment && (errno == ENOSPC || errno == EDQUOT) && reserve_spend(store))
		segment = segment_take(store, SEGMENT_SMALL, 0);
	return segment;
}

static bool own_fits(const struct own *own, uint64_t from, uint32_t length)
{
	return record_block_end(from + record_extent(length)) + SPOOL_BLOCK <= own->segment->size;
}

static enum status own_ready(struct store *store, uint32_t length)
{
	struct own *own = &store->own;

	if (own->segment && own_fits(own, own->end, length))
		return STATUS_OK;
	if (own->segment) {
		own_pad(store);
		own_end(store, SEGMENT_SEALED);
	}
	struct segment *segment = own_take(store);
	if (!segment)
		return STATUS_FAILED;
	*own = (struct own){segment, segment_open(store, segment, O_RDWR), SEGMENT_DATA_AT,
		SEGMENT_DATA_AT, SEGMENT_DATA_AT, SEGMENT_DATA_AT, 0};
	if (own->fd < 0) {
		own->segment = NULL;
		return STATUS_FAILED;
	}
	segment->writer = OWN_WRITER;
	segment_move(store, segment, SEGMENT_ACTIVE);
	return own_fits(own, own->end, length) ? STATUS_OK : STATUS_FAILED;
}

/* One record, one flush; durable when STATUS_OK. `head` has room for the header. */
static enum status own_write(struct store *store, struct record *record, struct slice head,
	struct slice body, uint64_t *at)
{
	struct own *own = &store->own;

	if (own_ready(store, record->length) != STATUS_OK)
		return STATUS_FAILED;
	if (record->origin == 0)
		record->origin = own->segment->epoch;
	batch_begin(store->batch, (uint32_t)own->segment->number, own->segment->epoch, own->end,
		own->durable);
	*at = batch_add(store->batch, *record, head, body);
	if (!MUTATED(COPIES_SHARE_BLOCKS))
		batch_seal(store->batch);
	bool copy = record->copy > 0;
	int error = batch_write(
		store->batch, store->disk, own->fd, !copy || !MUTATED(COPY_WITHOUT_FLUSH));
	if (error) {
		/* [S] as for every writer: taken back, never again on this segment. */
		batch_void(store->batch, store->disk, own->fd);
		own_end(store, SEGMENT_SUSPECT);
		errno = error;
		return STATUS_FAILED;
	}
	own->told = store->batch->durable;
	own->end = own->durable = own->mail_end = own->segment->known = store->batch->end;
	own->since = 0;
	return STATUS_OK;
}

/* A failed attempt leaves a SUSPECT segment; one more is made on another. */
static enum status own_write_twice(struct store *store, struct record *record, struct slice head,
	struct slice body, uint64_t *at)
{
	struct record first = *record;

	if (own_write(store, record, head, body, at) == STATUS_OK)
		return STATUS_OK;
	*record = first;
	return own_write(store, record, head, body, at);
}

enum status store_add(
	struct store *store, const struct message *message, struct slice body, uint64_t id)
{
	struct text head = TEXT_GROWING;
	uint64_t at;

	panic_if(!text_reserve(&head, RECORD_HEADER), "a growing text is full");
	message_encode(&head, message, body.len);
	struct slice payload = slice_from(text_slice(&head), RECORD_HEADER);
	struct record record = {
		.type = RECORD_MESSAGE,
		.id = id,
		.length = (uint32_t)(payload.len + body.len),
		.payload_crc = crc32c(crc32c(0, payload), body),
	};
	enum status status = own_write_twice(store, &record, text_slice(&head), body, &at);
	if (status == STATUS_OK) {
		struct message shown = *message;
		shown.body = SLICE_NONE;
		arena_reset(store->scratch);
		kept_announce_message(store,
			kept_put(store, store->own.segment, &record, at, STANDS_PROVEN), &shown);
	}
	text_free(&head);
	return status;
}

enum status own_put(struct store *store, struct record *record, struct slice payload, uint64_t *at)
{
	char head[RECORD_HEADER];

	return own_write(store, record, (struct slice){head, sizeof head}, payload, at);
}

static enum spool_read straggler_read(
	struct store *store, const struct kept *kept, struct record *record, struct slice *payload)
{
	const struct segment *segment = kept_segment(store, kept);
	int fd = segment_open(store, segment, O_RDONLY);

	if (fd < 0)
		return SPOOL_READ_FAILED;
	struct spool_source source = segment_source(store, segment, fd);
	arena_reset(store->scratch);
	enum spool_read read =
		spool_read_payload(&source, kept_at(kept), store->scratch, record, payload);
	store->disk->close(store->disk, fd);
	return read;
}

/* [S] The copy is durable before the old record stops counting; the old one is still shown by its
 * segment, so what is known of its recipients is kept until that is recycled. */
enum copy own_copy(struct store *store, struct kept *kept)
{
	struct record record;
	struct slice payload;
	uint64_t at;

	switch (straggler_read(store, kept, &record, &payload)) {
	case SPOOL_READ_OK: break;
	case SPOOL_READ_FAILED: return COPY_FAILED;
	case SPOOL_READ_DAMAGED:
		message_damaged(
			store, kept_segment(store, kept), kept_at(kept), kept->length, kept->id);
		return COPY_UNREADABLE;
	}
	record.copy++;
	if (own_put(store, &record, payload, &at) != STATUS_OK) {
		/* The voided copy may come back: what is known of its message must last as long. */
		LIST_EACH (struct segment, segment, &store->states[SEGMENT_SUSPECT], link)
			if (segment->writer == OWN_WRITER)
				segment_show(store, segment, kept);
		return COPY_FAILED;
	}
	copy_made(store, kept, store->own.segment, at);
	return COPY_MADE;
}

/* Idle for a second: `durable` on disk catches up. */
void own_tend(struct store *store, wall_ns now)
{
	struct own *own = &store->own;

	if (!own->segment || own->told >= own->mail_end)
		return;
	if (own->since == 0)
		own->since = now;
	else if (now - own->since >= PAD_AFTER_S * NS_PER_S)
		own_pad(store);
}
