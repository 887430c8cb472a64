/* SPDX-License-Identifier: Apache-2.0 */
/* Folding. The contract is in fold.h. */
#include "wire/fold.h"

#include "base/utf8.h"

enum { COLUMNS = 78, WORD_MAX = 900 };

struct folded fold_begin(struct text *text, struct slice name)
{
	text_put(text, name);
	return (struct folded){.text = text, .column = name.len};
}

static bool point_passes(const struct folded *field, uint32_t point)
{
	if (point < 0x80)
		return point >= ' ' && point != 0x7f;
	return field->utf8 && point >= 0xa0 && !utf8_reorders(point);
}

static size_t printable_run(struct slice word)
{
	size_t run = 0;

	while (run < word.len && ascii_is_print(word.at[run]))
		run++;
	return run;
}

static void text_safe(struct folded *field, struct slice word)
{
	for (;;) {
		uint32_t point;
		size_t run = printable_run(word);
		text_put(field->text, slice_part(word, 0, run));
		word = slice_from(word, run);
		if (!word.len)
			return;
		size_t len = utf8_decode(word, &point);
		if (len && point_passes(field, point))
			text_put(field->text, slice_part(word, 0, len));
		else
			text_char(field->text, '?');
		word = slice_from(word, len ? len : 1);
	}
}

/* Up to `most` octets, never half a character. */
static struct slice word_cut(struct slice word, size_t most)
{
	if (word.len <= most)
		return word;
	while (most && ((uint8_t)word.at[most] & 0xc0) == 0x80)
		most--;
	return slice_part(word, 0, most);
}

void fold_word(struct folded *field, struct slice word)
{
	word = word_cut(word, WORD_MAX);
	if (field->column > 1 && field->column + 1 + word.len > COLUMNS) {
		text_put(field->text, SLICE("\r\n"));
		field->column = 0;
	}
	text_char(field->text, ' ');
	text_safe(field, word);
	field->column += 1 + word.len;
}

void fold_words(struct folded *field, struct slice words)
{
	while (words.len) {
		size_t end = 0;
		while (end < words.len && !slice_has(SLICE(" \t\r\n"), words.at[end]))
			end++;
		if (end)
			fold_word(field, slice_part(words, 0, end));
		words = slice_from(words, end + 1);
	}
}

void fold_end(struct folded *field)
{
	text_put(field->text, SLICE("\r\n"));
}
