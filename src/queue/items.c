/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All items, in slabs of one size each, eight bytes apart, so that none is rounded up by more; the
 * few that are larger than the largest are allocated one by one. An item's number is its place in
 * the slab and, in the highest bits, which slab.
 */
#include <malloc.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/slab.h"
#include "base/table.h"
#include "queue/item.h"

enum {
	SLABS = 32, /* the first holds pointers to the larger ones */
	SLAB_BITS = 27,
	STEP = 8,
	LEAST = sizeof(struct item) + sizeof(struct recipient),
	MOST = LEAST + (SLABS - 2) * STEP,
};
#define IN_SLAB ((UINT32_C(1) << SLAB_BITS) - 1)

struct items {
	struct slab *slabs[SLABS];
	struct table *by_id;
	size_t large; /* bytes of the larger ones */
};

static struct item *item_at(const struct items *items, uint32_t number)
{
	uint32_t slab = number >> SLAB_BITS;
	void *place = slab_at(items->slabs[slab], number & IN_SLAB);

	return slab ? place : *(struct item **)place;
}

static bool is_item(const void *owner, uint32_t number, struct table_key key)
{
	return item_at(owner, number)->id == key.first;
}

struct items *items_new(uint64_t seed)
{
	struct items *items = calloc(1, sizeof *items);

	panic_if(!items, "out of memory for the queue");
	for (size_t i = 0; i < SLABS; i++)
		items->slabs[i] = slab_new(i ? LEAST + (i - 1) * STEP : sizeof(struct item *));
	items->by_id = table_new(seed, is_item, items);
	return items;
}

void items_free(struct items *items)
{
	struct item *item;

	for (size_t at = 0; (item = items_next(items, &at));)
		item_free(items, item);
	for (size_t i = 0; i < SLABS; i++)
		slab_free(items->slabs[i]);
	table_free(items->by_id);
	free(items);
}

static size_t bytes_of(const void *allocated)
{
	return malloc_usable_size((void *)(uintptr_t)allocated) + sizeof(size_t);
}

static struct item *large_new(struct items *items, size_t bytes, uint32_t number)
{
	struct item *item = calloc(1, bytes);

	panic_if(!item, "out of memory: %zu bytes for a message of the queue", bytes);
	*(struct item **)slab_at(items->slabs[0], number) = item;
	items->large += bytes_of(item);
	return item;
}

static uint32_t slab_for(size_t bytes)
{
	if (bytes > MOST)
		return 0;
	return bytes <= LEAST ? 1 : 1 + (uint32_t)((bytes - LEAST + STEP - 1) / STEP);
}

struct item *items_add(struct items *items, uint64_t id, size_t recipients, size_t text)
{
	size_t bytes = sizeof(struct item) + recipients * sizeof(struct recipient) + text;
	uint32_t slab = slab_for(bytes), number = slab_take(items->slabs[slab]);

	panic_if(number > IN_SLAB, "the queue has %u messages of one size", number);
	struct item *item =
		slab ? slab_at(items->slabs[slab], number) : large_new(items, bytes, number);
	item->id = id;
	item->count = (uint16_t)recipients;
	table_put(items->by_id, (struct table_key){.first = id}, slab << SLAB_BITS | number);
	return item;
}

void items_take(struct items *items, struct item *item)
{
	uint32_t number = table_take(items->by_id, (struct table_key){.first = item->id});

	panic_if(number == TABLE_NONE, "the queue does not have this message");
	if (number <= IN_SLAB) {
		items->large -= bytes_of(item);
		free(item);
	}
	slab_give(items->slabs[number >> SLAB_BITS], number & IN_SLAB);
}

struct item *items_find(const struct items *items, uint64_t id)
{
	uint32_t number = table_get(items->by_id, (struct table_key){.first = id});

	return number == TABLE_NONE ? NULL : item_at(items, number);
}

struct item *items_next(const struct items *items, size_t *at)
{
	for (size_t slab = *at >> SLAB_BITS; slab < SLABS; *at = ++slab << SLAB_BITS) {
		uint32_t place = (uint32_t)(*at & IN_SLAB);
		if (!slab_next(items->slabs[slab], &place))
			continue;
		*at = (slab << SLAB_BITS) + place + 1;
		return item_at(items, (uint32_t)(slab << SLAB_BITS) | place);
	}
	return NULL;
}

size_t items_count(const struct items *items)
{
	return table_count(items->by_id);
}

size_t items_memory(const struct items *items)
{
	size_t bytes = sizeof *items + items->large + table_memory(items->by_id);

	for (size_t i = 0; i < SLABS; i++)
		bytes += slab_memory(items->slabs[i]);
	return bytes;
}

size_t item_memory(const struct item *item)
{
	size_t text = item->sender_len + item->account_len + item->listener_len + item->client_len;
	size_t bytes = 0;

	for (uint32_t i = 0; i < item->count; i++) {
		const struct recipient *recipient = &item->recipients[i];
		text += recipient->address_len;
		bytes += recipient->last ? bytes_of(recipient->last) : 0;
	}
	text += sizeof *item + item->count * sizeof *item->recipients;
	return bytes + (slab_for(text) ? (text + STEP - 1) / STEP * STEP : bytes_of(item));
}
