/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields. The contract is in header.h. Lines end in CRLF; a lone LF ends one too, for
 * messages read from files (received ones with such a line have been refused). */
#include "wire/header.h"

#include "base/text.h"

enum { FIELDS_USUAL = 24 };

/* The line at the front of `s`, with its end. */
static struct slice line_of(struct slice s)
{
	size_t end = slice_find(s, '\n');

	return end == SIZE_MAX ? s : slice_part(s, 0, end + 1);
}

static struct slice without_line_end(struct slice s)
{
	if (s.len && s.at[s.len - 1] == '\n')
		s.len--;
	else
		return s;
	if (s.len && s.at[s.len - 1] == '\r')
		s.len--;
	return s;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 5322 3.6.8: field-name = 1*ftext; 4.5 (obsolete) allows blanks before the colon. */
static bool name_of(struct slice line, size_t colon, struct slice *name)
{
	if (colon == SIZE_MAX)
		return false;
	*name = slice_trim(slice_part(line, 0, colon));
	if (name->len == 0 || is_blank(line.at[0]))
		return false;
	for (size_t i = 0; i < name->len; i++)
		if (name->at[i] <= ' ' || name->at[i] > '~')
			return false;
	return true;
}

enum part { PART_FIELD, PART_END, PART_BAD };

/* Takes the field at the front of *s with its continuation lines, or the empty line at the end. */
static enum part take_field(struct slice *s, struct field *field)
{
	struct slice line = line_of(*s);
	struct slice shown = without_line_end(line);
	size_t len = line.len, colon = slice_find(shown, ':');

	if (shown.len == 0) {
		*s = slice_from(*s, line.len);
		return PART_END;
	}
	if (!name_of(shown, colon, &field->name))
		return PART_BAD;
	while (len < s->len && s->at[len - 1] == '\n' && is_blank(s->at[len]))
		len += line_of(slice_from(*s, len)).len;
	field->raw = without_line_end(slice_part(*s, colon + 1, len));
	*s = slice_from(*s, len);
	return PART_FIELD;
}

/* Counts them all, and keeps as many as there is room for. */
static size_t scan(struct slice message, struct field *fields, size_t room, struct headers *headers)
{
	struct slice left = message;
	struct field field = {0};
	enum part part = PART_FIELD;
	size_t count = 0;

	while (left.len && (part = take_field(&left, &field)) == PART_FIELD) {
		if (count < room)
			fields[count] = field;
		count++;
	}
	headers->malformed = part == PART_BAD;
	headers->body_at = message.len - left.len;
	headers->rest = left;
	return count;
}

void header_scan(struct slice message, struct arena *arena, struct headers *headers)
{
	*headers = (struct headers){0};
	headers->fields = ARENA_ARRAY(arena, struct field, FIELDS_USUAL);
	headers->count = scan(message, headers->fields, FIELDS_USUAL, headers);
	if (headers->count <= FIELDS_USUAL)
		return;
	headers->fields = ARENA_ARRAY(arena, struct field, headers->count);
	scan(message, headers->fields, headers->count, headers);
}

const struct field *header_find(const struct headers *headers, struct slice name, size_t n)
{
	for (size_t i = 0; i < headers->count; i++)
		if (slice_is_nocase(headers->fields[i].name, name) && n-- == 0)
			return &headers->fields[i];
	return NULL;
}

size_t header_count(const struct headers *headers, struct slice name)
{
	size_t count = 0;

	for (size_t i = 0; i < headers->count; i++)
		count += slice_is_nocase(headers->fields[i].name, name);
	return count;
}

/* RFC 5322 2.2.3: unfolding removes a CRLF that stands directly before a blank. */
struct slice header_unfold(struct slice raw, struct arena *arena)
{
	char *out = arena_alloc(arena, raw.len);
	size_t len = 0;

	for (size_t i = 0; i < raw.len; i++) {
		size_t fold =
			slice_starts(slice_from(raw, i), SLICE("\r\n")) ? 2 : raw.at[i] == '\n';
		if (fold && i + fold < raw.len && is_blank(raw.at[i + fold]))
			i += fold - 1;
		else
			out[len++] = raw.at[i];
	}
	return slice_trim((struct slice){out, len});
}

void text_mail_date(struct text *text, wall_ns wall)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct civil c = civil_of(wall);

	text_put(text, (struct slice){days + 3 * c.weekday, 3});
	text_put(text, SLICE(", "));
	text_number(text, (uint64_t)c.day);
	text_char(text, ' ');
	text_put(text, (struct slice){months + 3 * (c.month - 1), 3});
	text_char(text, ' ');
	text_padded(text, (uint64_t)c.year, 4);
	text_char(text, ' ');
	text_padded(text, (uint64_t)c.hour, 2);
	text_char(text, ':');
	text_padded(text, (uint64_t)c.minute, 2);
	text_char(text, ':');
	text_padded(text, (uint64_t)c.second, 2);
	text_put(text, SLICE(" +0000"));
}
