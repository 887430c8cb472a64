/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the queue keeps in memory of each message: enough to choose its way and its time, small
 * enough for a million. One piece of memory holds the item, its recipients and their texts.
 */
#ifndef QUEUE_ITEM_H
#define QUEUE_ITEM_H

#include "base/address.h"
#include "base/clock.h"
#include "base/list.h"
#include "packets/delivery.h"
#include "reason/reason.h"
#include "spool/store.h"

/* Both clocks, as of the start of a turn: the schedule itself asks nobody for the time. */
struct moment {
	mono_ns mono;
	wall_ns wall;
};

enum recipient_state {
	RECIPIENT_WAITING, /* until `next` */
	RECIPIENT_ROUTED,  /* linked in its destination */
	RECIPIENT_OUT,     /* linked in its job */
	RECIPIENT_HELD,
	RECIPIENT_FAILED,    /* for good; its report is not durable yet */
	RECIPIENT_SUCCEEDED, /* delivered; the report that was asked for is not made yet */
	RECIPIENT_DONE,
};

/* What was said at the last attempt. */
struct last_words {
	uint16_t code;   /* 0: the remote said nothing */
	uint16_t reason; /* enum reason when we and not the remote said it */
	uint16_t words_len;
	uint8_t route; /* enum route_kind, of the attempt */
	bool tls_known, tls_verified;
	uint8_t tls_wanted; /* as struct delivery_tls says */
	uint8_t enhanced_len, remote_len, session_len, why_len;
	wall_ns time;
	char text[]; /* enhanced, remote, words, the TLS session, why not */
};

struct recipient {
	union {
		mono_ns next; /* WAITING */
		struct {      /* ROUTED, OUT */
			struct list link;
			struct destination *destination; /* ROUTED */
		};
	};
	struct last_words *last; /* NULL: none */
	uint32_t address_at;     /* in the item's text */
	uint16_t address_len;
	uint16_t place; /* among the item's */
	uint16_t index; /* in the envelope */
	uint16_t attempts;
	uint8_t state;  /* enum recipient_state */
	uint8_t notify; /* NOTIFY_… */
	bool delay_told : 1;
	bool tell_delay : 1; /* a report of delay is to be made */
	bool expired : 1;    /* FAILED, and that by time */
	bool forwarded : 1;  /* leaves with a return path of its own */
	bool refused : 1;    /* after the data, by the policy: it fails when it is due */
};

/* Behind the recipients lie the texts: sender, account, listener, the client's address (4 octets or
 * 16), the recipients' addresses. Where the message lies is asked of the store: store_locate(). */
struct item {
	uint64_t id, origin;
	mono_ns received; /* as the monotonic clock would have shown it */
	mono_ns next;     /* the least `next` of its waiting recipients; NEVER: none */
	uint64_t size;    /* octets of the body */
	uint32_t place;   /* in the heap; HEAP_NOWHERE */
	uint32_t pending; /* recipients that a report waits for */
	uint16_t count;   /* recipients below; the done ones of the envelope are not among them */
	uint16_t left;    /* of them not DONE */
	uint16_t jobs;    /* outstanding */
	uint16_t flags;   /* ENVELOPE_… */
	uint16_t sender_len, account_len, listener_len;
	uint8_t client_len;
	struct recipient recipients[];
};
_Static_assert(sizeof(struct recipient) == 48 && sizeof(struct item) == 64,
	"a million of them: look twice at what is added");

struct item *recipient_item(const struct recipient *recipient);
struct slice recipient_address(const struct recipient *recipient);
struct slice item_sender(const struct item *item);
struct slice item_account(const struct item *item);
struct slice item_listener(const struct item *item);
bool item_client(const struct item *item, struct address *client); /* false: it has none */
/* Its name for store_locate(), which says the rest. */
static inline struct stored item_stored(const struct item *item)
{
	return (struct stored){.id = item->id, .origin = item->origin};
}
struct slice last_enhanced(const struct last_words *last);
struct slice last_remote(const struct last_words *last);
struct slice last_said(const struct last_words *last);
struct delivery_tls last_tls(const struct last_words *last);

/* ---- all of them (items.c) ---- */
struct items;
struct items *items_new(uint64_t seed);
void items_free(struct items *items);
/* A new one, zeros behind its header, with room for so many octets of text. */
struct item *items_add(struct items *items, uint64_t id, size_t recipients, size_t text);
void items_take(struct items *items, struct item *item); /* and frees it */
struct item *items_find(const struct items *items, uint64_t id);
/* All, in no order: *at starts at 0; NULL at the end. */
struct item *items_next(const struct items *items, size_t *at);
size_t items_count(const struct items *items);
size_t items_memory(const struct items *items); /* bytes, without what remotes said */

/* Only recipients that are not done are taken over. A next attempt that is more than `longest` away
 * is due now: no wait is longer, so the clock was set back. */
struct item *item_new(struct items *items, const struct stored *stored,
	const struct message *message, const struct stored_recipient *recipients, mono_ns longest,
	struct moment now);
void item_free(struct items *items, struct item *item);
size_t item_memory(const struct item *item); /* bytes */

/* ---- by time: a binary heap of items ---- */
#define HEAP_NOWHERE UINT32_MAX
struct heap {
	struct item **items;
	size_t count, size;
};
/* Puts the item where its `next` belongs; out of the heap if that is NEVER. */
void heap_settle(struct heap *heap, struct item *item);
struct item *heap_first(const struct heap *heap); /* NULL: empty */
void heap_free(struct heap *heap);

#endif
