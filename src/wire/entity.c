/* SPDX-License-Identifier: Apache-2.0 */
/* MIME parts. The contract is in entity.h. */
#include "wire/entity.h"

#include <string.h>

#include "base/text.h"
#include "wire/decode.h"

enum { HEADER_MAX = 256 * 1024, BOUNDARY_MAX = 200 };

/* ---- parameters ---- */

/* The value at the front of *s, quoted or not; takes it. */
static struct slice value_take(struct slice *s, struct arena *arena)
{
	struct text value = TEXT_GROWING;
	bool quoted = slice_starts(*s, SLICE("\""));
	size_t i = quoted;

	for (; i < s->len; i++) {
		char c = s->at[i];
		if (quoted ? c == '"' : c == ';' || c == ' ' || c == '\t')
			break;
		if (quoted && c == '\\' && i + 1 < s->len)
			c = s->at[++i];
		if (c != '\r' && c != '\n')
			text_char(&value, c);
	}
	*s = slice_from(*s, i + quoted);
	struct slice made = arena_slice(arena, text_slice(&value));
	text_free(&value);
	return made;
}

/* Takes "; name=value" at the front of *s; false at the end. */
static bool parameter_take(
	struct slice *s, struct slice *name, struct slice *value, struct arena *arena)
{
	while (s->len && slice_has(SLICE("; \t\r\n"), s->at[0]))
		*s = slice_from(*s, 1);
	size_t equals = slice_find(*s, '=');
	if (equals == SIZE_MAX)
		return false;
	*name = slice_trim(slice_part(*s, 0, equals));
	*s = slice_trim(slice_from(*s, equals + 1));
	*value = value_take(s, arena);
	return true;
}

/* RFC 2231: name, name*, name*0, name*0* are all of `name`. */
static bool parameter_is(struct slice written, struct slice name)
{
	return slice_starts_nocase(written, name) &&
	       (written.len == name.len || written.at[name.len] == '*');
}

static struct slice percent_decode(struct slice s, struct arena *arena)
{
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < s.len; i++)
		text_char(&text, s.at[i] == '%' ? '=' : s.at[i]);
	struct slice made =
		quoted_printable_decode(arena_slice(arena, text_slice(&text)), false, arena);
	text_free(&text);
	return made;
}

/* RFC 2231 4: charset'language'text. */
static struct slice extended_decode(struct slice s, struct slice *charset, struct arena *arena)
{
	struct slice left = s;
	struct slice first = slice_cut(&left, '\'');

	if (slice_has(left, '\'')) {
		*charset = first;
		(void)slice_cut(&left, '\'');
		s = left;
	}
	return percent_decode(s, arena);
}

struct slice field_parameter(struct slice raw, struct slice name, struct arena *arena)
{
	struct slice left = header_unfold(slice_part(raw, 0, 4096), arena);
	struct slice written, value, charset = SLICE_NONE;
	struct text joined = TEXT_GROWING;

	(void)slice_cut(&left, ';');
	while (parameter_take(&left, &written, &value, arena)) {
		if (!parameter_is(written, name))
			continue;
		if (written.at[written.len - 1] == '*')
			value = extended_decode(value, &charset, arena);
		text_put(&joined, value);
		if (written.len == name.len)
			break;
	}
	struct slice made = arena_slice(arena, text_slice(&joined));
	text_free(&joined);
	return charset.len ? text_of_charset(made, charset, arena) : made;
}

/* ---- parts ---- */

static struct slice raw_of(const struct headers *headers, const char *name)
{
	const struct field *field = header_find(headers, slice_of(name), 0);

	return field ? field->raw : SLICE_NONE;
}

struct slice field_text_of(
	const struct headers *headers, struct slice name, size_t n, struct arena *arena)
{
	const struct field *field = header_find(headers, name, n);

	return field ? words_decode(header_unfold(field->raw, arena), arena) : SLICE_NONE;
}

/* "Text/Plain; charset=…" as "text/plain"; `or` where there is nothing like it. */
static struct slice type_of(const struct headers *headers, struct slice or, struct arena *arena)
{
	struct slice raw = raw_of(headers, "Content-Type");
	struct slice type = slice_trim(slice_cut(&raw, ';'));
	char *lower = arena_alloc(arena, type.len + 1);

	if (!slice_has(type, '/') || type.len > 100)
		return or ;
	for (size_t i = 0; i < type.len; i++)
		lower[i] = ascii_lower(type.at[i]);
	return slice_trim((struct slice){lower, type.len});
}

bool part_is(const struct part *part, struct slice type)
{
	if (slice_starts(type, SLICE("text/")) && type.len == 5)
		return slice_starts(part->type, type);
	return slice_is(part->type, type);
}

static bool type_holds_message(struct slice type)
{
	return slice_is(type, SLICE("message/rfc822")) || slice_is(type, SLICE("message/global"));
}

struct walk {
	struct entity *entity;
	struct arena *arena;
};
struct place {
	unsigned depth, messages;
	struct slice type; /* the default */
};
static void walk(struct walk *walk, struct slice raw, struct place place);

/* RFC 2046 5.1.1: behind the boundary stand blanks, the line end, or "--" at the last. Without this
 * a boundary that begins with another's would end that one's part. */
static bool delimiter_ends(struct slice left)
{
	return left.len == 0 || slice_has(SLICE(" \t\r\n"), left.at[0]) ||
	       slice_starts(left, SLICE("--"));
}

/* Offset of the first line that is `delimiter` ("--boundary"), or SIZE_MAX. */
static size_t delimiter_find(struct slice s, struct slice delimiter)
{
	size_t from = 0;

	while (from < s.len) {
		const char *at = memmem(s.at + from, s.len - from, delimiter.at, delimiter.len);
		if (!at)
			return SIZE_MAX;
		size_t found = (size_t)(at - s.at);
		if ((found == 0 || s.at[found - 1] == '\n') &&
			delimiter_ends(slice_from(s, found + delimiter.len)))
			return found;
		from = found + 1;
	}
	return SIZE_MAX;
}

/* The line end before a delimiter belongs to it (RFC 2046 5.1.1). */
static struct slice without_last_line_end(struct slice s)
{
	if (s.len && s.at[s.len - 1] == '\n')
		s.len--;
	if (s.len && s.at[s.len - 1] == '\r')
		s.len--;
	return s;
}

/* A multipart that names no boundary: the first line that begins with "--" shows it. */
static struct slice boundary_guess(struct slice body)
{
	for (unsigned lines = 0; body.len && lines < 200; lines++) {
		struct slice line = slice_cut(&body, '\n');
		if (line.len > 2 && slice_starts(line, SLICE("--")) && !slice_has(line, ' '))
			return slice_from(without_last_line_end(line), 2);
	}
	return SLICE_NONE;
}

static struct slice delimiter_of(struct slice boundary, struct arena *arena)
{
	return arena_format(arena, "--%.*s", SLICE_ARGS(slice_part(boundary, 0, BOUNDARY_MAX)));
}

/* False: no delimiter is there, so there are no parts. A wrong boundary is as good as none. */
static bool walk_multipart(
	struct walk *walk_, struct slice body, struct slice boundary, struct place place)
{
	struct slice delimiter = delimiter_of(boundary, walk_->arena);
	size_t at = boundary.len ? delimiter_find(body, delimiter) : SIZE_MAX;

	if (at == SIZE_MAX) {
		delimiter = delimiter_of(boundary_guess(body), walk_->arena);
		at = delimiter.len > 2 ? delimiter_find(body, delimiter) : SIZE_MAX;
	}
	bool found = at != SIZE_MAX;
	while (at != SIZE_MAX) {
		body = slice_from(body, at + delimiter.len);
		if (slice_starts(body, SLICE("--")))
			break;
		(void)slice_cut(&body, '\n');
		at = delimiter_find(body, delimiter);
		walk(walk_, without_last_line_end(slice_part(body, 0, at)), place);
		if (walk_->entity->cut)
			break;
	}
	return found;
}

static void walk_inside(struct walk *walk_, struct part *part, struct place place)
{
	struct slice digest = SLICE("multipart/digest");
	struct slice type = part->type, body = part->body;
	struct slice boundary = field_parameter(
		raw_of(&part->headers, "Content-Type"), SLICE("boundary"), walk_->arena);

	place.depth++;
	place.type = slice_is(type, digest) ? SLICE("message/rfc822") : SLICE("text/plain");
	if (slice_starts(type, SLICE("multipart/"))) {
		if (!walk_multipart(walk_, body, boundary, place))
			part->type = SLICE("text/plain");
	} else if (type_holds_message(type)) {
		place.messages++;
		if (slice_starts(body, SLICE("From "))) /* of an mbox file, attached as it was */
			(void)slice_cut(&body, '\n');
		walk(walk_, body, place);
	}
}

static void walk(struct walk *walk_, struct slice raw, struct place place)
{
	struct entity *entity = walk_->entity;

	if (entity->count == ENTITY_PARTS_MAX || place.depth == ENTITY_DEPTH_MAX) {
		entity->cut = true;
		return;
	}
	struct part *part = &entity->parts[entity->count++];
	part->raw = raw;
	header_scan(slice_part(raw, 0, HEADER_MAX), walk_->arena, &part->headers);
	part->body = slice_from(raw, part->headers.body_at);
	part->type = type_of(&part->headers, place.type, walk_->arena);
	part->depth = place.depth;
	part->messages = place.messages;
	walk_inside(walk_, part, place);
}

void entity_read(struct slice message, struct arena *arena, struct entity *entity)
{
	struct walk all = {entity, arena};

	*entity = (struct entity){.parts = ARENA_ARRAY(arena, struct part, ENTITY_PARTS_MAX)};
	walk(&all, message, (struct place){.type = SLICE("text/plain")});
}

/* ---- text ---- */

static struct slice line_ends_plain(struct slice s, struct arena *arena)
{
	char *out = arena_alloc(arena, s.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '\r' && i + 1 < s.len && s.at[i + 1] == '\n')
			continue;
		out[len++] = s.at[i] == '\r' ? '\n' : s.at[i];
	}
	return (struct slice){out, len};
}

struct slice part_text(const struct part *part, size_t most, struct arena *arena)
{
	struct slice encoding = slice_trim(raw_of(&part->headers, "Content-Transfer-Encoding"));
	struct slice octets = slice_part(part->body, 0, most);
	struct slice charset =
		field_parameter(raw_of(&part->headers, "Content-Type"), SLICE("charset"), arena);

	if (slice_starts_nocase(encoding, SLICE("base64")))
		octets = base64_decode_leniently(octets, arena);
	else if (slice_starts_nocase(encoding, SLICE("quoted-printable")))
		octets = quoted_printable_decode(octets, false, arena);
	return line_ends_plain(text_of_charset(octets, charset, arena), arena);
}
