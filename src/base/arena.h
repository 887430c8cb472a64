/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas: memory that is given back all at once.
 *
 * One arena lives as long as a session, another as long as a transaction; conversation code never
 * frees anything else. Memory is zeroed and aligned to 16 bytes. When the system has none left the
 * process panics (see panic.h): limits on what a client may make us keep stand in the code that
 * talks to the client, not here.
 *
 *	struct arena *arena = arena_new();
 *	struct slice domain = arena_slice(arena, part);
 *	arena_reset(arena);                       all of it is gone, the first block is kept
 *	arena_free(arena);
 *
 * Built with -Darena_each_malloc=true each object is a malloc of its own, so that
 * AddressSanitizer sees every overrun and every use after a reset.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena;

struct arena *arena_new(void);
void arena_reset(struct arena *arena); /* every pointer into it is dead */
void arena_free(struct arena *arena);  /* NULL is fine */
/* Resets it, and nothing that was in it can be read from memory any more: for secrets. */
void arena_wipe(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* The same, not zeroed: for what is written over at once. */
char *arena_bytes(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
struct slice arena_slice(struct arena *arena, struct slice s); /* a copy */
char *arena_string(struct arena *arena, struct slice s);       /* a copy, NUL-terminated */
struct slice arena_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* One behind the other, without printf: for what is put together for each message. */
struct slice arena_join(struct arena *arena, const struct slice *parts, size_t count);
size_t arena_used(const struct arena *arena); /* bytes handed out since new or reset */

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_array((arena), sizeof(type), (count)))
void *arena_array(struct arena *arena, size_t size, size_t count);

#endif
