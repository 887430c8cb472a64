/* SPDX-License-Identifier: Apache-2.0 */
/* What next hops have said, kept for a while. The contract is in recall.h. */
#include "smtpout/recall.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

struct recall {
	struct map *entries; /* by address */
	struct list shares;
	size_t known, unknown, known_most, unknown_most;
};

struct recall *recall_open(uint64_t seed, size_t known_most, size_t unknown_most)
{
	struct recall *recall = calloc(1, sizeof *recall);

	panic_if(!recall, "out of memory");
	recall->entries = map_new(seed);
	recall->known_most = known_most;
	recall->unknown_most = unknown_most;
	list_init(&recall->shares);
	return recall;
}

void recall_close(struct recall *recall)
{
	while (!list_is_empty(&recall->shares))
		recall_leave(recall, LIST_OBJECT(struct recall_share, recall->shares.next, link));
	map_free(recall->entries);
	free(recall);
}

static struct slice entry_address(const struct recall_entry *entry)
{
	return (struct slice){entry->bytes, entry->address_len};
}

struct slice recall_words(const struct recall_entry *entry)
{
	return (struct slice){entry->bytes + entry->address_len, entry->words_len};
}

/* ---- forgetting ---- */

static void entry_drop(struct recall *recall, struct recall_entry *entry)
{
	size_t *of_share = entry->known ? &entry->share->known_count : &entry->share->unknown_count;
	size_t *of_all = entry->known ? &recall->known : &recall->unknown;

	--*of_share;
	--*of_all;
	list_remove(&entry->link);
	map_take(recall->entries, entry_address(entry));
	free(entry);
}

static void list_drop(struct recall *recall, struct list *list)
{
	while (!list_is_empty(list))
		entry_drop(recall, LIST_OBJECT(struct recall_entry, list->next, link));
}

static size_t count_of(const struct recall_share *share, bool known)
{
	return known ? share->known_count : share->unknown_count;
}

static struct recall_share *fullest(struct recall *recall, bool known)
{
	struct recall_share *most = NULL;

	LIST_EACH (struct recall_share, share, &recall->shares, link)
		if (!most || count_of(share, known) > count_of(most, known))
			most = share;
	panic_if(!most, "nobody remembers anything");
	return most;
}

/* Lists begin with the one that was put or used longest ago. */
static struct list *first_to_go(struct recall_share *share, bool known)
{
	if (!known)
		return &share->unknown;
	return list_is_empty(&share->once) ? &share->again : &share->once;
}

static void make_room(struct recall *recall, bool known)
{
	if (known ? recall->known < recall->known_most : recall->unknown < recall->unknown_most)
		return;
	struct list *list = first_to_go(fullest(recall, known), known);
	entry_drop(recall, LIST_OBJECT(struct recall_entry, list->next, link));
}

void recall_forget_unknown(struct recall *recall)
{
	LIST_EACH (struct recall_share, share, &recall->shares, link)
		list_drop(recall, &share->unknown);
}

/* ---- shares ---- */

void recall_join(struct recall *recall, struct recall_share *share)
{
	list_init(&share->once);
	list_init(&share->again);
	list_init(&share->unknown);
	list_append(&recall->shares, &share->link);
}

void recall_leave(struct recall *recall, struct recall_share *share)
{
	list_drop(recall, &share->once);
	list_drop(recall, &share->again);
	list_drop(recall, &share->unknown);
	list_remove(&share->link);
}

/* ---- entries ---- */

static enum recall_age age_of(const struct recall_entry *entry, mono_ns now)
{
	mono_ns age = now - entry->when;

	if (!entry->known)
		return age < RECALL_UNKNOWN ? RECALLED : FORGOTTEN;
	return age < RECALL_FRESH   ? RECALLED
	       : age < RECALL_KNOWN ? RECALLED_DUE
	       : age < RECALL_STALE ? RECALLED_STALE
				    : FORGOTTEN;
}

const struct recall_entry *recall_find(
	struct recall *recall, struct slice address, mono_ns now, enum recall_age *age)
{
	struct recall_entry *entry = map_get(recall->entries, address);

	*age = entry ? age_of(entry, now) : FORGOTTEN;
	if (entry && *age == FORGOTTEN) {
		entry_drop(recall, entry);
		return NULL;
	}
	return entry;
}

static void entry_place(struct recall_entry *entry)
{
	struct recall_share *share = entry->share;

	list_append(!entry->known  ? &share->unknown
		    : entry->again ? &share->again
				   : &share->once,
		&entry->link);
}

void recall_use(struct recall *recall, const struct recall_entry *found)
{
	struct recall_entry *entry = map_get(recall->entries, entry_address(found));

	panic_if(entry != found, "an entry that is not kept");
	entry->again |= entry->known;
	list_remove(&entry->link);
	entry_place(entry);
}

void recall_put(struct recall *recall, struct recall_share *share, struct slice address, bool known,
	struct slice words, mono_ns now)
{
	struct recall_entry *before = map_get(recall->entries, address);
	bool again = known && before && before->known && before->again;

	if (before)
		entry_drop(recall, before);
	make_room(recall, known);
	panic_if(address.len > UINT16_MAX, "an address of %zu bytes", address.len);
	words = slice_part(words, 0, RECALL_WORDS_MAX);
	struct recall_entry *entry = malloc(sizeof *entry + address.len + words.len);
	panic_if(!entry, "out of memory");
	*entry = (struct recall_entry){.share = share,
		.when = now,
		.known = known,
		.again = again,
		.address_len = (uint16_t)address.len,
		.words_len = (uint16_t)words.len};
	memcpy(entry->bytes, address.at, address.len);
	memcpy(entry->bytes + address.len, words.at ? words.at : "", words.len);
	entry_place(entry);
	map_put(recall->entries, entry_address(entry), entry);
	*(known ? &recall->known : &recall->unknown) += 1;
	*(known ? &share->known_count : &share->unknown_count) += 1;
}
