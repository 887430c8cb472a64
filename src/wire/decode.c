/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings and charsets, read leniently. The contract is in decode.h. */
#include "wire/decode.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

/* ---- transfer encodings ---- */

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

struct slice base64_decode_leniently(struct slice s, struct arena *arena)
{
	char *out = arena_alloc(arena, s.len / 4 * 3 + 3);
	size_t len = 0;
	uint32_t bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < s.len; i++) {
		int value = base64_value(s.at[i]);
		if (s.at[i] == '=')
			held = 0;
		if (value < 0)
			continue;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[len++] = (char)(bits >> held & 255);
		}
	}
	return (struct slice){out, len};
}

static int hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Octets of a soft line break at the front of `s`: "=", blanks, line end; 0 if it is none. */
static size_t soft_break(struct slice s)
{
	size_t i = 1;

	while (i < s.len && (s.at[i] == ' ' || s.at[i] == '\t' || s.at[i] == '\r'))
		i++;
	if (i == s.len)
		return i;
	return s.at[i] == '\n' ? i + 1 : 0;
}

struct slice quoted_printable_decode(struct slice s, bool words, struct arena *arena)
{
	char *out = arena_alloc(arena, s.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		int high = i + 2 < s.len ? hex_value(s.at[i + 1]) : -1;
		int low = i + 2 < s.len ? hex_value(s.at[i + 2]) : -1;
		size_t skip = c == '=' ? soft_break(slice_part(s, i, i + 80)) : 0;

		if (c == '=' && high >= 0 && low >= 0) {
			out[len++] = (char)(high << 4 | low);
			i += 2;
		} else if (skip && !words) {
			i += skip - 1;
		} else {
			out[len++] = words && c == '_' ? ' ' : c;
		}
	}
	return (struct slice){out, len};
}

/* ---- charsets ---- */

static void put_replacement(struct text *text)
{
	text_put(text, SLICE("\xef\xbf\xbd"));
}

/* Valid UTF-8 passes, the rest becomes U+FFFD, NUL a blank. */
static void put_utf8(struct text *text, struct slice s)
{
	size_t from = 0, i = 0;

	while (i < s.len) {
		uint32_t point;
		size_t len = utf8_decode(slice_from(s, i), &point);
		if (len && point) {
			i += len;
			continue;
		}
		text_put(text, slice_part(s, from, i));
		if (len)
			text_char(text, ' ');
		else
			put_replacement(text);
		from = ++i;
	}
	text_put(text, slice_part(s, from, s.len));
}

/* Names that mail has and iconv() has not. */
static struct slice charset_known(struct slice charset)
{
	static const struct {
		struct slice written, known;
	} names[] = {{SLICE("unicode-1-1-utf-7"), SLICE("UTF-7")},
		{SLICE("x-sjis"), SLICE("CP932")}, {SLICE("x-euc-jp"), SLICE("EUC-JP")},
		{SLICE("ks_c_5601-1987"), SLICE("CP949")}, {SLICE("x-windows-949"), SLICE("CP949")},
		{SLICE("x-gbk"), SLICE("GBK")}, {SLICE("iso-8859-8-i"), SLICE("ISO-8859-8")},
		{SLICE("iso-2022-jp-ms"), SLICE("ISO-2022-JP-3")},
		{SLICE("iso-2022-jp-1"), SLICE("ISO-2022-JP-2")},
		{SLICE("x-mac-roman"), SLICE("MACINTOSH")}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_is_nocase(charset, names[i].written))
			return names[i].known;
	return charset;
}

/* iconv() needs names as C strings, and a "/" in them would be an instruction to it. */
static bool charset_name(struct slice charset, char *name, size_t size)
{
	if (charset.len == 0 || charset.len >= size)
		return false;
	for (size_t i = 0; i < charset.len; i++) {
		char c = charset.at[i];
		if (!ascii_is_alnum(c) && !slice_has(SLICE("-_.:+"), c))
			return false;
		name[i] = c;
	}
	name[charset.len] = '\0';
	return true;
}

/* `in` is writable because iconv() asks for that; it does not write there. */
static void put_converted(struct text *text, char *in, size_t left, iconv_t converter)
{
	char raw[1024];

	while (left) {
		char *out = raw;
		size_t room = sizeof raw;
		size_t made = iconv(converter, &in, &left, &out, &room);
		int fault = errno;
		put_utf8(text, (struct slice){raw, sizeof raw - room});
		if (made != (size_t)-1 || (fault == E2BIG && room < sizeof raw))
			continue;
		put_replacement(text);
		if (left) {
			in++;
			left--;
		}
	}
}

static bool charset_is_plain(struct slice charset)
{
	static const struct slice names[] = {SLICE("us-ascii"), SLICE("ascii"), SLICE("utf-8"),
		SLICE("utf8"), SLICE("unknown-8bit"), SLICE("x-unknown"), SLICE("unknown")};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_is_nocase(charset, names[i]))
			return true;
	return charset.len == 0;
}

/* A designation of ISO 2022 stands in the text: it is in that, whatever is said or not said. */
static bool has_iso_2022(struct slice octets)
{
	return octets.len && memmem(octets.at, octets.len, "\x1b$", 2);
}

/* What the octets are in: as named, or as they look where that says nothing. */
static iconv_t converter_of(struct slice octets, struct slice charset)
{
	char name[40];
	iconv_t converter = (iconv_t)-1;

	if (charset_is_plain(charset))
		return iconv_open("UTF-8", has_iso_2022(octets) ? "ISO-2022-JP" : "WINDOWS-1252");
	if (charset_name(charset_known(charset), name, sizeof name))
		converter = iconv_open("UTF-8", name);
	if (converter == (iconv_t)-1 && !utf8_is_valid(octets))
		converter = iconv_open("UTF-8", "WINDOWS-1252");
	return converter;
}

struct slice text_of_charset(struct slice octets, struct slice charset, struct arena *arena)
{
	struct text text = TEXT_GROWING;

	if (!octets.len || (charset_is_plain(charset) && utf8_is_valid(octets) &&
				   !slice_has(octets, '\0') && !has_iso_2022(octets)))
		return octets;
	iconv_t converter = converter_of(octets, charset);
	if (converter == (iconv_t)-1) {
		put_utf8(&text, octets);
	} else {
		put_converted(&text, arena_string(arena, octets), octets.len, converter);
		iconv_close(converter);
	}
	struct slice made = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return made;
}

/* ---- encoded words ---- */

struct encoded_word {
	struct slice charset, text;
	char encoding; /* b, q */
	size_t len;    /* of all of it */
};

/* "=?utf-8?Q?caf=C3=A9?=" at the front of `s`. Its text may hold blanks: some write them so. */
static bool encoded_word_read(struct slice s, struct encoded_word *word)
{
	struct slice left = slice_from(s, 2);
	size_t end = 0;

	if (!slice_starts(s, SLICE("=?")))
		return false;
	word->charset = slice_cut(&left, '?');
	struct slice encoding = slice_cut(&left, '?');
	word->encoding = encoding.len == 1 ? ascii_lower(encoding.at[0]) : ' ';
	if (word->charset.len == 0 || word->charset.len > 60 ||
		(word->encoding != 'b' && word->encoding != 'q'))
		return false;
	word->charset = slice_cut(&word->charset, '*'); /* RFC 2231 5: a language behind it */
	while (end + 1 < left.len && !(left.at[end] == '?' && left.at[end + 1] == '='))
		if (left.at[end++] == '\n' || end > 1000)
			return false;
	if (end + 1 >= left.len)
		return false;
	word->text = slice_part(left, 0, end);
	word->len = (size_t)(left.at + end + 2 - s.at);
	return true;
}

static void put_octets(struct text *octets, const struct encoded_word *word, struct arena *arena)
{
	text_put(octets, word->encoding == 'b' ? base64_decode_leniently(word->text, arena)
					       : quoted_printable_decode(word->text, true, arena));
}

/* A run of words in one charset is decoded as one: writers cut characters in half. */
static size_t put_run(
	struct text *text, struct slice s, struct encoded_word word, struct arena *arena)
{
	struct text octets = TEXT_GROWING;
	struct slice charset = word.charset;
	size_t used = 0, next = 0;

	do {
		put_octets(&octets, &word, arena);
		used = next + word.len;
		next = used;
		while (next < s.len && slice_has(SLICE(" \t\r\n"), s.at[next]))
			next++;
	} while (encoded_word_read(slice_from(s, next), &word) &&
		 slice_is_nocase(word.charset, charset));
	text_put(text, text_of_charset(text_slice(&octets), charset, arena));
	text_free(&octets);
	/* RFC 2047 6.2: blanks between two encoded words are not shown. */
	return encoded_word_read(slice_from(s, next), &word) ? next : used;
}

struct slice words_decode(struct slice s, struct arena *arena)
{
	struct text text = TEXT_GROWING;
	struct encoded_word word;
	size_t plain = 0, i = 0;

	if (!s.len || !memmem(s.at, s.len, "=?", 2))
		return text_of_charset(s, SLICE_NONE, arena);
	while (i < s.len) {
		if (s.at[i] != '=' || !encoded_word_read(slice_from(s, i), &word)) {
			i++;
			continue;
		}
		text_put(&text, text_of_charset(slice_part(s, plain, i), SLICE_NONE, arena));
		i += put_run(&text, slice_from(s, i), word, arena);
		plain = i;
	}
	text_put(&text, text_of_charset(slice_part(s, plain, i), SLICE_NONE, arena));
	struct slice made = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return made;
}
