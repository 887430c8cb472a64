/* SPDX-License-Identifier: Apache-2.0 */
/* Slices. The contract is in slice.h. */
#include "base/slice.h"

#include <stdlib.h>
#include <string.h>

struct slice slice_of(const char *text)
{
	return text ? (struct slice){text, strlen(text)} : SLICE_NONE;
}

char *slice_string(struct slice s)
{
	char *copy = malloc(s.len + 1);

	if (!copy)
		return NULL;
	if (s.len)
		memcpy(copy, s.at, s.len);
	copy[s.len] = '\0';
	return copy;
}

bool slice_is(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool slice_is_nocase(struct slice a, struct slice b)
{
	return a.len == b.len && slice_starts_nocase(a, b);
}

int slice_compare(struct slice a, struct slice b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.at, b.at, shorter) : 0;

	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool slice_starts(struct slice s, struct slice with)
{
	return slice_is(slice_part(s, 0, with.len), with);
}

bool slice_starts_nocase(struct slice s, struct slice with)
{
	if (s.len < with.len)
		return false;
	for (size_t i = 0; i < with.len; i++)
		if (ascii_lower(s.at[i]) != ascii_lower(with.at[i]))
			return false;
	return true;
}

bool slice_ends_nocase(struct slice s, struct slice with)
{
	return s.len >= with.len && slice_starts_nocase(slice_from(s, s.len - with.len), with);
}

size_t slice_find(struct slice s, char c)
{
	const char *found = s.len ? memchr(s.at, c, s.len) : NULL;

	return found ? (size_t)(found - s.at) : SIZE_MAX;
}

size_t slice_find_last(struct slice s, char c)
{
	const char *found = s.len ? memrchr(s.at, c, s.len) : NULL;

	return found ? (size_t)(found - s.at) : SIZE_MAX;
}

bool slice_has(struct slice s, char c)
{
	return slice_find(s, c) != SIZE_MAX;
}

struct slice slice_part(struct slice s, size_t from, size_t to)
{
	if (to > s.len)
		to = s.len;
	if (from >= to)
		return SLICE_NONE;
	return (struct slice){s.at + from, to - from};
}

struct slice slice_from(struct slice s, size_t from)
{
	return slice_part(s, from, s.len);
}

struct slice slice_cut(struct slice *s, char c)
{
	size_t end = slice_find(*s, c);
	struct slice before = slice_part(*s, 0, end);

	*s = end == SIZE_MAX ? SLICE_NONE : slice_from(*s, end + 1);
	return before;
}

struct slice slice_trim(struct slice s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
		s = slice_from(s, 1);
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool slice_number(struct slice s, uint64_t most, uint64_t *number)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.at[i]))
			return false;
		uint64_t digit = (uint64_t)(s.at[i] - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (value > most)
		return false;
	*number = value;
	return true;
}

/* FNV-1a, 64 bits. */
uint64_t slice_hash(struct slice s)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (uint8_t)s.at[i]) * 0x100000001b3u;
	return hash;
}

/* Linear in text and pattern: only the last `*` is ever retried. */
bool slice_matches(struct slice text, struct slice pattern)
{
	size_t t = 0, p = 0, star = SIZE_MAX, resume = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			resume = t;
		} else if (p < pattern.len &&
			   ascii_lower(pattern.at[p]) == ascii_lower(text.at[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}
