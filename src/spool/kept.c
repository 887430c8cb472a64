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

enum { FEW = 64, FIRST_PAYLOAD = 4 << 10, SHOWN_FIRST = 16 };

static bool is_kept(const void *owner, uint32_t number, struct table_key key)
{
	const struct kept *kept = slab_at(owner, number);

	return kept->id == key.first && kept->origin == key.second;
}

void kept_open(struct store *store, uint64_t seed)
{
	store->kept = slab_new(sizeof(struct kept));
	store->messages = table_new(seed, is_kept, store->kept);
}

static uint32_t number_find(const struct store *store, uint64_t id, uint64_t origin)
{
	return table_get(store->messages, (struct table_key){id, origin});
}

struct kept *kept_find(const struct store *store, uint64_t id, uint64_t origin)
{
	uint32_t number = number_find(store, id, origin);

	return number == TABLE_NONE ? NULL : slab_at(store->kept, number);
}

struct segment *kept_segment(const struct store *store, const struct kept *kept)
{
	uint64_t use = kept->use;

	return map_get(store->uses, map_key(&use));
}

/* What segments show */

static void shown_resize(struct segment *segment, size_t size)
{
	segment->shown = reallocarray(segment->shown, size, sizeof *segment->shown);
	panic_if(!segment->shown, "out of memory: an index of %zu messages", size);
	segment->shown_size = size;
}

static void number_show(struct store *store, struct segment *segment, uint32_t number)
{
	struct kept *kept = slab_at(store->kept, number);

	if (segment->shown_count == segment->shown_size)
		shown_resize(segment, segment->shown_size + segment->shown_size / 2 + SHOWN_FIRST);
	segment->shown[segment->shown_count++] = number;
	kept->shown++;
}

void segment_show(struct store *store, struct segment *segment, const struct kept *kept)
{
	number_show(store, segment, number_find(store, kept->id, kept->origin));
}

void segment_shown_trim(struct segment *segment)
{
	if (segment->shown_count + SHOWN_FIRST < segment->shown_size)
		shown_resize(segment, segment->shown_count + SHOWN_FIRST);
}

void kept_count(struct store *store, struct kept *kept, int sign)
{
	uint64_t bytes = record_extent(kept->length);
	struct segment *segment = kept_segment(store, kept);

	panic_if(!segment, "a message that is left lies in no segment");
	if (sign > 0) {
		segment->live++;
		segment->live_bytes += bytes;
		store->live++;
		store->live_bytes += bytes;
	} else {
		segment->live--;
		segment->live_bytes -= bytes;
		store->live--;
		store->live_bytes -= bytes;
	}
}

void kept_lies(struct kept *kept, const struct segment *segment, uint64_t at)
{
	panic_if(at / SPOOL_ALIGN > UINT32_MAX, "a message lies at %llu of a segment",
		(unsigned long long)at);
	kept->use = (uint32_t)segment->use;
	kept->place = (uint32_t)(at / SPOOL_ALIGN);
}

/* Until its recipients are known it counts as live, so that nothing recycles its segment. */
static uint32_t kept_new(struct store *store, struct segment *segment, const struct record *record,
	uint64_t at, enum standing standing)
{
	uint32_t number = slab_take(store->kept);
	struct kept *kept = slab_at(store->kept, number);

	*kept = (struct kept){
		.id = record->id,
		.origin = record->origin,
		.length = record->length,
		.parts = record->part,
		.copy = record->copy,
		.left = 1,
		.standing = standing,
	};
	kept_lies(kept, segment, at);
	table_put(store->messages, (struct table_key){kept->id, kept->origin}, number);
	kept_count(store, kept, 1);
	return number;
}

struct kept *kept_put(struct store *store, struct segment *segment, const struct record *record,
	uint64_t at, enum standing standing)
{
	uint32_t number = number_find(store, record->id, record->origin);

	segment->all_bytes += record_extent(record->length);
	if (number == TABLE_NONE)
		number = kept_new(store, segment, record, at, standing);
	else
		copy_found(store, slab_at(store->kept, number), segment, record, at, standing);
	number_show(store, segment, number);
	return slab_at(store->kept, number);
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
	struct segment *segment = kept_segment(store, kept);

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
		segment_event(segment, known->event);
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
		.segment = (uint32_t)kept_segment(store, kept)->number,
		.at = kept_at(kept),
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

	if (!walk_record(walk, kept_at(kept), &record) || record.type != RECORD_MESSAGE)
		return false;
	struct slice payload = walk_payload(walk, kept_at(kept), &record, UINT32_MAX);
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
		struct slice start = walk_payload(walk, kept_at(kept), &record, most);
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

/* Forgetting */

static void kept_free(struct store *store, uint32_t number)
{
	struct kept *kept = slab_at(store->kept, number);

	table_take(store->messages, (struct table_key){kept->id, kept->origin});
	if (kept->recipients > FEW)
		free(kept->done.many);
	slab_give(store->kept, number);
}

/* A segment of small mail shows tens of thousands: only the list of them goes aside here. */
void segment_forget_shown(struct store *store, struct segment *segment)
{
	struct forgotten *forgotten = malloc(sizeof *forgotten);

	panic_if(!forgotten, "out of memory");
	*forgotten = (struct forgotten){store->forgotten, segment->shown, segment->shown_count};
	store->forgotten = forgotten;
	segment->shown = NULL;
	segment->shown_count = segment->shown_size = 0;
	store->tend_due = true;
	(void)kept_forget(store);
}

bool kept_forget(struct store *store)
{
	struct forgotten *forgotten;
	size_t most = store->scale.forget;

	while ((forgotten = store->forgotten)) {
		for (; forgotten->count && most; most--) {
			uint32_t number = forgotten->shown[--forgotten->count];
			struct kept *kept = slab_at(store->kept, number);
			if (--kept->shown == 0)
				kept_free(store, number);
		}
		if (forgotten->count)
			break;
		store->forgotten = forgotten->next;
		free(forgotten->shown);
		free(forgotten);
	}
	return store->forgotten != NULL;
}

void kept_close(struct store *store)
{
	struct kept *kept;
	struct forgotten *forgotten;

	while ((forgotten = store->forgotten)) {
		store->forgotten = forgotten->next;
		free(forgotten->shown);
		free(forgotten);
	}
	for (uint32_t at = 0; store->kept && (kept = slab_next(store->kept, &at)); at++)
		if (kept->recipients > FEW)
			free(kept->done.many);
	table_free(store->messages);
	slab_free(store->kept);
}

bool store_locate(const struct store *store, struct stored *stored)
{
	const struct kept *kept = kept_find(store, stored->id, stored->origin);
	const struct segment *segment = kept ? kept_segment(store, kept) : NULL;

	if (!segment)
		return false;
	stored->segment = (uint32_t)segment->number;
	stored->at = kept_at(kept);
	stored->length = kept->length;
	stored->copy = kept->copy;
	stored->parts = kept->parts;
	return true;
}
