/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What next hops have said of mailboxes, kept for a while (`mailboxes asked`).
 *
 * Bounded: a full memory forgets in the domain that holds most. Who tries names at random finds
 * unknown ones, and those never push out known ones; among the known, one that was of use a second
 * time outlives those that were not, so that names at random at a next hop that takes everyone push
 * out each other.
 */
#ifndef SMTPOUT_RECALL_H
#define SMTPOUT_RECALL_H

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"

enum { RECALL_KNOWN_MOST = 100000, RECALL_UNKNOWN_MOST = 10000, RECALL_WORDS_MAX = 160 };
#define RECALL_FRESH (3600 * NS_PER_S)       /* after it a known one is asked again meanwhile */
#define RECALL_KNOWN (24 * 3600 * NS_PER_S)  /* after it only while the next hop is silent */
#define RECALL_STALE (168 * 3600 * NS_PER_S) /* after it not even then */
#define RECALL_UNKNOWN (900 * NS_PER_S)

struct recall;
struct recall_share { /* of one domain; zero-filled at first */
	struct list link, once, again, unknown;
	size_t known_count, unknown_count;
};
struct recall_entry {
	struct list link;
	struct recall_share *share;
	mono_ns when;
	bool known, again;
	uint16_t address_len, words_len;
	char bytes[]; /* the address, the words */
};
enum recall_age { RECALLED, RECALLED_DUE, RECALLED_STALE, FORGOTTEN };

struct recall *recall_open(uint64_t seed, size_t known_most, size_t unknown_most);
void recall_close(struct recall *recall); /* shares that remain are the caller's */
void recall_join(struct recall *recall, struct recall_share *share);
void recall_leave(struct recall *recall, struct recall_share *share); /* all of it is forgotten */
/* NULL: never heard, or FORGOTTEN. The entry lives until the next put. */
const struct recall_entry *recall_find(
	struct recall *recall, struct slice address, mono_ns now, enum recall_age *age);
/* It was of use. */
void recall_use(struct recall *recall, const struct recall_entry *entry);
void recall_put(struct recall *recall, struct recall_share *share, struct slice address, bool known,
	struct slice words, mono_ns now);
void recall_forget_unknown(struct recall *recall);
struct slice recall_words(const struct recall_entry *entry);

#endif
