/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs. The contract is in slab.h. Pieces are pages of the system's own, so that what is empty can
 * go back whatever lies beside it. */
#include "base/slab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/panic.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_POISONED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_POISONED
#endif
#endif
#ifdef SLAB_POISONED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

enum { WORD = 64 };

static size_t piece_bytes(const struct slab *slab)
{
	return slab->size * SLAB_PIECE;
}

struct slab *slab_new(size_t size)
{
	struct slab *slab = calloc(1, sizeof *slab);

	panic_if(!slab, "out of memory");
	slab->size = size;
	return slab;
}

static void piece_free(struct slab *slab, struct slab_piece *piece)
{
	ASAN_UNPOISON_MEMORY_REGION(piece->objects, piece_bytes(slab));
	munmap(piece->objects, piece_bytes(slab));
	*piece = (struct slab_piece){.objects = NULL};
}

void slab_free(struct slab *slab)
{
	if (!slab)
		return;
	for (uint32_t i = 0; i < slab->count; i++)
		if (slab->pieces[i].objects)
			piece_free(slab, &slab->pieces[i]);
	free(slab->pieces);
	free(slab);
}

static void piece_make(struct slab *slab, struct slab_piece *piece)
{
	void *objects = mmap(NULL, piece_bytes(slab), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	panic_if(objects == MAP_FAILED, "out of memory: %zu bytes", piece_bytes(slab));
	*piece = (struct slab_piece){.objects = objects};
	ASAN_POISON_MEMORY_REGION(objects, piece_bytes(slab));
}

static struct slab_piece *piece_add(struct slab *slab)
{
	if (slab->count == slab->room) {
		slab->room = slab->room ? 2 * slab->room : 4;
		slab->pieces = reallocarray(slab->pieces, slab->room, sizeof *slab->pieces);
		panic_if(!slab->pieces, "out of memory: %u pieces", slab->room);
	}
	slab->pieces[slab->count] = (struct slab_piece){.objects = NULL};
	return &slab->pieces[slab->count++];
}

/* The first with room, so that the last ones become empty. */
static struct slab_piece *piece_with_room(struct slab *slab)
{
	struct slab_piece *piece;

	while (slab->first < slab->count && slab->pieces[slab->first].taken == SLAB_PIECE)
		slab->first++;
	piece = slab->first < slab->count ? &slab->pieces[slab->first] : piece_add(slab);
	if (!piece->objects)
		piece_make(slab, piece);
	return piece;
}

static uint32_t place_find(const struct slab_piece *piece)
{
	uint32_t word = 0;

	if (piece->taken == piece->fresh)
		return piece->fresh;
	while (piece->used[word] == UINT64_MAX)
		word++;
	return word * WORD + (uint32_t)__builtin_ctzll(~piece->used[word]);
}

uint32_t slab_take(struct slab *slab)
{
	struct slab_piece *piece = piece_with_room(slab);
	uint32_t place = place_find(piece);
	char *object = piece->objects + place * slab->size;

	ASAN_UNPOISON_MEMORY_REGION(object, slab->size);
	if (place < piece->fresh)
		memset(object, 0, slab->size);
	else
		piece->fresh = place + 1;
	piece->used[place / WORD] |= UINT64_C(1) << place % WORD;
	piece->taken++;
	slab->taken++;
	return (uint32_t)(piece - slab->pieces) * SLAB_PIECE + place;
}

/* One piece that is empty is kept, so that none comes and goes with each object. */
static void piece_is_empty(struct slab *slab, uint32_t at)
{
	struct slab_piece *spare = slab->spare < slab->count ? &slab->pieces[slab->spare] : NULL;

	if (spare && slab->spare != at && spare->objects && spare->taken == 0)
		piece_free(slab, spare);
	slab->spare = at;
}

void slab_give(struct slab *slab, uint32_t number)
{
	uint32_t at = number / SLAB_PIECE, place = number % SLAB_PIECE;
	struct slab_piece *piece = &slab->pieces[at];
	uint64_t bit = UINT64_C(1) << place % WORD;

	panic_if(at >= slab->count || !(piece->used[place / WORD] & bit), "%u is not in use",
		number);
	ASAN_POISON_MEMORY_REGION(piece->objects + place * slab->size, slab->size);
	piece->used[place / WORD] &= ~bit;
	piece->taken--;
	slab->taken--;
	if (at < slab->first)
		slab->first = at;
	if (piece->taken == 0)
		piece_is_empty(slab, at);
}

void *slab_next(const struct slab *slab, uint32_t *number)
{
	for (; *number / SLAB_PIECE < slab->count; (*number)++) {
		const struct slab_piece *piece = &slab->pieces[*number / SLAB_PIECE];
		uint32_t place = *number % SLAB_PIECE;
		if (piece->taken == 0)
			*number |= SLAB_PIECE - 1;
		else if (piece->used[place / WORD] >> place % WORD & 1)
			return slab_at(slab, *number);
	}
	return NULL;
}

size_t slab_memory(const struct slab *slab)
{
	size_t bytes = sizeof *slab + slab->room * sizeof *slab->pieces;

	for (uint32_t i = 0; i < slab->count; i++)
		bytes += slab->pieces[i].objects ? slab->pieces[i].fresh * slab->size : 0;
	return bytes;
}
