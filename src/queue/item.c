/* SPDX-License-Identifier: Apache-2.0 */
/* Items, made from what the store found. Read item.h first. */
#include "queue/item.h"

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

/* ---- texts ---- */

static char *texts(const struct item *item)
{
	return (char *)(uintptr_t)&item->recipients[item->count];
}

struct item *recipient_item(const struct recipient *recipient)
{
	uintptr_t first = (uintptr_t)(recipient - recipient->place);

	return (struct item *)(first - offsetof(struct item, recipients));
}

struct slice recipient_address(const struct recipient *recipient)
{
	const struct item *item = recipient_item(recipient);

	return (struct slice){texts(item) + recipient->address_at, recipient->address_len};
}

struct slice item_sender(const struct item *item)
{
	return (struct slice){texts(item), item->sender_len};
}

struct slice item_account(const struct item *item)
{
	return (struct slice){texts(item) + item->sender_len, item->account_len};
}

struct slice item_listener(const struct item *item)
{
	return (struct slice){
		texts(item) + item->sender_len + item->account_len, item->listener_len};
}

enum { V4_LEN = 4, V4_AT = 12 };

bool item_client(const struct item *item, struct address *client)
{
	struct slice before = item_listener(item);
	bool is_v4 = item->client_len == V4_LEN;

	*client = (struct address){.is_v4 = is_v4, .bytes[10] = 0xff, .bytes[11] = 0xff};
	memcpy(client->bytes + (is_v4 ? V4_AT : 0), before.at + before.len, item->client_len);
	return item->client_len > 0;
}

/* ---- a new one ---- */

static uint16_t keep(struct item *item, uint32_t *used, struct slice s)
{
	uint16_t len = (uint16_t)(s.len < UINT16_MAX ? s.len : UINT16_MAX);

	if (len)
		memcpy(texts(item) + *used, s.at, len);
	*used += len;
	return len;
}

/* Empty: there is none. */
static struct slice client_bytes(const struct envelope *envelope, struct address *client)
{
	const char *bytes = (const char *)client->bytes;

	if (!address_parse(envelope->client, client))
		return SLICE_NONE;
	return client->is_v4 ? (struct slice){bytes + V4_AT, V4_LEN}
			     : (struct slice){bytes, sizeof client->bytes};
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
		struct recipient *recipient = &item->recipients[n];
		recipient->place = (uint16_t)n++;
		recipient->index = (uint16_t)i;
		recipient->notify = envelope->recipients[i].notify;
		recipient->forwarded = envelope->recipients[i].flags & ENVELOPE_RECIPIENT_FORWARDED;
		recipient->address_at = used;
		recipient->address_len = keep(item, &used, envelope->recipients[i].address);
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

struct item *item_new(struct items *items, const struct stored *stored,
	const struct message *message, const struct stored_recipient *recipients, mono_ns longest,
	struct moment now)
{
	const struct envelope *envelope = &message->envelope;
	struct address address;
	struct slice client = client_bytes(envelope, &address);
	uint32_t count, used = 0;
	size_t text = text_size(envelope, recipients, &count) + client.len;
	struct item *item = items_add(items, stored->id, count, text);
	mono_ns age = now.wall - envelope->received;

	if (age < 0) /* it came in the future: the clock was set back, no time of it holds */
		age = longest = 0;
	item->origin = stored->origin;
	item->received = now.mono - age;
	item->next = NEVER;
	item->place = HEAP_NOWHERE;
	item->size = message->body_size;
	item->flags = (uint16_t)envelope->flags;
	item->left = item->count;
	item->sender_len = keep(item, &used, envelope->sender);
	item->account_len = keep(item, &used, envelope->account);
	item->listener_len = keep(item, &used, envelope->listener);
	item->client_len = (uint8_t)keep(item, &used, client);
	take_recipients(item, envelope, recipients, used, longest, now);
	return item;
}

void item_free(struct items *items, struct item *item)
{
	for (uint32_t i = 0; i < item->count; i++)
		free(item->recipients[i].last);
	items_take(items, item);
}
