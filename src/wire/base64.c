/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64. The contract is in base64.h. */
#include "wire/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* One to three octets give four characters. */
static void text_group(struct text *text, struct slice group)
{
	uint32_t bits = 0;
	char out[4];

	for (size_t i = 0; i < 3; i++)
		bits = bits << 8 | (i < group.len ? (uint8_t)group.at[i] : 0u);
	for (size_t i = 0; i < 4; i++)
		out[i] = i <= group.len ? alphabet[bits >> (6 * (3 - i)) & 63] : '=';
	text_put(text, (struct slice){out, 4});
}

void text_base64(struct text *text, struct slice bytes)
{
	for (size_t at = 0; at < bytes.len; at += 3)
		text_group(text, slice_part(bytes, at, at + 3));
}

static bool digit_value(char c, uint32_t *value)
{
	if (c >= 'A' && c <= 'Z')
		*value = (uint32_t)(c - 'A');
	else if (c >= 'a' && c <= 'z')
		*value = (uint32_t)(c - 'a' + 26);
	else if (ascii_is_digit(c))
		*value = (uint32_t)(c - '0' + 52);
	else if (c == '+' || c == '/')
		*value = c == '+' ? 62 : 63;
	else
		return false;
	return true;
}

/* Four characters, `padding` of them "=", to 3 - padding octets. RFC 4648 3.5: the bits that
 * padding leaves over must be zero, so that one text has one encoding. */
static bool group_decode(struct slice group, size_t padding, char *out)
{
	uint32_t bits = 0, value;

	for (size_t i = 0; i < 4; i++) {
		value = 0;
		if (i < 4 - padding && !digit_value(group.at[i], &value))
			return false;
		bits = bits << 6 | value;
	}
	if (padding && bits & ((1u << (8 * padding)) - 1))
		return false;
	for (size_t i = 0; i < 3 - padding; i++)
		out[i] = (char)(bits >> (8 * (2 - i)) & 255);
	return true;
}

bool base64_decode(struct slice s, struct arena *arena, struct slice *bytes)
{
	char *out = arena_alloc(arena, s.len / 4 * 3);
	size_t padding = 0, len = 0;

	if (s.len % 4)
		return false;
	if (s.len && s.at[s.len - 1] == '=')
		padding = s.at[s.len - 2] == '=' ? 2 : 1;
	for (size_t at = 0; at < s.len; at += 4) {
		size_t here = at + 4 == s.len ? padding : 0;
		if (!group_decode(slice_part(s, at, at + 4), here, out + len))
			return false;
		len += 3 - here;
	}
	*bytes = (struct slice){out, len};
	return true;
}
