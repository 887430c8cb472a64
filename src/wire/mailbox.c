/* SPDX-License-Identifier: Apache-2.0 */
/* Mail addresses. The contract is in mailbox.h; domains are in domain.c. */
#include "wire/mailbox.h"

#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>

#include "base/text.h"
#include "base/utf8.h"

/* RFC 5321 4.5.3.1.1 to .3: octets. A path of 256 counts its < and >. */
enum { LOCAL_MAX = 64, DOMAIN_MAX = 255, MAILBOX_MAX = 254 };

static const char *const fault_texts[] = {
	[MAILBOX_OK] = "is an address",
	[MAILBOX_NO_BRACKETS] = "the address must stand in < and >",
	[MAILBOX_NO_DOMAIN] = "a domain is missing: user@example.org",
	[MAILBOX_BAD_LOCAL] = "what stands before the @ is no local part",
	[MAILBOX_BAD_DOMAIN] = "what stands behind the @ is no domain and no address literal",
	[MAILBOX_BAD_ROUTE] = "the source route in front of the address is not valid",
	[MAILBOX_TOO_LONG] = "longer than 64 octets before the @, 255 behind it or 254 together",
	[MAILBOX_BAD_BYTES] = "control characters or broken UTF-8 in the address",
	[MAILBOX_NEEDS_SMTPUTF8] = "characters beyond ASCII need the parameter SMTPUTF8",
	[MAILBOX_TRAILING] = "something stands directly behind the >",
};

const char *mailbox_fault_text(enum mailbox_fault fault)
{
	return fault_texts[fault];
}

/* RFC 5322 3.2.3 atext; RFC 6531 3.3 adds everything beyond ASCII. */
static bool is_atext(char c)
{
	return ascii_is_alnum(c) || (uint8_t)c >= 0x80 ||
	       (c && slice_has(SLICE("!#$%&'*+-/=?^_`{|}~"), c));
}

static bool is_control(char c)
{
	return (uint8_t)c < ' ' || c == 0x7f;
}

static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_control(s.at[i]))
			return true;
	return false;
}

/* C1 controls hide in valid UTF-8. */
static bool utf8_is_text(struct slice s)
{
	uint32_t point;

	while (s.len) {
		size_t len = utf8_decode(s, &point);
		if (len == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
			return false;
		s = slice_from(s, len);
	}
	return true;
}

/* RFC 5321 4.1.2: Dot-string = Atom *("." Atom). */
static bool is_dot_string(struct slice s)
{
	if (s.len == 0 || s.at[0] == '.' || s.at[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_atext(s.at[i]) && (s.at[i] != '.' || s.at[i - 1] == '.'))
			return false;
	return true;
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE; *len octets with both quotes. */
static enum mailbox_fault quoted_read(
	struct slice s, struct arena *arena, struct slice *local, size_t *len)
{
	char *plain = arena_alloc(arena, s.len < LOCAL_MAX ? s.len : LOCAL_MAX);
	size_t used = 0, i = 1;

	for (; i < s.len && s.at[i] != '"'; i++) {
		if (s.at[i] == '\\' && (++i == s.len || (uint8_t)s.at[i] >= 0x80))
			return MAILBOX_BAD_LOCAL;
		if (is_control(s.at[i]))
			return MAILBOX_BAD_BYTES;
		if (used + 2 >= LOCAL_MAX)
			return MAILBOX_TOO_LONG;
		plain[used++] = s.at[i];
	}
	if (i >= s.len)
		return MAILBOX_BAD_LOCAL;
	*local = (struct slice){plain, used};
	*len = i + 1;
	return *len > LOCAL_MAX ? MAILBOX_TOO_LONG : MAILBOX_OK;
}

static enum mailbox_fault dotted_read(struct slice s, struct slice *local, size_t *len)
{
	size_t end = 0;

	while (end < s.len && (is_atext(s.at[end]) || s.at[end] == '.'))
		end++;
	*local = slice_part(s, 0, *len = end);
	if (end < s.len && is_control(s.at[end]))
		return MAILBOX_BAD_BYTES;
	if (!is_dot_string(*local))
		return MAILBOX_BAD_LOCAL;
	return end > LOCAL_MAX ? MAILBOX_TOO_LONG : MAILBOX_OK;
}

/* RFC 6532 3.1 asks for NFC, and two spellings of one name must compare alike. */
static enum mailbox_fault local_normalise(struct mailbox *mailbox, struct arena *arena)
{
	if (utf8_is_ascii(mailbox->local))
		return MAILBOX_OK;
	mailbox->needs_smtputf8 = true;
	if (!utf8_is_text(mailbox->local))
		return MAILBOX_BAD_BYTES;
	size_t len = 0;
	uint8_t *nfc = u8_normalize(
		UNINORM_NFC, (const uint8_t *)mailbox->local.at, mailbox->local.len, NULL, &len);
	if (!nfc)
		return MAILBOX_BAD_BYTES;
	mailbox->local = arena_slice(arena, (struct slice){(char *)nfc, len});
	free(nfc);
	return len > LOCAL_MAX ? MAILBOX_TOO_LONG : MAILBOX_OK;
}

/* Takes the local part from the front of *s. */
static enum mailbox_fault local_read(struct slice *s, struct arena *arena, struct mailbox *mailbox)
{
	size_t len = 0;
	bool quoted = s->len && s->at[0] == '"';
	enum mailbox_fault fault = quoted ? quoted_read(*s, arena, &mailbox->local, &len)
					  : dotted_read(*s, &mailbox->local, &len);

	if (fault != MAILBOX_OK)
		return fault;
	fault = local_normalise(mailbox, arena); /* may make ASCII of what was not */
	if (quoted || mailbox->needs_smtputf8)
		mailbox->quoted = !is_dot_string(mailbox->local);
	*s = slice_from(*s, len);
	return fault;
}

/* RFC 5321 4.1.3. The only registered tag is IPv6; an IPv4 address inside IPv6 is that IPv4
 * address (doc/policy.md, "Addresses"), so that it has one form. */
static bool literal_read(struct slice s, struct arena *arena, struct mailbox *mailbox)
{
	if (s.len < 3 || s.at[s.len - 1] != ']')
		return false;
	struct slice inside = slice_part(s, 1, s.len - 1);
	bool tagged = slice_starts_nocase(inside, SLICE("IPv6:"));
	if (tagged)
		inside = slice_from(inside, 5);
	if (tagged != slice_has(inside, ':') || !address_parse(inside, &mailbox->literal))
		return false;

	char raw[64];
	struct text text = TEXT_FIXED(raw);
	text_put(&text, mailbox->literal.is_v4 ? SLICE("[") : SLICE("[IPv6:"));
	text_address(&text, &mailbox->literal);
	text_char(&text, ']');
	mailbox->is_literal = true;
	mailbox->domain = arena_slice(arena, text_slice(&text));
	return true;
}

static enum mailbox_fault domain_read(struct slice s, struct arena *arena, struct mailbox *mailbox)
{
	if (has_control(s))
		return MAILBOX_BAD_BYTES;
	if (s.len > DOMAIN_MAX)
		return MAILBOX_TOO_LONG;
	if (s.len && s.at[0] == '[')
		return literal_read(s, arena, mailbox) ? MAILBOX_OK : MAILBOX_BAD_DOMAIN;
	if (!utf8_is_ascii(s)) {
		mailbox->needs_smtputf8 = true;
		if (!utf8_is_text(s))
			return MAILBOX_BAD_BYTES;
	}
	return domain_normalise(s, arena, &mailbox->domain) ? MAILBOX_OK : MAILBOX_BAD_DOMAIN;
}

static void text_quoted(struct text *text, struct slice local)
{
	text_char(text, '"');
	for (size_t i = 0; i < local.len; i++) {
		if (local.at[i] == '"' || local.at[i] == '\\')
			text_char(text, '\\');
		text_char(text, local.at[i]);
	}
	text_char(text, '"');
}

/* The one form, with quotes and backslashes only where they are needed. */
static enum mailbox_fault mailbox_compose(struct mailbox *mailbox, struct arena *arena)
{
	size_t most = 2 * mailbox->local.len + mailbox->domain.len + 3;
	struct text text = {.at = arena_bytes(arena, most), .size = most};

	if (mailbox->quoted)
		text_quoted(&text, mailbox->local);
	else
		text_put(&text, mailbox->local);
	if (mailbox->domain.len) {
		text_char(&text, '@');
		text_put(&text, mailbox->domain);
	}
	mailbox->text = text_slice(&text);
	return text.len > MAILBOX_MAX ? MAILBOX_TOO_LONG : MAILBOX_OK;
}

/* local@domain in all of `s`; a domain may miss only behind <postmaster> (RFC 5321 4.1.1.3). */
static enum mailbox_fault address_read(
	struct slice s, bool in_path, struct arena *arena, struct mailbox *mailbox)
{
	enum mailbox_fault fault = local_read(&s, arena, mailbox);

	if (fault != MAILBOX_OK)
		return fault;
	mailbox->local = arena_slice(arena, mailbox->local);
	if (s.len == 0) {
		mailbox->is_postmaster =
			in_path && slice_is_nocase(mailbox->local, SLICE("postmaster"));
		return mailbox->is_postmaster ? mailbox_compose(mailbox, arena) : MAILBOX_NO_DOMAIN;
	}
	if (s.at[0] != '@')
		return MAILBOX_BAD_LOCAL;
	fault = domain_read(slice_from(s, 1), arena, mailbox);
	return fault == MAILBOX_OK ? mailbox_compose(mailbox, arena) : fault;
}

enum mailbox_fault mailbox_parse(struct slice s, struct arena *arena, struct mailbox *mailbox)
{
	*mailbox = (struct mailbox){0};
	return address_read(s, false, arena, mailbox);
}

/* A-d-l ":" = "@" Domain *( "," "@" Domain ) ":"; RFC 5321 4.1.1.3 and appendix C: parsed,
 * dropped. */
static enum mailbox_fault route_drop(struct slice *s, struct arena *arena)
{
	struct mailbox hop;
	struct slice left = *s;

	while (left.len && left.at[0] == '@') {
		size_t end = 1;
		while (end < left.len && left.at[end] != ',' && left.at[end] != ':')
			end += left.at[end] == '[' && slice_has(slice_from(left, end), ']')
				       ? slice_find(slice_from(left, end), ']')
				       : 1;
		if (end >= left.len ||
			domain_read(slice_part(left, 1, end), arena, &hop) != MAILBOX_OK)
			return MAILBOX_BAD_ROUTE;
		bool last = left.at[end] == ':';
		left = slice_from(left, end + 1);
		if (last) {
			*s = left;
			return MAILBOX_OK;
		}
	}
	return MAILBOX_BAD_ROUTE;
}

/* Where the > of the path stands: a quoted local part may hold others. */
static size_t path_end(struct slice s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		if (quoted && s.at[i] == '\\')
			i++;
		else if (s.at[i] == '"')
			quoted = !quoted;
		else if (s.at[i] == '>' && !quoted)
			return i;
	}
	return SIZE_MAX;
}

enum mailbox_fault mailbox_read_path(
	struct slice *s, bool utf8, struct arena *arena, struct mailbox *mailbox)
{
	size_t end = path_end(*s);

	*mailbox = (struct mailbox){0};
	if (s->len == 0 || s->at[0] != '<' || end == SIZE_MAX)
		return MAILBOX_NO_BRACKETS;
	struct slice inside = slice_part(*s, 1, end), behind = slice_from(*s, end + 1);
	mailbox->is_null = inside.len == 0;
	enum mailbox_fault fault = MAILBOX_OK;
	if (inside.len && inside.at[0] == '@')
		fault = route_drop(&inside, arena);
	if (fault == MAILBOX_OK && !mailbox->is_null)
		fault = address_read(inside, true, arena, mailbox);
	if (fault == MAILBOX_OK && mailbox->needs_smtputf8 && !utf8)
		fault = MAILBOX_NEEDS_SMTPUTF8;
	if (fault == MAILBOX_OK && behind.len && behind.at[0] != ' ')
		fault = MAILBOX_TRAILING;
	if (fault == MAILBOX_OK)
		*s = behind;
	return fault;
}

struct slice mailbox_local_key(const struct mailbox *mailbox, struct arena *arena)
{
	size_t plus = slice_find(mailbox->local, '+');
	struct slice key = slice_part(mailbox->local, 0, plus ? plus : SIZE_MAX);

	if (utf8_is_ascii(key)) {
		char *lower = arena_alloc(arena, key.len);
		for (size_t i = 0; i < key.len; i++)
			lower[i] = ascii_lower(key.at[i]);
		return (struct slice){lower, key.len};
	}
	size_t len = 0;
	uint8_t *lower =
		u8_tolower((const uint8_t *)key.at, key.len, NULL, UNINORM_NFC, NULL, &len);
	if (!lower)
		return key;
	key = arena_slice(arena, (struct slice){(char *)lower, len});
	free(lower);
	return key;
}

bool mailbox_is_risky(const struct mailbox *mailbox)
{
	struct slice local = mailbox->local;

	if (local.len && slice_has(SLICE("|-."), local.at[0]))
		return true;
	for (size_t i = 0; i < local.len; i++)
		if (slice_has(SLICE("%!@:/"), local.at[i]))
			return true;
	return false;
}
