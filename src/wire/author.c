/* SPDX-License-Identifier: Apache-2.0 */
/* The author of a message. The contract is in author.h. */
#include "wire/author.h"

#include <string.h>

#include "base/utf8.h"
#include "wire/decode.h"

static const char *const fault_texts[] = {
	[AUTHOR_OK] = "it has one",
	[AUTHOR_MISSING] = "it has none",
	[AUTHOR_FIELDS] = "it has several",
	[AUTHOR_EMPTY] = "its From field is empty",
	[AUTHOR_SEVERAL] = "its From field holds more than one address",
	[AUTHOR_NOT_AN_ADDRESS] = "what its From field holds is no address",
	[AUTHOR_HIDDEN] = "a line that is no header field stands before one that names an author",
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

/* ---- what SMTP does not know and mail does ---- */

/* An address whose domain has underscores: no host has such a name, but it is well-formed in a
 * header (RFC 5322 section 3.2.3), and no reader takes it for another. All else about it is judged
 * with digits in their place, which give the domain in the one form where it is ASCII. */
static bool underscored_parse(struct slice address, struct arena *arena, struct mailbox *author)
{
	char *digits = arena_alloc(arena, address.len);
	size_t at = slice_find_last(address, '@'), changed = 0;

	memcpy(digits, address.at, address.len);
	for (size_t i = at + 1; at != SIZE_MAX && i < address.len; i++)
		if (digits[i] == '_') {
			digits[i] = '0';
			changed++;
		}
	if (!changed ||
		mailbox_parse((struct slice){digits, address.len}, arena, author) != MAILBOX_OK)
		return false;
	struct slice domain = slice_from(address, at + 1);
	char *text = arena_alloc(arena, author->text.len);
	size_t start = author->text.len - author->domain.len;
	if (author->domain.len != domain.len || !utf8_is_ascii(domain))
		return false;
	memcpy(text, author->text.at, author->text.len);
	for (size_t i = 0; i < domain.len; i++)
		text[start + i] = ascii_lower(domain.at[i]);
	author->text = (struct slice){text, author->text.len};
	author->domain = slice_from(author->text, start);
	return true;
}

static bool address_read(struct slice address, struct arena *arena, struct mailbox *author)
{
	return mailbox_parse(address, arena, author) == MAILBOX_OK ||
	       underscored_parse(address, arena, author);
}

/* "@a.example, @b.example : address", as mail was written once (RFC 5322 section 4.4): the address,
 * or nothing where a part of the route is not "@" and a domain. */
static struct slice route_drop(struct slice inside, struct arena *arena)
{
	struct slice address = inside, ignored;

	if (!slice_starts(inside, SLICE("@")) && !slice_starts(inside, SLICE(",")))
		return inside;
	struct slice route = slice_cut(&address, ':');
	while (route.len) {
		struct slice hop = slice_trim(slice_cut(&route, ','));
		if (hop.len &&
			(hop.at[0] != '@' ||
				!domain_normalise(slice_trim(slice_from(hop, 1)), arena, &ignored)))
			return SLICE_NONE;
	}
	return slice_trim(address);
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
	if (mailbox_read_path(&path, true, arena, author) == MAILBOX_OK)
		return path.len == 0 && !author->is_null && !author->is_postmaster;
	inside = route_drop(inside, arena);
	return inside.len && address_read(inside, arena, author);
}

/* ---- names that some take for addresses ---- */

/* Encoded words that hold "<address>" once decoded, another than the author's: readers that decode
 * before they parse see another author (RFC 2047 section 5: parsing comes first). */
static bool name_hides_another(struct slice name, const struct mailbox *author, struct arena *arena)
{
	struct slice left = slice_has(name, '=') ? words_decode(name, arena) : name;

	if (slice_is(left, name))
		return false;
	while (left.len) {
		(void)slice_cut(&left, '<');
		struct slice inside = left;
		inside = slice_trim(slice_cut(&inside, '>'));
		if (slice_has(inside, '@') && !slice_is_nocase(inside, author->text))
			return true;
	}
	return false;
}

/* An @ outside quotes has no place in a name (RFC 5322 section 3.2.5). Some programs write the
 * author's own address there: that misleads nobody. */
static bool name_is_another(struct slice name, const struct mailbox *author)
{
	return find_plain(name, '@') != SIZE_MAX &&
	       !slice_is_nocase(slice_trim(name), author->text);
}

static bool local_is_encoded(const struct mailbox *author)
{
	size_t at = slice_find(author->local, '=');

	return at != SIZE_MAX && slice_starts(slice_from(author->local, at), SLICE("=?")) &&
	       slice_ends_nocase(author->local, SLICE("?="));
}

/* RFC 2047 section 5: there are no encoded words in an address, whatever some readers make of it.
 */
static enum author_fault name_judge(
	struct slice name, const struct mailbox *author, struct arena *arena)
{
	if (local_is_encoded(author))
		return AUTHOR_NOT_AN_ADDRESS;
	return name_is_another(name, author) || name_hides_another(name, author, arena)
		       ? AUTHOR_SEVERAL
		       : AUTHOR_OK;
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
	bool good = angle == SIZE_MAX ? address_read(element, arena, author)
				      : angle_parse(element, angle, arena, author);
	return good ? name_judge(name, author, arena) : AUTHOR_NOT_AN_ADDRESS;
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

/* ---- fields ---- */

static const struct slice claiming[] = {
	SLICE("Sender"), SLICE("Resent-From"), SLICE("Resent-Sender")};
enum { CLAIMING = sizeof claiming / sizeof *claiming };

/* Whether this stands before the colon, all else but letters and hyphens passed over. */
static bool line_names(struct slice line, struct slice name)
{
	size_t at = 0;

	for (size_t i = 0; i < line.len; i++) {
		char c = ascii_lower(line.at[i]);
		if (c == ':')
			return at == name.len;
		if (c <= ' ' || c > '~')
			continue;
		if (at == name.len || c != ascii_lower(name.at[at++]))
			return false;
	}
	return false;
}

static bool names_an_author(struct slice line)
{
	for (size_t i = 0; i < CLAIMING; i++)
		if (line_names(line, claiming[i]))
			return true;
	return line_names(line, SLICE("From"));
}

static struct slice line_at(struct slice s)
{
	size_t end = slice_find(s, '\n');

	return end == SIZE_MAX ? s : slice_part(s, 0, end + 1);
}

/* Our header ended at a line that is no field. Readers that pass over such a line find the fields
 * behind it, up to the first empty line; also one whose name is folded: only so far is looked into
 * what follows a line's end. One that begins with a blank would continue the fields that we put in
 * front. */
static bool author_is_hidden(const struct headers *headers)
{
	enum { FOLDED_MOST = 200 };
	struct slice left = headers->malformed ? headers->rest : SLICE_NONE;

	if (headers->count == 0 && left.len && (left.at[0] == ' ' || left.at[0] == '\t'))
		return true;
	while (left.len && left.at[0] != '\n' && !slice_starts(left, SLICE("\r\n"))) {
		struct slice line = line_at(left);
		if (names_an_author(line) || names_an_author(slice_part(left, 0, FOLDED_MOST)))
			return true;
		left = slice_from(left, line.len);
	}
	return false;
}

enum author_fault author_find(
	const struct headers *headers, struct arena *arena, struct mailbox *author)
{
	struct slice from = SLICE("From");
	const struct field *field = header_find(headers, from, 0);

	*author = (struct mailbox){0};
	if (author_is_hidden(headers))
		return AUTHOR_HIDDEN;
	if (!field)
		return AUTHOR_MISSING;
	if (header_find(headers, from, 1))
		return AUTHOR_FIELDS;
	return author_parse(field->raw, arena, author);
}

static void claim_add(
	struct claims *claims, struct mailbox *list, const struct field *field, struct arena *arena)
{
	if (claims->count < CLAIMS_MAX &&
		author_parse(field->raw, arena, &list[claims->count]) == AUTHOR_OK)
		claims->count++;
	else
		claims->unclear = true;
}

void claims_find(const struct headers *headers, struct arena *arena, struct claims *claims)
{
	struct mailbox *list = NULL;

	*claims = (struct claims){0};
	for (size_t i = 0; i < headers->count; i++)
		for (size_t k = 0; k < CLAIMING; k++) {
			if (!slice_is_nocase(headers->fields[i].name, claiming[k]))
				continue;
			if (!list)
				claims->at = list = ARENA_ARRAY(arena, struct mailbox, CLAIMS_MAX);
			claim_add(claims, list, &headers->fields[i], arena);
		}
}
