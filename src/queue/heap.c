/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap of items by `next`; each knows its place, so that it can move. */
#include <stdlib.h>

#include "base/panic.h"
#include "queue/item.h"

static void put(struct heap *heap, size_t place, struct item *item)
{
	heap->items[place] = item;
	item->place = (uint32_t)place;
}

static void rise(struct heap *heap, struct item *item)
{
	size_t place = item->place;

	while (place > 0) {
		struct item *parent = heap->items[(place - 1) / 2];
		if (parent->next <= item->next)
			break;
		put(heap, place, parent);
		place = (place - 1) / 2;
	}
	put(heap, place, item);
}

static void sink(struct heap *heap, struct item *item)
{
	size_t place = item->place, child;

	while ((child = 2 * place + 1) < heap->count) {
		if (child + 1 < heap->count &&
			heap->items[child + 1]->next < heap->items[child]->next)
			child++;
		if (heap->items[child]->next >= item->next)
			break;
		put(heap, place, heap->items[child]);
		place = child;
	}
	put(heap, place, item);
}

static void add(struct heap *heap, struct item *item)
{
	if (heap->count == heap->size) {
		heap->size = heap->size ? 2 * heap->size : 64;
		heap->items = reallocarray(heap->items, heap->size, sizeof *heap->items);
		panic_if(!heap->items, "out of memory: %zu places in the queue", heap->size);
	}
	put(heap, heap->count++, item);
	rise(heap, item);
}

static void take(struct heap *heap, struct item *item)
{
	struct item *last = heap->items[--heap->count];
	size_t place = item->place;

	item->place = HEAP_NOWHERE;
	if (last == item)
		return;
	put(heap, place, last);
	rise(heap, last);
	sink(heap, last);
}

void heap_settle(struct heap *heap, struct item *item)
{
	bool there = item->place != HEAP_NOWHERE;

	if (item->next == NEVER) {
		if (there)
			take(heap, item);
	} else if (!there) {
		add(heap, item);
	} else {
		rise(heap, item);
		sink(heap, item);
	}
}

struct item *heap_first(const struct heap *heap)
{
	return heap->count ? heap->items[0] : NULL;
}

void heap_free(struct heap *heap)
{
	free(heap->items);
	*heap = (struct heap){.count = 0};
}
