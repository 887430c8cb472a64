/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps: a table from a key (bytes) to an object, open addressing, grown by doubling.
 *
 * The map owns its table only: keys must live as long as their entry (usually inside the object),
 * objects belong to the caller. Hashing is keyed with the seed given to map_new(), so that clients
 * who choose keys cannot make them collide; give random bytes where they can.
 *
 *	struct map *sessions = map_new(seed);
 *	map_put(sessions, slice, object);
 *	struct session *s = map_get(sessions, slice);
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/slice.h"

struct map;

struct map *map_new(uint64_t seed);
void map_free(struct map *map); /* NULL is fine; objects stay */
/* The object kept under `key`, or NULL. */
void *map_get(const struct map *map, struct slice key);
/* Keeps `object` (never NULL) under `key`; gives back the object it replaces, or NULL. */
void *map_put(struct map *map, struct slice key, void *object);
/* Takes out and gives back the object under `key`, or NULL. */
void *map_take(struct map *map, struct slice key);
size_t map_count(const struct map *map);
/* All objects, in no order: *at starts at 0; NULL at the end. Only the object just given may be
 * taken out on the way. */
void *map_next(const struct map *map, size_t *at);

/* A number as a key; it must outlive the entry, so it is usually a member of the object. */
static inline struct slice map_key(const uint64_t *number)
{
	return (struct slice){(const char *)number, sizeof *number};
}

#endif
