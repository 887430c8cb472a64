/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the queue keeps in memory of each message: enough to choose its way and its time, small
 * enough for a million. One allocation holds the item, its recipients and their texts.
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

struct piece { /* of an item's text */
	uint32_t at;
	uint16_t len;
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
	struct list link;
	struct item *item;
	struct destination *destination; /* ROUTED */
	mono_ns next;                    /* WAITING */
	struct last_words *last;         /* NULL: none */
	struct piece address;
	uint16_t index; /* in the envelope */
	uint16_t attempts;
	uint8_t state;  /* enum recipient_state */
	uint8_t notify; /* NOTIFY_… */
	bool delay_told;
	bool tell_delay; /* a report of delay is to be made */
	bool expired;    /* FAILED, and that by time */
	bool forwarded;  /* leaves with a return path of its own */
	bool refused;    /* after the data, by the policy: it fails when it is due */
};

struct item {
	struct stored stored;
	mono_ns received; /* as the monotonic clock would have shown it */
	mono_ns next;     /* the least `next` of its waiting recipients; NEVER: none */
	size_t place;     /* in the heap; HEAP_NOWHERE */
	uint64_t size;    /* octets of the body */
	uint32_t flags;   /* ENVELOPE_… */
	uint32_t count;   /* recipients below; the done ones of the envelope are not among them */
	uint32_t left;    /* of them not DONE */
	uint32_t jobs;    /* outstanding */
	uint32_t pending; /* recipients that a report waits for */
	bool has_client;
	struct address client;
	struct piece sender, account, listener;
	char *text;
	struct recipient recipients[];
};

static inline struct slice item_text(const struct item *item, struct piece piece)
{
	return (struct slice){item->text + piece.at, piece.len};
}
static inline struct slice item_sender(const struct item *item)
{
	return item_text(item, item->sender);
}
static inline struct slice recipient_address(const struct recipient *recipient)
{
	return item_text(recipient->item, recipient->address);
}
struct slice last_enhanced(const struct last_words *last);
struct slice last_remote(const struct last_words *last);
struct slice last_said(const struct last_words *last);
struct delivery_tls last_tls(const struct last_words *last);

/* Only recipients that are not done are taken over. A next attempt that is more than `longest` away
 * is due now: no wait is longer, so the clock was set back. */
struct item *item_new(const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients, mono_ns longest, struct moment now);
void item_free(struct item *item);
size_t item_memory(const struct item *item); /* bytes */

/* ---- by time: a binary heap of items ---- */
#define HEAP_NOWHERE SIZE_MAX
struct heap {
	struct item **items;
	size_t count, size;
};
/* Puts the item where its `next` belongs; out of the heap if that is NEVER. */
void heap_settle(struct heap *heap, struct item *item);
struct item *heap_first(const struct heap *heap); /* NULL: empty */
void heap_free(struct heap *heap);

#endif
