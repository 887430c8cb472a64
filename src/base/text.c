/* SPDX-License-Identifier: Apache-2.0 */
/* Text. The contract is in text.h. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/utf8.h"

static void text_grow(struct text *text, size_t need)
{
	size_t size = text->size ? text->size : 512;

	while (size < need)
		size *= 2;
	text->at = realloc(text->at, size);
	panic_if(!text->at, "out of memory: %zu bytes", size);
	text->size = size;
}

/* How much of `bytes` may be added; a fixed buffer that is too small is marked cut. */
static size_t text_room(struct text *text, size_t bytes)
{
	if (bytes <= text->size - text->len)
		return bytes;
	if (text->growing) {
		panic_if(bytes > SIZE_MAX / 4, "text: %zu bytes asked for", bytes);
		text_grow(text, text->len + bytes);
		return bytes;
	}
	text->cut = true;
	return text->size - text->len;
}

char *text_reserve_making_room(struct text *text, size_t bytes)
{
	if (text_room(text, bytes) < bytes)
		return NULL;
	char *at = text->at + text->len;
	text->len += bytes;
	return at;
}

void text_put_making_room(struct text *text, struct slice bytes)
{
	size_t room = text_room(text, bytes.len);

	if (room == 0)
		return;
	memcpy(text->at + text->len, bytes.at, room);
	text->len += room;
}

/* Two digits a step. */
void text_padded(struct text *text, uint64_t number, unsigned digits)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char *at = text_reserve(text, digits);
	unsigned left = at ? digits : 0;

	for (; left >= 2; left -= 2, number /= 100)
		memcpy(at + left - 2, pairs + 2 * (number % 100), 2);
	if (left)
		at[0] = (char)('0' + number % 10);
}

void text_number(struct text *text, uint64_t number)
{
	unsigned digits = 1;

	for (uint64_t rest = number; rest >= 10; rest /= 10)
		digits++;
	text_padded(text, number, digits);
}

void text_hex(struct text *text, uint64_t number, unsigned digits)
{
	char shown[16];

	panic_if(digits > sizeof shown, "text_hex: %u digits", digits);
	for (unsigned i = 0; i < digits; i++)
		shown[i] = "0123456789abcdef"[number >> (4 * (digits - 1 - i)) & 15];
	text_put(text, (struct slice){shown, digits});
}

void text_format(struct text *text, const char *format, ...)
{
	char small[512];
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(small, sizeof small, format, args);
	va_end(args);
	panic_if(len < 0, "text_format: bad format");
	if ((size_t)len < sizeof small) {
		text_put(text, (struct slice){small, (size_t)len});
	} else {
		char *large = malloc((size_t)len + 1);
		panic_if(!large, "out of memory: %d bytes", len);
		vsnprintf(large, (size_t)len + 1, format, again);
		text_put(text, (struct slice){large, (size_t)len});
		free(large);
	}
	va_end(again);
}

static void text_hex_escape(struct text *text, uint8_t byte)
{
	text_put(text, SLICE("\\x"));
	text_hex(text, byte, 2);
}

void text_escaped(struct text *text, struct slice bytes)
{
	while (bytes.len) {
		uint32_t point;
		size_t len = utf8_decode(bytes, &point);
		bool control = point < 0x20 || (point >= 0x7f && point < 0xa0) || point == '\\' ||
			       utf8_reorders(point);

		if (len == 0 || control)
			for (size_t i = 0; i < (len ? len : 1); i++)
				text_hex_escape(text, (uint8_t)bytes.at[i]);
		else
			text_put(text, slice_part(bytes, 0, len));
		bytes = slice_from(bytes, len ? len : 1);
	}
}

static void text_json_point(struct text *text, uint32_t point, struct slice encoded)
{
	if (point == '"' || point == '\\') {
		text_char(text, '\\');
		text_put(text, encoded);
	} else if (point < 0x20 || (point >= 0x7f && point < 0xa0) || utf8_reorders(point)) {
		text_put(text, SLICE("\\u"));
		text_hex(text, point, 4);
	} else {
		text_put(text, encoded);
	}
}

/* What JSON takes as it is. */
static bool json_is_plain(char c)
{
	return ascii_is_print(c) && c != '"' && c != '\\';
}

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Not zero if some byte of `word` is below `least` (at most 0x80). Borrows may mark bytes above
 * such a one too; there is never a mark without one. */
static uint64_t has_below(uint64_t word, uint8_t least)
{
	return (word - EACH_BYTE * least) & ~word & HIGH_BITS;
}

static uint64_t has_byte(uint64_t word, char c)
{
	return has_below(word ^ EACH_BYTE * (uint8_t)c, 1);
}

static bool json_are_plain(const char *eight)
{
	uint64_t word;

	memcpy(&word, eight, sizeof word);
	return !((word & HIGH_BITS) | has_below(word, ' ') | has_byte(word, '\x7f') |
		 has_byte(word, '"') | has_byte(word, '\\'));
}

/* A run of plain bytes: found first, so that the usual case is one copy. */
static size_t json_plain_run(struct slice bytes)
{
	size_t i = 0;

	while (bytes.len - i >= sizeof(uint64_t) && json_are_plain(bytes.at + i))
		i += sizeof(uint64_t);
	if (i && bytes.len - i < sizeof(uint64_t) &&
		json_are_plain(bytes.at + bytes.len - sizeof(uint64_t)))
		return bytes.len;
	while (i < bytes.len && json_is_plain(bytes.at[i]))
		i++;
	return i;
}

void text_json(struct text *text, struct slice bytes)
{
	text_char(text, '"');
	while (bytes.len) {
		size_t run = json_plain_run(bytes);
		text_put(text, slice_part(bytes, 0, run));
		bytes = slice_from(bytes, run);
		if (bytes.len == 0)
			break;
		uint32_t point;
		size_t len = utf8_decode(bytes, &point);
		if (len == 0)
			text_put(text, SLICE("\xef\xbf\xbd"));
		else
			text_json_point(text, point, slice_part(bytes, 0, len));
		bytes = slice_from(bytes, len ? len : 1);
	}
	text_char(text, '"');
}

void text_clear(struct text *text)
{
	text->len = 0;
	text->cut = false;
}

void text_free(struct text *text)
{
	if (text->growing)
		free(text->at);
	*text = (struct text){.growing = text->growing};
}
