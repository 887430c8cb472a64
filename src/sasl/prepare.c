/* SPDX-License-Identifier: Apache-2.0 */
/* SASLprep. The contract is in prepare.h; tables named A.1 and so on are those of RFC 3454. */
#include "sasl/prepare.h"

#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/panic.h"
#include "base/text.h"
#include "base/utf8.h"

struct range {
	uint32_t first, last;
};

/* C.1.2, spaces that are not ASCII: each becomes a blank (RFC 4013 section 2.1). */
static const struct range spaces[] = {{0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200b},
	{0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};
/* B.1: mapped to nothing. */
static const struct range nothings[] = {{0xad, 0xad}, {0x34f, 0x34f}, {0x1806, 0x1806},
	{0x180b, 0x180d}, {0x200c, 0x200d}, {0x2060, 0x2060}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}};
/* C.2.1, C.2.2, C.3 to C.9, without what has been mapped (section 2.3). */
static const struct range forbidden[] = {{0x0, 0x1f}, {0x7f, 0x9f}, {0x340, 0x341}, {0x6dd, 0x6dd},
	{0x70f, 0x70f}, {0x180e, 0x180e}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2063},
	{0x206a, 0x206f}, {0x2ff0, 0x2ffb}, {0xd800, 0xf8ff}, {0xfdd0, 0xfdef}, {0xfff9, 0xffff},
	{0x1d173, 0x1d17a}, {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff}, {0x3fffe, 0x3ffff},
	{0x4fffe, 0x4ffff}, {0x5fffe, 0x5ffff}, {0x6fffe, 0x6ffff}, {0x7fffe, 0x7ffff},
	{0x8fffe, 0x8ffff}, {0x9fffe, 0x9ffff}, {0xafffe, 0xaffff}, {0xbfffe, 0xbffff},
	{0xcfffe, 0xcffff}, {0xdfffe, 0xdffff}, {0xe0001, 0xe0001}, {0xe0020, 0xe007f},
	{0xefffe, 0x10ffff}};

#define IN(point, table) in_ranges((point), (table), sizeof(table) / sizeof *(table))

static bool in_ranges(uint32_t point, const struct range *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (point >= table[i].first && point <= table[i].last)
			return true;
	return false;
}

static bool is_plain_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_print(s.at[i]))
			return false;
	return true;
}

/* Section 2.1. Nothing grows: what is replaced was longer than a blank. */
static struct slice map(struct slice s, struct arena *arena)
{
	struct text out = {.at = arena_alloc(arena, s.len + 1), .size = s.len + 1};
	uint32_t point;

	for (size_t len; s.len; s = slice_from(s, len)) {
		len = utf8_decode(s, &point);
		if (IN(point, spaces))
			text_char(&out, ' ');
		else if (!IN(point, nothings))
			text_put(&out, slice_part(s, 0, len));
	}
	return text_slice(&out);
}

/* Section 2.2. */
static struct slice normalise(struct slice s, struct arena *arena)
{
	size_t len = 0;
	uint8_t *form = u8_normalize(UNINORM_NFKC, (const uint8_t *)s.at, s.len, NULL, &len);

	panic_if(!form, "out of memory");
	struct slice copy = arena_slice(arena, (struct slice){(const char *)form, len});
	explicit_bzero(form, len);
	free(form);
	return copy;
}

static bool is_right_to_left(uint32_t point)
{
	int category = uc_bidi_category(point);

	return category == UC_BIDI_R || category == UC_BIDI_AL;
}

/* Sections 2.3 and 2.4 (RFC 3454 section 6). */
static bool is_allowed(struct slice s)
{
	bool any = false, left = false, first = false, last = false;
	uint32_t point;

	for (size_t at = 0, len; at < s.len; at += len) {
		len = utf8_decode(slice_from(s, at), &point);
		if (!len || IN(point, forbidden))
			return false;
		last = is_right_to_left(point);
		if (at == 0)
			first = last;
		any |= last;
		left |= uc_bidi_category(point) == UC_BIDI_L;
	}
	return !any || (!left && first && last);
}

bool sasl_prepare(struct slice s, struct arena *arena, struct slice *prepared)
{
	*prepared = s;
	if (is_plain_ascii(s))
		return true;
	if (!utf8_is_valid(s))
		return false;
	*prepared = normalise(map(s, arena), arena);
	return is_allowed(*prepared);
}
