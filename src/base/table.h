/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables: 32-bit numbers found by a key of two words, for very many. The keys lie in the objects
 * that the numbers stand for (usually of a slab); the table holds a part of the hash and the
 * number, about 10 bytes for each.
 *
 * It is made of pages of some hundred numbers (extendible hashing): when one is full it alone is
 * split, so no call takes long however many there are, and nothing is ever there twice. The hash is
 * keyed with the seed: give random bytes, so that nobody can choose keys that collide.
 *
 *	struct table *table = table_new(seed, is_thing, things);
 *	table_put(table, (struct table_key){id, origin}, number);
 *	uint32_t number = table_get(table, (struct table_key){id, origin});      or TABLE_NONE
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX

struct table_key {
	uint64_t first, second;
};
struct table;

/* `is`: whether the object of this number has this key. */
struct table *table_new(uint64_t seed,
	bool (*is)(const void *owner, uint32_t number, struct table_key key), const void *owner);
void table_free(struct table *table); /* NULL is fine */
uint32_t table_get(const struct table *table, struct table_key key);
/* It is not there yet. */
void table_put(struct table *table, struct table_key key, uint32_t number);
/* Takes it out and gives it back, or TABLE_NONE. */
uint32_t table_take(struct table *table, struct table_key key);
size_t table_count(const struct table *table);
size_t table_memory(const struct table *table); /* bytes */

#endif
