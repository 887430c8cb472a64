/* SPDX-License-Identifier: Apache-2.0 */
/* The author of a message. The contract is in author.h. */
#include "wire/author.h"

#include <string.h>

static const char *const fault_texts[] = {
	[AUTHOR_OK] = "it has one",
	[AUTHOR_MISSING] = "it has none",
	[AUTHOR_FIELDS] = "it has several",
	[AUTHOR_EMPTY] = "its From field is empty",
	[AUTHOR_SEVERAL] = "its From field holds more than one address",
	[AUTHOR_NOT_AN_ADDRESS] = "what its From field holds is no address",
};

const char *author_fault_text(enum author_fault fault)
{
	return fault_texts[fault];
}

/* ---- comments ---- */

/* Octets of the quoted string at the front, with both quotes; 0: it does not end. */
static size_t quoted_length(struct slice s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.at[i] == '"')
			return i + 1;
		if (s.at[i] == '\\')
			i++;
	}
	return 0;
}

/* The same of a comment, which may hold others (RFC 5322 section 3.2.2). */
static size_t comment_length(struct slice s)
{
	size_t depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == '(')
			depth++;
		else if (s.at[i] == ')' && --depth == 0)
			return i + 1;
	}
	return 0;
}

/* Without comments, each become a blank; false where a comment or a string does not end. */
static bool without_comments(struct slice s, struct arena *arena, struct slice *plain)
{
	char *out = arena_alloc(arena, s.len);
	size_t len = 0;

	while (s.len) {
		bool quoted = s.at[0] == '"', comment = s.at[0] == '(';
		size_t span = quoted ? quoted_length(s) : comment ? comment_length(s) : 1;
		if (span == 0 || s.at[0] == ')')
			return false;
		if (comment)
			out[len++] = ' ';
		for (size_t i = 0; !comment && i < span; i++)
			out[len++] = s.at[i];
		s = slice_from(s, span);
	}
	*plain = (struct slice){out, len};
	return true;
}

/* ---- elements ---- */

/* Where `c` stands first outside strings; SIZE_MAX: nowhere. */
static size_t find_plain(struct slice s, char c)
{
	for (size_t i = 0; i < s.len;) {
		if (s.at[i] == c)
			return i;
		size_t span = s.at[i] == '"' ? quoted_length(slice_from(s, i)) : 1;
		i += span ? span : 1;
	}
	return SIZE_MAX;
}

/* Up to a comma that stands neither in a string nor in < >. */
static struct slice element_cut(struct slice *s)
{
	size_t end = 0;
	bool inside = false;

	while (end < s->len && (inside || s->at[end] != ',')) {
		char c = s->at[end];
		size_t span = c == '"' ? quoted_length(slice_from(*s, end)) : 1;
		inside = (inside || c == '<') && c != '>';
		end += span ? span : 1;
	}
	struct slice element = slice_part(*s, 0, end);
	*s = slice_from(*s, end + 1);
	return slice_trim(element);
}

/* With its brackets, and without the blanks that stood inside them. */
static struct slice bracketed(struct slice inside, struct arena *arena)
{
	char *path = arena_alloc(arena, inside.len + 2);

	path[0] = '<';
	memcpy(path + 1, inside.at, inside.len);
	path[inside.len + 1] = '>';
	return (struct slice){path, inside.len + 2};
}

/* "Name" <address>: nothing may stand behind the address. */
static bool angle_parse(
	struct slice element, size_t angle, struct arena *arena, struct mailbox *author)
{
	struct slice inside = slice_from(element, angle + 1);

	if (inside.len < 2 || inside.at[inside.len - 1] != '>')
		return false;
	inside = slice_trim(slice_part(inside, 0, inside.len - 1));
	if (inside.len == 0 || find_plain(inside, '<') != SIZE_MAX ||
		find_plain(inside, '>') != SIZE_MAX)
		return false;
	struct slice path = bracketed(inside, arena);
	return mailbox_read_path(&path, true, arena, author) == MAILBOX_OK && path.len == 0 &&
	       !author->is_null && !author->is_postmaster;
}

static enum author_fault element_parse(
	struct slice element, struct arena *arena, struct mailbox *author)
{
	size_t angle = find_plain(element, '<');
	struct slice name = angle == SIZE_MAX ? SLICE_NONE : slice_part(element, 0, angle);

	if (find_plain(angle == SIZE_MAX ? element : name, ':') != SIZE_MAX ||
		find_plain(element, ';') != SIZE_MAX) {
		/* "Name: a@b, c@d;" is a group (RFC 6854); [IPv6:…] is none. */
		bool literal = angle == SIZE_MAX && slice_has(element, '[') &&
			       find_plain(element, ';') == SIZE_MAX;
		if (!literal)
			return AUTHOR_SEVERAL;
	}
	bool good = angle == SIZE_MAX ? mailbox_parse(element, arena, author) == MAILBOX_OK
				      : angle_parse(element, angle, arena, author);
	return good ? AUTHOR_OK : AUTHOR_NOT_AN_ADDRESS;
}

enum author_fault author_parse(struct slice raw, struct arena *arena, struct mailbox *author)
{
	struct slice plain, only = SLICE_NONE;
	size_t count = 0;

	if (!without_comments(header_unfold(raw, arena), arena, &plain))
		return AUTHOR_NOT_AN_ADDRESS;
	while (plain.len) {
		struct slice element = element_cut(&plain);
		if (!element.len) /* RFC 5322 4.4: empty ones are obsolete, and nothing */
			continue;
		only = element;
		count++;
	}
	if (count != 1)
		return count ? AUTHOR_SEVERAL : AUTHOR_EMPTY;
	return element_parse(only, arena, author);
}

enum author_fault author_find(
	const struct headers *headers, struct arena *arena, struct mailbox *author)
{
	struct slice from = SLICE("From");
	const struct field *field = header_find(headers, from, 0);

	*author = (struct mailbox){0};
	if (!field)
		return AUTHOR_MISSING;
	if (header_find(headers, from, 1))
		return AUTHOR_FIELDS;
	return author_parse(field->raw, arena, author);
}
