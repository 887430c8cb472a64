/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slabs: very many objects of one size, each known by a 32-bit number.
 *
 * An object costs its own bytes and a sixth of one more: no header, no rounding. It stays where it
 * is until it is given back; memory of which nothing is in use goes back to the system. Growing
 * takes one piece for 1,024 objects, never a copy of what is there, so no call takes long however
 * many there are. When the system has no memory left the process panics (see panic.h).
 *
 *	struct slab *slab = slab_new(sizeof(struct thing));
 *	uint32_t number = slab_take(slab);
 *	struct thing *thing = slab_at(slab, number);       zeroed
 *	slab_give(slab, number);
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { SLAB_PIECE = 1024 }; /* objects; a power of two */

struct slab_piece {
	char *objects;  /* NULL: none */
	uint32_t taken; /* of them, in use */
	uint32_t fresh; /* those from here on were never used */
	uint64_t used[SLAB_PIECE / 64];
};
struct slab {
	size_t size; /* of an object */
	struct slab_piece *pieces;
	uint32_t count, room; /* of pieces */
	uint32_t first;       /* no piece before this one has room */
	uint32_t spare;       /* one without objects that was kept, perhaps */
	size_t taken;
};

struct slab *slab_new(size_t size);
void slab_free(struct slab *slab); /* NULL is fine */
uint32_t slab_take(struct slab *slab);
void slab_give(struct slab *slab, uint32_t number);
/* The next one in use, from *number on, which then is its number; NULL: there is none. Any may be
 * given back on the way. */
void *slab_next(const struct slab *slab, uint32_t *number);
size_t slab_memory(const struct slab *slab); /* bytes taken from the system */

static inline void *slab_at(const struct slab *slab, uint32_t number)
{
	return slab->pieces[number / SLAB_PIECE].objects + number % SLAB_PIECE * slab->size;
}

#endif
