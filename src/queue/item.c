/* SPDX-License-Identifier: Apache-2.0 */
/* Items, made from what the store found. Read item.h first. */
#include "queue/item.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "queue/schedule.h"

struct slice last_enhanced(const struct last_words *last)
{
	return (struct slice){last->text, last->enhanced_len};
}

struct slice last_remote(const struct last_words *last)
{
	return (struct slice){last->text + last->enhanced_len, last->remote_len};
}

struct slice last_said(const struct last_words *last)
{
	return (struct slice){last->text + last->enhanced_len + last->remote_len, last->words_len};
}

struct delivery_tls last_tls(const struct last_words *last)
{
	const char *session = last->text + last->enhanced_len + last->remote_len + last->words_len;

	return (struct delivery_tls){
		.known = last->tls_known,
		.wanted = last->tls_wanted,
		.verified = last->tls_verified,
		.session = {session, last->session_len},
		.why = {session + last->session_len, last->why_len},
	};
}

static struct piece keep(struct item *item, uint32_t *used, struct slice s)
{
	struct piece piece = {*used, (uint16_t)(s.len < UINT16_MAX ? s.len : UINT16_MAX)};

	if (piece.len)
		memcpy(item->text + *used, s.at, piece.len);
	*used += piece.len;
	return piece;
}

static size_t text_size(
	const struct envelope *envelope, const struct stored_recipient *known, uint32_t *count)
{
	size_t size = envelope->sender.len + envelope->account.len + envelope->listener.len;

	*count = 0;
	for (size_t i = 0; i < envelope->recipient_count; i++)
		if (!known[i].done) {
			size += envelope->recipients[i].address.len;
			(*count)++;
		}
	panic_if(size > UINT32_MAX, "an envelope of %zu bytes", size);
	return size;
}

/* What the results say of its next attempt: a time of the wall clock. One that is further away than
 * any wait could have been was written before that clock was set back: it is due now. HELD_UNTIL is
 * the mark of a held one. */
static void take_known(struct recipient *recipient, const struct stored_recipient *known,
	mono_ns longest, struct moment now)
{
	recipient->attempts =
		(uint16_t)(known->attempts < UINT16_MAX ? known->attempts : UINT16_MAX);
	recipient->state = RECIPIENT_WAITING;
	recipient->next = now.mono;
	if (known->next == HELD_UNTIL) {
		recipient->state = RECIPIENT_HELD;
		recipient->next = NEVER;
	} else if (known->next > now.wall && known->next - now.wall <= longest) {
		recipient->next = now.mono + (known->next - now.wall);
	}
}

/* What the edge would have replied, had the others not been accepted: "550 5.7.1 words [why ID]".
 */
static void take_refusal(
	struct recipient *recipient, const struct envelope_recipient *refused, wall_ns when)
{
	struct slice words = refused->reply;
	struct slice digits = slice_cut(&words, ' ');
	struct slice rest = words, enhanced = slice_cut(&rest, ' ');
	struct enhanced ignored;
	uint64_t code = 0;
	bool has_status = enhanced_parse(enhanced, &ignored);

	(void)slice_number(digits, 599, &code);
	recipient->refused = true;
	recipient_remember(recipient,
		&(struct delivery_outcome){.code = (uint16_t)code,
			.reason = (uint16_t)reason_find(refused->reason),
			.enhanced = has_status ? enhanced : SLICE_NONE,
			.words = has_status ? rest : words},
		ROUTE_MX, when);
}

static void take_recipients(struct item *item, const struct envelope *envelope,
	const struct stored_recipient *known, uint32_t used, mono_ns longest, struct moment now)
{
	uint32_t n = 0;

	for (size_t i = 0; i < envelope->recipient_count; i++) {
		if (known[i].done)
			continue;
		struct recipient *recipient = &item->recipients[n++];
		recipient->item = item;
		recipient->index = (uint16_t)i;
		recipient->notify = envelope->recipients[i].notify;
		recipient->forwarded = envelope->recipients[i].flags & ENVELOPE_RECIPIENT_FORWARDED;
		recipient->address = keep(item, &used, envelope->recipients[i].address);
		take_known(recipient, &known[i], longest, now);
		if (envelope->recipients[i].flags & ENVELOPE_RECIPIENT_REFUSED)
			take_refusal(recipient, &envelope->recipients[i], envelope->received);
		if (recipient->next < item->next)
			item->next = recipient->next;
		/* Whether a delay was reported is not written down: once it may have been, it is
		 * not reported again. */
		recipient->delay_told =
			recipient->attempts && now.mono - item->received > DELAY_AFTER;
	}
}

struct item *item_new(const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients, mono_ns longest, struct moment now)
{
	const struct envelope *envelope = &message->envelope;
	uint32_t count, used = 0;
	size_t text = text_size(envelope, recipients, &count);
	size_t head = sizeof(struct item) + count * sizeof(struct recipient);
	struct item *item = calloc(1, head + text);

	panic_if(!item, "out of memory: %zu bytes for a message of the queue", head + text);
	item->stored = *stored;
	item->text = (char *)item + head;
	mono_ns age = now.wall - envelope->received;
	if (age < 0) /* it came in the future: the clock was set back, no time of it holds */
		age = longest = 0;
	item->received = now.mono - age;
	item->next = NEVER;
	item->place = HEAP_NOWHERE;
	item->size = message->body_size;
	item->flags = envelope->flags;
	item->count = item->left = count;
	item->has_client = address_parse(envelope->client, &item->client);
	item->sender = keep(item, &used, envelope->sender);
	item->account = keep(item, &used, envelope->account);
	item->listener = keep(item, &used, envelope->listener);
	take_recipients(item, envelope, recipients, used, longest, now);
	return item;
}

void item_free(struct item *item)
{
	for (uint32_t i = 0; i < item->count; i++)
		free(item->recipients[i].last);
	free(item);
}

size_t item_memory(const struct item *item)
{
	size_t bytes = malloc_usable_size((void *)(uintptr_t)item) + sizeof(size_t);

	for (uint32_t i = 0; i < item->count; i++)
		if (item->recipients[i].last)
			bytes += malloc_usable_size(item->recipients[i].last) + sizeof(size_t);
	return bytes;
}
