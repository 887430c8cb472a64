/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8. The contract is in utf8.h. */
#include "base/utf8.h"

#include <string.h>

enum { REPLACEMENT = 0xfffd };

/* RFC 3629 section 4: the lowest and highest lead byte of each length, and what it may encode. */
static const struct shape {
	uint8_t first, last;
	uint8_t len;
	uint8_t mask;
	uint32_t least;
} shapes[] = {
	{0x00, 0x7f, 1, 0x7f, 0},
	{0xc2, 0xdf, 2, 0x1f, 0x80},
	{0xe0, 0xef, 3, 0x0f, 0x800},
	{0xf0, 0xf4, 4, 0x07, 0x10000},
};

static size_t decode_shape(const struct shape *shape, struct slice s, uint32_t *point)
{
	uint32_t value = (uint8_t)s.at[0] & shape->mask;

	if (s.len < shape->len)
		return 0;
	for (size_t i = 1; i < shape->len; i++) {
		uint8_t byte = (uint8_t)s.at[i];
		if ((byte & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (byte & 0x3f);
	}
	if (value < shape->least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*point = value;
	return shape->len;
}

size_t utf8_decode(struct slice s, uint32_t *point)
{
	*point = REPLACEMENT;
	if (s.len == 0)
		return 0;
	uint8_t lead = (uint8_t)s.at[0];
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		if (lead >= shapes[i].first && lead <= shapes[i].last)
			return decode_shape(&shapes[i], s, point);
	return 0;
}

bool utf8_is_valid(struct slice s)
{
	uint32_t point;

	while (s.len) {
		size_t len = utf8_decode(s, &point);
		if (len == 0)
			return false;
		s = slice_from(s, len);
	}
	return true;
}

bool utf8_is_ascii(struct slice s)
{
	uint64_t seen = 0, word;
	size_t i = 0;

	for (; s.len - i >= sizeof word; i += sizeof word) {
		memcpy(&word, s.at + i, sizeof word);
		seen |= word;
	}
	for (; i < s.len; i++)
		seen |= (uint8_t)s.at[i];
	return (seen & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_reorders(uint32_t point)
{
	return point == 0x200e || point == 0x200f || point == 0x061c ||
	       (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
	       point == 0x2028 || point == 0x2029;
}
