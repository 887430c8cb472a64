/* SPDX-License-Identifier: Apache-2.0 */
/* MIME. The contract is in mime.h. */
#include "wire/mime.h"

#include "base/utf8.h"
#include "wire/base64.h"
#include "wire/fold.h"

enum { LINE_MAX_QP = 76, ENCODED_OCTETS = 42 }; /* 42 octets: 56 characters and 12 around them */

static void text_qp_octet(struct text *text, uint8_t octet)
{
	text_char(text, '=');
	text_char(text, "0123456789ABCDEF"[octet >> 4]);
	text_char(text, "0123456789ABCDEF"[octet & 15]);
}

/* Blanks at a line's end would be lost on the way; a lone dot is a trap for old software. */
static bool qp_stands_for_itself(struct slice line, size_t i, size_t column)
{
	char c = line.at[i];

	if (c == ' ' || c == '\t')
		return i + 1 < line.len;
	return ascii_is_print(c) && c != '=' && (c != '.' || column != 0);
}

static void text_qp_line(struct text *text, struct slice line)
{
	size_t column = 0;

	for (size_t i = 0; i < line.len; i++) {
		bool itself = qp_stands_for_itself(line, i, column);
		if (column + (itself ? 1 : 3) > LINE_MAX_QP - 1) {
			text_put(text, SLICE("=\r\n"));
			column = 0;
			itself = qp_stands_for_itself(line, i, column);
		}
		if (itself)
			text_char(text, line.at[i]);
		else
			text_qp_octet(text, (uint8_t)line.at[i]);
		column += itself ? 1 : 3;
	}
	text_put(text, SLICE("\r\n"));
}

void text_quoted_printable(struct text *text, struct slice words)
{
	while (words.len) {
		struct slice line = slice_cut(&words, '\n');
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		text_qp_line(text, line);
	}
}

/* RFC 2047 5 (3): each encoded word holds whole characters. */
static void fold_encoded(struct folded *field, struct slice words)
{
	char raw[ENCODED_OCTETS + 4], encoded[128];

	while (words.len) {
		struct text part = TEXT_FIXED(raw), word = TEXT_FIXED(encoded);
		while (words.len && part.len < ENCODED_OCTETS) {
			uint32_t point;
			size_t len = utf8_decode(words, &point);
			if (len == 0)
				text_put(&part, SLICE("\xef\xbf\xbd"));
			else if (point < ' ' || point == 0x7f)
				text_char(&part, ' ');
			else
				text_put(&part, slice_part(words, 0, len));
			words = slice_from(words, len ? len : 1);
		}
		text_put(&word, SLICE("=?utf-8?B?"));
		text_base64(&word, text_slice(&part));
		text_put(&word, SLICE("?="));
		fold_word(field, text_slice(&word));
	}
}

void text_unstructured(struct text *text, struct slice name, struct slice words)
{
	struct folded field = fold_begin(text, name);

	if (utf8_is_ascii(words))
		fold_words(&field, words);
	else
		fold_encoded(&field, words);
	fold_end(&field);
}
