/* SPDX-License-Identifier: Apache-2.0 */
/* xtext. The contract is in xtext.h. */
#include "wire/xtext.h"

#include "base/utf8.h"

static const char digits[] = "0123456789ABCDEF";

static bool is_plain(char c)
{
	return c > ' ' && c <= '~' && c != '+' && c != '=';
}

void text_xtext(struct text *text, struct slice plain)
{
	for (size_t i = 0; i < plain.len; i++) {
		uint8_t octet = (uint8_t)plain.at[i];
		if (is_plain(plain.at[i])) {
			text_char(text, plain.at[i]);
			continue;
		}
		text_char(text, '+');
		text_char(text, digits[octet >> 4]);
		text_char(text, digits[octet & 15]);
	}
}

/* RFC 3461 4: hexchar takes upper-case digits only. */
static bool hex_digit(char c, uint32_t *value)
{
	if (ascii_is_digit(c))
		*value = (uint32_t)(c - '0');
	else if (c >= 'A' && c <= 'F')
		*value = (uint32_t)(c - 'A' + 10);
	else
		return false;
	return true;
}

bool xtext_decode(struct slice s, struct arena *arena, struct slice *plain)
{
	char *out = arena_alloc(arena, s.len);
	size_t len = 0;
	uint32_t high, low;

	for (size_t i = 0; i < s.len; i++) {
		if (is_plain(s.at[i])) {
			out[len++] = s.at[i];
			continue;
		}
		if (s.at[i] != '+' || s.len - i < 3 || !hex_digit(s.at[i + 1], &high) ||
			!hex_digit(s.at[i + 2], &low))
			return false;
		out[len++] = (char)(high << 4 | low);
		i += 2;
	}
	*plain = (struct slice){out, len};
	return true;
}

static size_t utf8_encode(uint32_t point, char *out)
{
	static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	for (size_t i = len; i > 1; i--, point >>= 6)
		out[i - 1] = (char)(0x80 | (point & 0x3f));
	out[0] = (char)(point | leads[len]);
	return len;
}

/* The code point of \x{HEX} at the front of *s, which is taken off. RFC 6533 3: HEXPOINT. */
static bool take_escape(struct slice *s, uint32_t *point)
{
	size_t close = slice_find(*s, '}');
	uint32_t digit;

	if (!slice_starts(*s, SLICE("\\x{")) || close == SIZE_MAX || close < 5 || close > 9)
		return false;
	*point = 0;
	for (size_t i = 3; i < close; i++) {
		if (!hex_digit(s->at[i], &digit))
			return false;
		*point = *point << 4 | digit;
	}
	*s = slice_from(*s, close + 1);
	return *point > 0x20 && *point != 0x7f && *point <= 0x10ffff &&
	       (*point < 0xd800 || *point > 0xdfff) && (*point < 0x80 || *point >= 0xa0);
}

bool utf8_xtext_decode(struct slice s, struct arena *arena, struct slice *plain)
{
	char *out = arena_alloc(arena, s.len);
	size_t used = 0;
	uint32_t point;

	while (s.len) {
		if (s.at[0] == '\\') {
			if (!take_escape(&s, &point))
				return false;
			used += utf8_encode(point, out + used);
			continue;
		}
		size_t len = utf8_decode(s, &point);
		if (len == 0 || (len == 1 && !is_plain(s.at[0])) || (point >= 0x80 && point < 0xa0))
			return false;
		for (size_t i = 0; i < len; i++)
			out[used++] = s.at[i];
		s = slice_from(s, len);
	}
	*plain = (struct slice){out, used};
	return true;
}

void text_utf8_xtext(struct text *text, struct slice plain)
{
	while (plain.len) {
		uint32_t point;
		size_t len = utf8_decode(plain, &point);
		if (len == 1 && is_plain(plain.at[0]) && point != '\\')
			text_char(text, plain.at[0]);
		else
			text_format(text, "\\x{%02X}", point);
		plain = slice_from(plain, len ? len : 1);
	}
}
