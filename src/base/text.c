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
	size_t size = text->size ? text->size : 128;

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

char *text_reserve(struct text *text, size_t bytes)
{
	if (text_room(text, bytes) < bytes)
		return NULL;
	char *at = text->at + text->len;
	text->len += bytes;
	return at;
}

void text_put(struct text *text, struct slice bytes)
{
	size_t room = text_room(text, bytes.len);

	if (room == 0)
		return;
	memcpy(text->at + text->len, bytes.at, room);
	text->len += room;
}

void text_char(struct text *text, char c)
{
	if (text_room(text, 1))
		text->at[text->len++] = c;
}

void text_number(struct text *text, uint64_t number)
{
	char digits[20];
	size_t start = sizeof digits;

	do {
		digits[--start] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	text_put(text, (struct slice){digits + start, sizeof digits - start});
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

/* A run of bytes that JSON takes as they are: found first, so that the usual case is one copy. */
static size_t json_plain_run(struct slice bytes)
{
	size_t i = 0;

	while (i < bytes.len && ascii_is_print(bytes.at[i]) && bytes.at[i] != '"' &&
		bytes.at[i] != '\\')
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
