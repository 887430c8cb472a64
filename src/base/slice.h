/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices: bytes that somebody else owns, passed by value.
 *
 * A slice may hold any byte, NUL included, and is never NUL-terminated: libc's edge is the only
 * place for C strings. A slice lives as long as what it points into (an arena, a buffer, a
 * literal); whoever keeps one for longer copies it with arena_slice().
 *
 *	struct slice verb = slice_cut(&line, ' ');      "MAIL", and line is what follows the blank
 *	if (slice_is_nocase(verb, SLICE("MAIL"))) …
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *at; /* may be NULL when len is 0 */
	size_t len;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_NONE ((struct slice){NULL, 0})
/* For printf's "%.*s". */
#define SLICE_ARGS(s) (int)(s).len, (s).at ? (s).at : ""

/* What ISO C's ctype would say in the C locale, without looking at a locale. */
static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}
static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}
static inline bool ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool ascii_is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}
static inline bool ascii_is_print(char c)
{
	return c >= ' ' && c <= '~';
}

struct slice slice_of(const char *text); /* of a C string; NULL gives SLICE_NONE */
/* A copy with a NUL behind it, to be freed; NULL: no memory. (strndup() looks for a NUL in `s`.) */
char *slice_string(struct slice s);
bool slice_is(struct slice a, struct slice b);
bool slice_is_nocase(struct slice a, struct slice b); /* ASCII letters alike */
int slice_compare(struct slice a, struct slice b);    /* bytewise, shorter first */
bool slice_starts(struct slice s, struct slice with);
bool slice_starts_nocase(struct slice s, struct slice with);
bool slice_ends_nocase(struct slice s, struct slice with);
/* Index of the first `c` (or of the last), or SIZE_MAX where there is none. */
size_t slice_find(struct slice s, char c);
size_t slice_find_last(struct slice s, char c);
bool slice_has(struct slice s, char c);
/* The part from `from` up to, not including, `to`; both are cut to what is there. */
struct slice slice_part(struct slice s, size_t from, size_t to);
struct slice slice_from(struct slice s, size_t from);
/* Everything before the first `c`; *s becomes what follows it (or empty where there was none). */
struct slice slice_cut(struct slice *s, char c);
struct slice slice_trim(struct slice s); /* without blanks and tabs at either end */
/* A decimal number up to `most`, nothing before or behind it; false: *number is untouched. */
bool slice_number(struct slice s, uint64_t most, uint64_t *number);
uint64_t slice_hash(struct slice s); /* for tables inside one process; not a promise, not secret */
/* `*` stands for any run, ASCII case is ignored, the whole text must match. */
bool slice_matches(struct slice text, struct slice pattern);

#endif
