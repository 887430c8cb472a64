/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas. The contract is in arena.h. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

enum {
	BLOCK_SIZE = 4000, /* with malloc's own header a block stays within one page */
	ALIGN = 16,
};

struct block {
	struct block *next;
	size_t size; /* usable bytes behind this header */
	size_t used;
	_Alignas(ALIGN) char bytes[];
};

struct arena {
	struct block *blocks; /* newest first */
	size_t used;
};

static size_t block_usable(size_t wanted)
{
#ifdef ARENA_EACH_MALLOC
	return wanted;
#else
	size_t usual = BLOCK_SIZE - sizeof(struct block);

	return wanted > usual / 2 ? wanted : usual;
#endif
}

static struct block *block_new(size_t wanted)
{
	size_t size = block_usable(wanted);
	struct block *block = malloc(sizeof *block + size);

	panic_if(!block, "out of memory: %zu bytes", size);
	*block = (struct block){.size = size};
	return block;
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof *arena);

	panic_if(!arena, "out of memory");
	return arena;
}

static void blocks_free(struct block *block)
{
	while (block) {
		struct block *next = block->next;
		free(block);
		block = next;
	}
}

void arena_reset(struct arena *arena)
{
	struct block *keep = arena->blocks;

	arena->used = 0;
	if (!keep)
		return;
	blocks_free(keep->next);
	keep->next = NULL;
	keep->used = 0;
	if (keep->size != block_usable(1)) {
		free(keep);
		arena->blocks = NULL;
	}
}

void arena_wipe(struct arena *arena)
{
	for (struct block *block = arena->blocks; block; block = block->next)
		explicit_bzero(block->bytes, block->size);
	arena_reset(arena);
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	blocks_free(arena->blocks);
	free(arena);
}

/* A block for one big object goes behind the newest, which keeps serving the small ones. */
static struct block *arena_grow(struct arena *arena, size_t size)
{
	struct block *fresh = block_new(size), *newest = arena->blocks;

	if (newest && fresh->size == size) {
		fresh->next = newest->next;
		newest->next = fresh;
	} else {
		fresh->next = newest;
		arena->blocks = fresh;
	}
	return fresh;
}

char *arena_bytes(struct arena *arena, size_t size)
{
	struct block *block = arena->blocks;

	panic_if(size > SIZE_MAX / 2, "arena: %zu bytes asked for", size);
	arena->used += size;
#ifndef ARENA_EACH_MALLOC
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
#endif
	if (!block || block->size - block->used < size)
		block = arena_grow(arena, size);
	char *bytes = block->bytes + block->used;
	block->used += size;
	return bytes;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return memset(arena_bytes(arena, size), 0, size);
}

void *arena_array(struct arena *arena, size_t size, size_t count)
{
	panic_if(size && count > SIZE_MAX / 2 / size, "arena: %zu objects asked for", count);
	return arena_alloc(arena, size * count);
}

struct slice arena_slice(struct arena *arena, struct slice s)
{
	char *copy = arena_bytes(arena, s.len);

	if (s.len)
		memcpy(copy, s.at, s.len);
	return (struct slice){copy, s.len};
}

char *arena_string(struct arena *arena, struct slice s)
{
	char *copy = arena_bytes(arena, s.len + 1);

	if (s.len)
		memcpy(copy, s.at, s.len);
	copy[s.len] = '\0';
	return copy;
}

struct slice arena_format(struct arena *arena, const char *format, ...)
{
	char small[256];
	va_list args, again;

	panic_if(!format, "arena_format: no format"); /* gcc with -fsanitize wants to know */
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(small, sizeof small, format, args);
	va_end(args);
	panic_if(len < 0, "arena_format: bad format");
	char *text = arena_bytes(arena, (size_t)len + 1);
	if ((size_t)len < sizeof small)
		memcpy(text, small, (size_t)len + 1);
	else
		vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return (struct slice){text, (size_t)len};
}

struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count)
{
	size_t whole = 0, len = 0;

	for (size_t i = 0; i < count; i++)
		whole += parts[i].len;
	char *joined = arena_bytes(arena, whole);
	for (size_t i = 0; i < count; len += parts[i++].len)
		if (parts[i].len)
			memcpy(joined + len, parts[i].at, parts[i].len);
	return (struct slice){joined, whole};
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
