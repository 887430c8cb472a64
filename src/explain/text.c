/* SPDX-License-Identifier: Apache-2.0 */
/* Finding things in words for people. The contract is in inside.h. */
#include <string.h>

#include "base/text.h"
#include "explain/inside.h"

/* Where `c` stands first from `from` on. */
static size_t next_of(struct slice text, size_t from, char c)
{
	const char *at = from < text.len ? memchr(text.at + from, c, text.len - from) : NULL;

	return at ? (size_t)(at - text.at) : SIZE_MAX;
}

size_t find_nocase(struct slice text, struct slice what)
{
	char lower = ascii_lower(what.at[0]), upper = lower;

	if (lower >= 'a' && lower <= 'z')
		upper = (char)(lower - 'a' + 'A');
	size_t small = next_of(text, 0, lower);
	size_t big = upper == lower ? SIZE_MAX : next_of(text, 0, upper);
	for (;;) {
		size_t at = small < big ? small : big;
		if (at == SIZE_MAX || at + what.len > text.len)
			return SIZE_MAX;
		if (slice_is_nocase(slice_part(text, at, at + what.len), what))
			return at;
		if (at == small)
			small = next_of(text, at + 1, lower);
		else
			big = next_of(text, at + 1, upper);
	}
}

bool has_nocase(struct slice text, const char *what)
{
	return find_nocase(text, slice_of(what)) != SIZE_MAX;
}

bool has_one_of(struct slice text, const char *const *words)
{
	for (; *words; words++)
		if (has_nocase(text, *words))
			return true;
	return false;
}

struct slice unwrapped(struct slice text, size_t most, struct arena *arena)
{
	char *out = arena_alloc(arena, (text.len < most ? text.len : most) + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len && len < most; i++) {
		bool blank = (uint8_t)text.at[i] <= ' ';
		if (!blank)
			out[len++] = text.at[i];
		else if (len && out[len - 1] != ' ')
			out[len++] = ' ';
	}
	/* Not in the middle of a character. */
	while (len == most && len && ((uint8_t)out[len - 1] & 0xc0) == 0x80)
		len--;
	return slice_trim((struct slice){out, len});
}

struct slice squeezed(struct slice text, struct arena *arena)
{
	return unwrapped(text, WORDS_MOST, arena);
}

struct slice line_take(struct slice *text)
{
	struct slice line = slice_cut(text, '\n');

	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

void fill(struct slice *field, struct slice value)
{
	if (field->len == 0)
		*field = value;
}

/* ---- addresses ---- */

static bool is_local_char(char c)
{
	return ascii_is_alnum(c) || slice_has(SLICE(".!#$%&'*+/=?^_`{|}~-"), c) ||
	       (uint8_t)c >= 0x80;
}

static bool is_domain_char(char c)
{
	return ascii_is_alnum(c) || c == '.' || c == '-' || c == '_' || (uint8_t)c >= 0x80;
}

/* Where the local part that ends before `at` begins. */
static size_t local_begin(struct slice s, size_t at, size_t from)
{
	size_t i = at;
	size_t open = slice_find_last(slice_part(s, from, at), '<');
	bool bracketed = open != SIZE_MAX && at - from - open < 256;

	if (i > from + 1 && s.at[i - 1] == '"') { /* "quoted local"@domain */
		size_t quote = slice_find_last(slice_part(s, from, i - 1), '"');
		if (quote != SIZE_MAX && i - from - quote < 80)
			return from + quote;
	}
	/* Beyond ASCII only where brackets show that it belongs to the address (RFC 6531); a path
	 * is none. */
	while (i > from && at - i < 256 && is_local_char(s.at[i - 1]) &&
		(bracketed || ((uint8_t)s.at[i - 1] < 0x80 && s.at[i - 1] != '/')))
		i--;
	while (i < at && slice_has(SLICE("'`*/."), s.at[i])) /* decoration, not the address */
		i++;
	return i;
}

static size_t domain_end(struct slice s, size_t at, bool bracketed)
{
	size_t i = at;

	if (i < s.len && s.at[i] == '[') {
		size_t close = slice_find(slice_part(s, i, i + 60), ']');
		return close == SIZE_MAX ? at : i + close + 1;
	}
	while (i < s.len && i - at < 256 && is_domain_char(s.at[i]) &&
		(bracketed || (uint8_t)s.at[i] < 0x80))
		i++;
	while (i > at && slice_has(SLICE(".-_"), s.at[i - 1]))
		i--;
	return i;
}

/* "to=user@example.org": the name before it is no part of it. */
static size_t without_key(struct slice s, size_t begin, size_t at)
{
	static const struct slice keys[] = {SLICE("to="), SLICE("rcpt="), SLICE("recipient="),
		SLICE("from="), SLICE("addr="), SLICE("orig_to="), SLICE("account="),
		SLICE("arg1="), SLICE("smtp=")};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (slice_starts_nocase(slice_part(s, begin, at), keys[i]))
			return begin + keys[i].len;
	/* "550-user@example.org": a line of an answer that goes on. */
	if (at > begin + 4 && s.at[begin + 3] == '-' && reply_code_at(slice_part(s, begin, at), 0))
		return begin + 4;
	return begin;
}

bool address_find(struct slice s, size_t from, struct mention *mention)
{
	for (size_t at = from; at < s.len; at++) {
		size_t next = slice_find(slice_from(s, at), '@');
		if (next == SIZE_MAX)
			return false;
		at += next;
		size_t begin = without_key(s, local_begin(s, at, from), at);
		bool bracketed = begin > from && s.at[begin - 1] == '<';
		size_t end = domain_end(s, at + 1, bracketed);
		if (begin == at || end == at + 1)
			continue;
		if (!bracketed && !slice_has(slice_part(s, at, end), '.') && s.at[at + 1] != '[')
			continue;
		mention->address = slice_part(s, begin, end);
		mention->at = begin - bracketed;
		mention->end = end + (end < s.len && s.at[end] == '>');
		return true;
	}
	return false;
}

bool is_address(struct slice s)
{
	struct mention mention;

	return address_find(s, 0, &mention) && mention.at == 0 && mention.end == s.len;
}

/* ---- JSON ---- */

struct slice json_member(struct slice json, const char *name, struct arena *arena)
{
	struct slice key = arena_format(arena, "\"%s\":", name);
	size_t at = find_nocase(json, key);
	struct text text = TEXT_GROWING;

	if (at == SIZE_MAX)
		return SLICE_NONE;
	struct slice value = slice_trim(slice_part(json, at + key.len, at + key.len + WORDS_MOST));
	if (!slice_starts(value, SLICE("\"")))
		return SLICE_NONE;
	for (size_t i = 1; i < value.len && value.at[i] != '"'; i++) {
		bool escape = value.at[i] == '\\' && i + 1 < value.len;
		char c = escape ? value.at[++i] : value.at[i];
		text_char(&text, escape && (c == 'n' || c == 't' || c == 'r') ? ' ' : c);
	}
	struct slice made = arena_slice(arena, text_slice(&text));
	text_free(&text);
	return made;
}
