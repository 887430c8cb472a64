/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables. The contract is in table.h. One half of a hash chooses the page by the directory, the
 * other the place in the page; pages grow by a quarter, and split at PAGE_MOST (some ten million
 * numbers later, when the first half is used up, they only grow).
 */
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

enum { PAGE_LEAST = 32, PAGE_MOST = 512, DEPTH_MOST = 16, NEIGHBOURS = 6 };

struct slot {
	uint32_t hash, number; /* TABLE_NONE: empty */
};
struct page {
	uint32_t size, count;
	unsigned depth; /* bits of the hash that all of it share */
	struct slot slots[];
};
struct table {
	uint64_t seed;
	bool (*is)(const void *owner, uint32_t number, struct table_key key);
	const void *owner;
	struct page **pages; /* 1 << depth; a page may stand there several times */
	unsigned depth;
	size_t count, bytes;
};

/* Both words are mixed by multiplication and the finaliser of MurmurHash3 (public domain). */
static uint64_t mix(uint64_t seed, struct table_key key)
{
	uint64_t hash = (seed ^ key.first) * 0x9e3779b97f4a7c15u;

	hash = ((hash ^ hash >> 29) ^ key.second) * 0xff51afd7ed558ccdu;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
	return hash >> 32;
}

/* The higher half chooses the page, the lower the place in it. Ids that follow one another are
 * often asked for one after the other: they get the same page, which then is in the cache. */
static uint32_t hash_of(const struct table *table, struct table_key key)
{
	struct table_key near = {key.first >> NEIGHBOURS, key.second};

	return (uint32_t)(mix(table->seed, near) >> 16 << 16 | mix(table->seed, key) >> 16);
}

/* ---- pages ---- */

static size_t page_bytes(uint32_t size)
{
	return sizeof(struct page) + size * sizeof(struct slot);
}

static struct page *page_new(struct table *table, uint32_t size, unsigned depth)
{
	struct page *page = malloc(page_bytes(size));

	panic_if(!page, "out of memory");
	*page = (struct page){.size = size, .depth = depth};
	memset(page->slots, 0xff, size * sizeof(struct slot));
	table->bytes += page_bytes(size);
	return page;
}

static void page_free(struct table *table, struct page *page)
{
	table->bytes -= page_bytes(page->size);
	free(page);
}

static uint32_t home(const struct page *page, uint32_t hash)
{
	return (uint32_t)((uint64_t)(hash & 0xffff) * page->size >> 16);
}

static uint32_t after(const struct page *page, uint32_t place)
{
	return place + 1 == page->size ? 0 : place + 1;
}

static void page_put(struct page *page, struct slot slot)
{
	uint32_t place = home(page, slot.hash);

	while (page->slots[place].number != TABLE_NONE)
		place = after(page, place);
	page->slots[place] = slot;
	page->count++;
}

/* What follows moves up, so that nothing is behind an empty place. */
static void page_take(struct page *page, uint32_t place)
{
	uint32_t next = place;

	for (;;) {
		next = after(page, next);
		if (page->slots[next].number == TABLE_NONE)
			break;
		uint32_t wanted = home(page, page->slots[next].hash);
		bool between = place <= next ? place < wanted && wanted <= next
					     : place < wanted || wanted <= next;
		if (between)
			continue;
		page->slots[place] = page->slots[next];
		place = next;
	}
	page->slots[place].number = TABLE_NONE;
	page->count--;
}

/* ---- the directory ---- */

static struct page **page_place(const struct table *table, uint32_t hash)
{
	return &table->pages[(uint64_t)hash >> (32 - table->depth)];
}

/* All places of one page, or of a half of it: those whose hash begins with the same `depth` bits.
 */
static void page_stand(struct table *table, struct page *page, uint32_t hash)
{
	unsigned low = table->depth - page->depth;
	size_t first = (size_t)((uint64_t)hash >> (32 - table->depth)) >> low << low;

	for (size_t i = 0; i < (size_t)1 << low; i++)
		table->pages[first + i] = page;
}

static void pages_double(struct table *table)
{
	size_t count = (size_t)1 << table->depth;
	struct page **pages = reallocarray(NULL, 2 * count, sizeof *pages);

	panic_if(!pages, "out of memory: %zu pages of a table", 2 * count);
	for (size_t i = 0; i < 2 * count; i++)
		pages[i] = table->pages[i / 2];
	free(table->pages);
	table->pages = pages;
	table->bytes += count * sizeof *pages;
	table->depth++;
}

static uint32_t size_for(uint32_t count)
{
	uint32_t size = count + count / 4 + PAGE_LEAST / 4;

	return size < PAGE_LEAST ? PAGE_LEAST : size;
}

static void page_resize(struct table *table, struct page *old, uint32_t hash, uint32_t size)
{
	struct page *page = page_new(table, size, old->depth);

	for (uint32_t i = 0; i < old->size; i++)
		if (old->slots[i].number != TABLE_NONE)
			page_put(page, old->slots[i]);
	page_stand(table, page, hash);
	page_free(table, old);
}

static bool upper_half(const struct page *old, uint32_t hash)
{
	return hash >> (31 - old->depth) & 1;
}

static void page_split(struct table *table, struct page *old, uint32_t hash)
{
	uint32_t counts[2] = {0, 0};
	struct page *halves[2];
	uint32_t bit = UINT32_C(1) << (31 - old->depth);

	if (old->depth == table->depth)
		pages_double(table);
	for (uint32_t i = 0; i < old->size; i++)
		if (old->slots[i].number != TABLE_NONE)
			counts[upper_half(old, old->slots[i].hash)]++;
	for (int i = 0; i < 2; i++)
		halves[i] = page_new(table, size_for(counts[i]), old->depth + 1);
	for (uint32_t i = 0; i < old->size; i++)
		if (old->slots[i].number != TABLE_NONE)
			page_put(halves[upper_half(old, old->slots[i].hash)], old->slots[i]);
	page_stand(table, halves[0], hash & ~bit);
	page_stand(table, halves[1], hash | bit);
	page_free(table, old);
}

/* ---- the table ---- */

static void table_begin(struct table *table)
{
	table->pages = malloc(sizeof *table->pages);
	panic_if(!table->pages, "out of memory");
	table->depth = 0;
	table->bytes = sizeof *table + sizeof *table->pages;
	table->pages[0] = page_new(table, PAGE_LEAST, 0);
}

static void table_end(struct table *table)
{
	for (size_t i = 0; i < (size_t)1 << table->depth;) {
		struct page *page = table->pages[i];
		i += (size_t)1 << (table->depth - page->depth);
		free(page);
	}
	free(table->pages);
}

struct table *table_new(uint64_t seed,
	bool (*is)(const void *owner, uint32_t number, struct table_key key), const void *owner)
{
	struct table *table = malloc(sizeof *table);

	panic_if(!table, "out of memory");
	*table = (struct table){.seed = seed, .is = is, .owner = owner};
	table_begin(table);
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	table_end(table);
	free(table);
}

static uint32_t place_find(
	const struct table *table, const struct page *page, uint32_t hash, struct table_key key)
{
	uint32_t place = home(page, hash);

	for (; page->slots[place].number != TABLE_NONE; place = after(page, place))
		if (page->slots[place].hash == hash &&
			table->is(table->owner, page->slots[place].number, key))
			return place;
	return TABLE_NONE;
}

uint32_t table_get(const struct table *table, struct table_key key)
{
	uint32_t hash = hash_of(table, key);
	const struct page *page = *page_place(table, hash);
	uint32_t place = place_find(table, page, hash, key);

	return place == TABLE_NONE ? TABLE_NONE : page->slots[place].number;
}

/* At most seven eighths full. */
static bool page_is_full(const struct page *page)
{
	return (page->count + 1) * 8 > page->size * 7;
}

void table_put(struct table *table, struct table_key key, uint32_t number)
{
	uint32_t hash = hash_of(table, key);
	struct page *page;

	while (page_is_full(page = *page_place(table, hash)))
		if (page->size < PAGE_MOST || page->depth == DEPTH_MOST)
			page_resize(table, page, hash, size_for(page->size));
		else
			page_split(table, page, hash);
	page_put(page, (struct slot){hash, number});
	table->count++;
}

uint32_t table_take(struct table *table, struct table_key key)
{
	uint32_t hash = hash_of(table, key);
	struct page *page = *page_place(table, hash);
	uint32_t place = place_find(table, page, hash, key);

	if (place == TABLE_NONE)
		return TABLE_NONE;
	uint32_t number = page->slots[place].number;
	page_take(page, place);
	if (page->size > 2 * PAGE_LEAST && page->count * 4 < page->size)
		page_resize(table, page, hash, size_for(page->count));
	if (--table->count == 0) {
		table_end(table);
		table_begin(table);
	}
	return number;
}

size_t table_count(const struct table *table)
{
	return table->count;
}

size_t table_memory(const struct table *table)
{
	return table->bytes;
}
