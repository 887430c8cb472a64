/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index: one small entry per message that any segment may still show, and who of its recipients
 * is done. An entry lives until no segment shows the message any more, so that its results are
 * carried from checkpoint to checkpoint exactly as long as they are needed.
 */
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/keeping.h"

enum { FEW = 64, FIRST_PAYLOAD = 4 << 10 };

static struct slice identity(const uint64_t *id_and_origin)
{
	return (struct slice){(const char *)id_and_origin, 2 * sizeof(uint64_t)};
}

struct kept *kept_find(const struct store *store, uint64_t id, uint64_t origin)
{
	uint64_t key[2] = {id, origin};

	return map_get(store->messages, identity(key));
}

void segment_show(struct segment *segment, struct kept *kept)
{
	if (segment->shown_count == segment->shown_size) {
		segment->shown_size = segment->shown_size ? segment->shown_size * 2 : 64;
		segment->shown =
			realloc(segment->shown, segment->shown_size * sizeof(struct kept *));
		panic_if(!segment->shown, "out of memory: an index of %zu messages",
			segment->shown_size);
	}
	segment->shown[segment->shown_count++] = kept;
	kept->shown++;
}

void kept_count(struct store *store, struct kept *kept, int sign)
{
	uint64_t bytes = record_extent(kept->length);

	if (sign > 0) {
		kept->segment->live++;
		kept->segment->live_bytes += bytes;
		store->live++;
		store->live_bytes += bytes;
	} else {
		kept->segment->live--;
		kept->segment->live_bytes -= bytes;
		store->live--;
		store->live_bytes -= bytes;
	}
}

/* Until its recipients are known it counts as live, so that nothing recycles its segment. */
static struct kept *kept_new(struct store *store, struct segment *segment,
	const struct record *record, uint64_t at, enum standing standing)
{
	struct kept *kept = calloc(1, sizeof *kept);

	panic_if(!kept, "out of memory");
	*kept = (struct kept){
		.id = record->id,
		.origin = record->origin,
		.segment = segment,
		.at = at,
		.length = record->length,
		.parts = record->part,
		.copy = record->copy,
		.left = 1,
		.standing = standing,
	};
	map_put(store->messages, identity(&kept->id), kept);
	kept_count(store, kept, 1);
	return kept;
}

struct kept *kept_put(struct store *store, struct segment *segment, const struct record *record,
	uint64_t at, enum standing standing)
{
	struct kept *kept = kept_find(store, record->id, record->origin);

	segment->all_bytes += record_extent(record->length);
	if (kept)
		copy_found(store, kept, segment, record, at, standing);
	else
		kept = kept_new(store, segment, record, at, standing);
	segment_show(segment, kept);
	return kept;
}

/* Recipients */

static bool bit_take(struct kept *kept, uint16_t recipient)
{
	if (kept->recipients <= FEW) {
		uint64_t bit = UINT64_C(1) << recipient;
		bool was = kept->done.few & bit;
		kept->done.few |= bit;
		return !was;
	}
	uint8_t *byte = &kept->done.many[recipient / 8], bit = (uint8_t)(1u << recipient % 8);
	bool was = *byte & bit;
	*byte |= bit;
	return !was;
}

/* Nobody is left to deliver it to: no copy of it is needed any more. */
void kept_end(struct store *store, struct kept *kept)
{
	kept_count(store, kept, -1);
	copies_forget(store, kept);
}

bool kept_is_done(const struct kept *kept, unsigned recipient)
{
	return kept->recipients <= FEW ? kept->done.few >> recipient & 1
				       : kept->done.many[recipient / 8] >> recipient % 8 & 1;
}

bool kept_done(struct store *store, struct kept *kept, uint16_t recipient)
{
	if (recipient >= kept->recipients || !bit_take(kept, recipient))
		return false;
	if (--kept->left == 0) {
		kept_end(store, kept);
		store->tend_due = true;
	}
	return true;
}

/* With what results say already. */
static struct stored_recipient *recipients_apply(
	struct store *store, struct kept *kept, size_t count)
{
	struct stored_recipient *recipients =
		ARENA_ARRAY(store->scratch, struct stored_recipient, count);
	const struct fact *fact = fact_find(store, kept->id, kept->origin);

	kept->recipients = kept->left = (uint16_t)count;
	if (count > FEW) {
		kept->done.many = calloc((count + 7) / 8, 1);
		panic_if(!kept->done.many, "out of memory");
	}
	for (size_t i = 0; fact && i < fact->count && i < count; i++) {
		const struct fact_recipient *known = &fact->recipients[i];
		recipients[i].done = known->result != 0;
		recipients[i].attempts = known->attempts;
		recipients[i].next = known->next;
		segment_event(kept->segment, known->event);
		if (recipients[i].done)
			kept_done(store, kept, (uint16_t)i);
	}
	return recipients;
}

void kept_announce_message(struct store *store, struct kept *kept, const struct message *message)
{
	size_t count = message->envelope.recipient_count;
	struct stored stored = {
		.id = kept->id,
		.origin = kept->origin,
		.segment = (uint32_t)kept->segment->number,
		.at = kept->at,
		.length = kept->length,
		.copy = kept->copy,
		.parts = kept->parts,
	};

	if (count == 0) { /* nobody to deliver to: done as it stands */
		kept->left = 0;
		kept_end(store, kept);
		return;
	}
	struct stored_recipient *recipients = recipients_apply(store, kept, count);
	if (kept->left > 0)
		store->events.found(store->events.owner, &stored, message, recipients);
}

bool kept_announce_checked(struct store *store, struct kept *kept, struct walk *walk)
{
	struct record record;

	if (!walk_record(walk, kept->at, &record) || record.type != RECORD_MESSAGE)
		return false;
	struct slice payload = walk_payload(walk, kept->at, &record, UINT32_MAX);
	return payload.len == record.length && crc32c(0, payload) == record.payload_crc &&
	       kept_announce(store, kept, walk);
}

/* The body is not read: as much of the payload as the envelope needs. */
bool kept_announce(struct store *store, struct kept *kept, struct walk *walk)
{
	struct record record = {.length = kept->length};
	struct message message;
	uint32_t most = FIRST_PAYLOAD;

	for (;; most = most > UINT32_MAX / 4 ? UINT32_MAX : most * 4) {
		arena_reset(store->scratch);
		struct slice start = walk_payload(walk, kept->at, &record, most);
		switch (message_decode_part(start, kept->length, store->scratch, &message)) {
		case MESSAGE_WHOLE:
			message.body = SLICE_NONE;
			kept_announce_message(store, kept, &message);
			return true;
		case MESSAGE_BAD: return false;
		case MESSAGE_NEEDS_MORE: break;
		}
		if (start.len < most) /* cut off, or all of it was there */
			return false;
	}
}

/* The segment shows nothing any more; what no other one shows is forgotten. */
void segment_forget_shown(struct store *store, struct segment *segment)
{
	for (size_t i = 0; i < segment->shown_count; i++) {
		struct kept *kept = segment->shown[i];
		if (--kept->shown > 0)
			continue;
		map_take(store->messages, identity(&kept->id));
		if (kept->recipients > FEW)
			free(kept->done.many);
		free(kept);
	}
	segment->shown_count = 0;
}

bool store_locate(const struct store *store, struct stored *stored)
{
	const struct kept *kept = kept_find(store, stored->id, stored->origin);

	if (!kept)
		return false;
	stored->segment = (uint32_t)kept->segment->number;
	stored->at = kept->at;
	stored->length = kept->length;
	stored->copy = kept->copy;
	stored->parts = kept->parts;
	return true;
}
