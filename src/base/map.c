/* SPDX-License-Identifier: Apache-2.0 */
/* Maps. The contract is in map.h. Linear probing, at most three quarters full; an entry taken out
 * leaves a mark (`GONE`) that a later one may use, so that map_next() never sees one twice. */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

struct entry {
	uint64_t hash;
	struct slice key;
	void *object; /* NULL: never used */
};

struct map {
	uint64_t seed;
	size_t count; /* live entries */
	size_t used;  /* live entries and marks */
	size_t size;  /* a power of two */
	struct entry *entries;
};

static char gone_mark;
#define GONE ((void *)&gone_mark)

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

/* Eight bytes at a time. The seed goes in first, with the length, and the result is mixed (the
 * finaliser of MurmurHash3, public domain arithmetic), so that neither low bits nor chosen keys
 * pile up. */
static uint64_t map_hash(const struct map *map, struct slice key)
{
	uint64_t hash = map->seed ^ 0xcbf29ce484222325u ^ key.len, word;

	for (; key.len >= sizeof word; key = slice_from(key, sizeof word)) {
		memcpy(&word, key.at, sizeof word);
		hash = hash_word(hash, word);
	}
	word = 0;
	if (key.len)
		memcpy(&word, key.at, key.len);
	hash = hash_word(hash, word);
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdu;
	return hash ^ hash >> 33;
}

struct map *map_new(uint64_t seed)
{
	struct map *map = calloc(1, sizeof *map);

	panic_if(!map, "out of memory");
	map->seed = seed;
	return map;
}

void map_free(struct map *map)
{
	if (!map)
		return;
	free(map->entries);
	free(map);
}

static bool entry_is_live(const struct entry *entry)
{
	return entry->object && entry->object != GONE;
}

static struct entry *map_find(const struct map *map, uint64_t hash, struct slice key)
{
	if (map->size == 0)
		return NULL;
	for (size_t i = hash & (map->size - 1);; i = (i + 1) & (map->size - 1)) {
		struct entry *entry = &map->entries[i];
		if (!entry->object)
			return NULL;
		if (entry->object != GONE && entry->hash == hash && slice_is(entry->key, key))
			return entry;
	}
}

static struct entry *map_free_place(const struct map *map, uint64_t hash)
{
	size_t i = hash & (map->size - 1);

	while (entry_is_live(&map->entries[i]))
		i = (i + 1) & (map->size - 1);
	return &map->entries[i];
}

static void map_resize(struct map *map, size_t size)
{
	struct entry *old = map->entries;
	size_t old_size = map->size;

	map->entries = calloc(size, sizeof *map->entries);
	panic_if(!map->entries, "out of memory: map of %zu", size);
	map->size = size;
	map->used = map->count;
	for (size_t i = 0; i < old_size; i++)
		if (entry_is_live(&old[i]))
			*map_free_place(map, old[i].hash) = old[i];
	free(old);
}

void *map_get(const struct map *map, struct slice key)
{
	struct entry *entry = map_find(map, map_hash(map, key), key);

	return entry ? entry->object : NULL;
}

void *map_put(struct map *map, struct slice key, void *object)
{
	uint64_t hash = map_hash(map, key);
	struct entry *entry = map_find(map, hash, key);

	if (entry) {
		void *before = entry->object;
		entry->key = key;
		entry->object = object;
		return before;
	}
	if ((map->used + 1) * 4 > map->size * 3)
		map_resize(
			map, map->count * 2 < 8 ? 16 : map->size << (map->count * 2 >= map->size));
	entry = map_free_place(map, hash);
	map->used += entry->object != GONE;
	map->count++;
	*entry = (struct entry){hash, key, object};
	return NULL;
}

void *map_take(struct map *map, struct slice key)
{
	struct entry *entry = map_find(map, map_hash(map, key), key);

	if (!entry)
		return NULL;
	void *object = entry->object;
	entry->object = GONE;
	entry->key = SLICE_NONE;
	map->count--;
	return object;
}

size_t map_count(const struct map *map)
{
	return map->count;
}

void *map_next(const struct map *map, size_t *at)
{
	while (*at < map->size) {
		const struct entry *entry = &map->entries[(*at)++];
		if (entry_is_live(entry))
			return entry->object;
	}
	return NULL;
}
