/* SPDX-License-Identifier: Apache-2.0 */
/* HTML as plain lines. The contract is in decode.h. No tree: a report's HTML is read for its words,
 * and broken HTML must cost no more than good. */
#include "base/text.h"
#include "base/utf8.h"
#include "wire/decode.h"

#include <string.h>

static struct slice tag_name(struct slice tag)
{
	size_t len = 0;

	if (slice_starts(tag, SLICE("/")))
		tag = slice_from(tag, 1);
	while (len < tag.len && ascii_is_alnum(tag.at[len]))
		len++;
	return slice_part(tag, 0, len);
}

static bool name_is_one_of(struct slice name, const struct slice *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is_nocase(name, names[i]))
			return true;
	return false;
}

static bool tag_breaks_line(struct slice name)
{
	static const struct slice names[] = {SLICE("br"), SLICE("p"), SLICE("div"), SLICE("tr"),
		SLICE("table"), SLICE("li"), SLICE("ul"), SLICE("h1"), SLICE("h2"), SLICE("h3"),
		SLICE("h4"), SLICE("pre"), SLICE("hr"), SLICE("title"), SLICE("blockquote")};

	return name_is_one_of(name, names, sizeof names / sizeof *names);
}

/* Where the contents of <style>, <script> or a comment end: what is in them are no words. */
static size_t hidden_end(struct slice html, size_t at, struct slice tag)
{
	static const struct slice names[] = {SLICE("style"), SLICE("script")};
	struct slice left = slice_from(html, at);
	struct slice end = SLICE("</");

	if (slice_starts(tag, SLICE("!--")))
		end = SLICE("-->");
	else if (!name_is_one_of(tag_name(tag), names, 2) || slice_starts(tag, SLICE("/")))
		return at;
	if (end.len == 3) /* the comment may end in the tag itself: <!-- --> */
		left = slice_from(html, (size_t)(tag.at - html.at));
	const char *found = left.len ? memmem(left.at, left.len, end.at, end.len) : NULL;
	if (!found)
		return html.len;
	return (size_t)(found - html.at) + (end.len == 3 ? 3 : 0);
}

void point_put(struct text *text, uint32_t point)
{
	char raw[4];
	size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	if (point == 160 || point < ' ')
		point = ' ', len = 1;
	if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		point = 0xfffd, len = 3;
	if (len == 1)
		raw[0] = (char)point;
	else
		raw[0] = (char)((0xf00 >> len & 0xff) | point >> (6 * (len - 1)));
	for (size_t i = 1; i < len; i++)
		raw[i] = (char)(0x80 | (point >> (6 * (len - 1 - i)) & 0x3f));
	text_put(text, (struct slice){raw, len});
}

/* "&lt;" or "&#60;" at the front of `s`; its length, 0 if it is none. */
static size_t reference_read(struct slice s, uint32_t *point)
{
	static const struct {
		struct slice name;
		uint32_t point;
	} names[] = {{SLICE("lt"), '<'}, {SLICE("gt"), '>'}, {SLICE("amp"), '&'},
		{SLICE("quot"), '"'}, {SLICE("apos"), '\''}, {SLICE("nbsp"), 160}};
	struct slice name = slice_part(s, 1, 12);
	size_t end = slice_find(name, ';');
	uint64_t number = 0;

	if (end == SIZE_MAX)
		return 0;
	name = slice_part(name, 0, end);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_is(name, names[i].name)) {
			*point = names[i].point;
			return end + 2;
		}
	if (!slice_starts(name, SLICE("#")))
		return 0;
	name = slice_from(name, 1);
	if (!slice_starts_nocase(name, SLICE("x"))) {
		if (!slice_number(name, 0x10ffff, &number))
			return 0;
	} else {
		for (size_t i = 1; i < name.len && i < 7; i++) {
			char c = ascii_lower(name.at[i]);
			if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'f'))
				return 0;
			number = number << 4 |
				 (uint32_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
		}
	}
	*point = (uint32_t)number;
	return end + 2;
}

static void put_line_end(struct text *text)
{
	if (text->len && text->at[text->len - 1] != '\n')
		text_char(text, '\n');
}

/* The tag at the front of `at`; where the text goes on. "<" before an address is no tag. */
static size_t take_tag(struct text *text, struct slice html, size_t at)
{
	struct slice tag = slice_part(html, at + 1, at + 4096);
	bool begins = tag.len && (ascii_is_alpha(tag.at[0]) || slice_has(SLICE("/!?"), tag.at[0]));
	size_t end = begins ? slice_find(tag, '>') : SIZE_MAX;

	if (end == SIZE_MAX || (slice_has(slice_part(tag, 0, end), '@') &&
				       !slice_has(slice_part(tag, 0, end), '='))) {
		text_char(text, '<');
		return at + 1;
	}
	tag = slice_part(tag, 0, end);
	if (tag_breaks_line(tag_name(tag)))
		put_line_end(text);
	else if (slice_is_nocase(tag_name(tag), SLICE("td")))
		text_char(text, ' ');
	return hidden_end(html, at + end + 2, tag);
}

struct slice html_text(struct slice html, struct arena *arena)
{
	struct text text = TEXT_GROWING;
	uint32_t point;

	for (size_t i = 0; i < html.len;) {
		char c = html.at[i];
		size_t reference =
			c == '&' ? reference_read(slice_part(html, i, i + 14), &point) : 0;
		if (c == '<') {
			i = take_tag(&text, html, i);
		} else if (reference) {
			point_put(&text, point);
			i += reference;
		} else {
			/* Line ends in HTML are blanks; those of markup alone are dropped. */
			if (c == '\n' || c == '\r' || c == '\t')
				c = ' ';
			bool blank =
				text.len == 0 || slice_has(SLICE(" \n"), text.at[text.len - 1]);
			if (c != ' ' || !blank)
				text_char(&text, c);
			i++;
		}
	}
	struct slice made = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return made;
}
