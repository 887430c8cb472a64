/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP replies. The contract is in reply.h. Writing comes first, reading behind it. */
#include "wire/reply.h"

#include "base/panic.h"
#include "base/utf8.h"

enum { WORDS_MAX = 4096, LINES_MAX = 128, DETAIL_MAX = 999 };

void text_enhanced(struct text *text, struct enhanced enhanced)
{
	text_number(text, enhanced.class);
	text_char(text, '.');
	text_number(text, enhanced.subject);
	text_char(text, '.');
	text_number(text, enhanced.detail);
}

/* RFC 3463 2: class "." subject "." detail, the latter two of 1 to 3 digits. */
bool enhanced_parse(struct slice s, struct enhanced *enhanced)
{
	uint64_t class, subject, detail;
	struct slice first = slice_cut(&s, '.'), second = slice_cut(&s, '.');

	if (first.len != 1 || second.len > 3 || s.len > 3 || !slice_number(first, 5, &class) ||
		!slice_number(second, DETAIL_MAX, &subject) ||
		!slice_number(s, DETAIL_MAX, &detail))
		return false;
	if (class != 2 && class != 4 && class != 5)
		return false;
	*enhanced = (struct enhanced){(uint8_t) class, (uint16_t)subject, (uint16_t)detail};
	return true;
}

/* As much of `words` as fits into `room`, never half a character. */
static size_t words_fit(struct slice words, size_t room)
{
	size_t len = words.len < room ? words.len : room;

	while (len && len < words.len && ((uint8_t)words.at[len] & 0xc0) == 0x80)
		len--;
	return len;
}

/* RFC 5321 4.2: textstring = 1*(%d09 / %d32-126); RFC 6531 3.7.4.2 adds UTF-8. */
static void text_words(struct text *out, struct slice words, bool utf8)
{
	while (words.len) {
		uint32_t point;
		size_t len = utf8_decode(words, &point);
		if (point >= 0x80 && utf8 && len && point >= 0xa0 && !utf8_reorders(point))
			text_put(out, slice_part(words, 0, len));
		else if (len == 1)
			text_char(out, ascii_is_print(words.at[0]) ? words.at[0] : ' ');
		else
			text_char(out, '?');
		words = slice_from(words, len ? len : 1);
	}
}

static void text_line(struct text *out, unsigned code, struct enhanced enhanced, bool last,
	struct slice words, struct slice tail, bool utf8)
{
	size_t start = out->len;

	text_number(out, code);
	text_char(out, last ? ' ' : '-');
	if (enhanced.class) {
		text_enhanced(out, enhanced);
		text_char(out, ' ');
	}
	size_t taken = out->len - start + tail.len + 3; /* a blank before the tail, CRLF */
	panic_if(taken > REPLY_LINE_MAX, "reply tail of %zu octets", tail.len);
	text_words(out, slice_part(words, 0, words_fit(words, REPLY_LINE_MAX - taken)), utf8);
	if (tail.len) {
		if (words.len)
			text_char(out, ' ');
		text_words(out, tail, utf8);
	}
	text_put(out, SLICE("\r\n"));
}

void reply_write(struct text *out, unsigned code, struct enhanced enhanced, struct slice words,
	struct slice tail, bool utf8)
{
	panic_if(code < 200 || code > 599, "reply code %u", code);
	while (slice_has(words, '\n'))
		text_line(out, code, enhanced, false, slice_cut(&words, '\n'), SLICE_NONE, utf8);
	text_line(out, code, enhanced, true, words, tail, utf8);
}

void reply_begin(struct reply *reply)
{
	struct text words = reply->words;

	words.growing = true;
	text_clear(&words);
	*reply = (struct reply){.words = words};
}

/* "250", "250 words", "250-words": RFC 5321 4.2.1; some servers send the bare code. */
static bool line_split(struct slice line, unsigned *code, bool *last, struct slice *words)
{
	uint64_t number;

	if (!slice_number(slice_part(line, 0, 3), 599, &number) || line.len < 3 || number < 200)
		return false;
	if (line.len > 3 && line.at[3] != ' ' && line.at[3] != '-')
		return false;
	*code = (unsigned)number;
	*last = line.len == 3 || line.at[3] == ' ';
	*words = slice_from(line, 4);
	return true;
}

/* RFC 2034 4: the enhanced code is the first word of each line's text, and of the same class. */
static struct slice enhanced_take(struct reply *reply, struct slice words)
{
	struct slice behind = words;
	struct enhanced enhanced;

	if (!enhanced_parse(slice_cut(&behind, ' '), &enhanced) ||
		enhanced.class != reply->code / 100)
		return words;
	if (reply->enhanced.class == 0)
		reply->enhanced = enhanced;
	return slice_trim(behind);
}

static void words_add(struct reply *reply, struct slice words)
{
	if (reply->lines && reply->words.len < WORDS_MAX)
		text_char(&reply->words, '\n');
	size_t room = WORDS_MAX - reply->words.len;
	text_put(&reply->words, slice_part(words, 0, words_fit(words, room)));
}

enum reply_fault reply_add_line(struct reply *reply, struct slice line)
{
	unsigned code;
	bool last;
	struct slice words;

	if (!line_split(line, &code, &last, &words))
		return REPLY_NOT_A_REPLY;
	if (reply->lines && code != reply->code)
		return REPLY_CODE_CHANGED;
	if (reply->lines == LINES_MAX)
		return REPLY_TOO_MANY_LINES;
	reply->code = code;
	words_add(reply, enhanced_take(reply, words));
	reply->lines++;
	reply->whole = last;
	return REPLY_OK;
}

void reply_free(struct reply *reply)
{
	reply->words.growing = true;
	text_free(&reply->words);
}
