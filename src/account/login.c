/* SPDX-License-Identifier: Apache-2.0 */
/* Names of accounts and addresses in one form. The contract is in login.h. */
#include "account/login.h"

#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>

#include "base/utf8.h"
#include "wire/mailbox.h"

enum { NAME_MAX_OCTETS = 64 };

/* Full mapping, then NFC; false if it is not UTF-8. */
static bool lower(struct slice s, struct arena *arena, struct slice *lowered)
{
	size_t len = 0;

	if (!utf8_is_valid(s))
		return false;
	if (s.len == 0) {
		*lowered = s;
		return true;
	}
	uint8_t *bytes = u8_tolower((const uint8_t *)s.at, s.len, NULL, UNINORM_NFC, NULL, &len);
	if (!bytes)
		return false;
	*lowered = arena_slice(arena, (struct slice){(const char *)bytes, len});
	free(bytes);
	return true;
}

static bool say(const char **why, const char *words)
{
	if (why)
		*why = words;
	return false;
}

/* ---- logins ---- */

/* Colons and commas part the fields of files, `*` stands for any name. */
static bool is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if (c <= ' ' || c == 0x7f || slice_has(SLICE(":,*\"\\<>@"), s.at[i]))
			return false;
	}
	return s.len > 0 && s.len <= NAME_MAX_OCTETS;
}

/* Control characters beyond ASCII, and those that show a name in another order than it has. */
static bool is_shown_as_it_is(struct slice s)
{
	uint32_t point;

	for (size_t len; s.len > 0; s = slice_from(s, len)) {
		len = utf8_decode(s, &point);
		if (len == 0 || (point >= 0x80 && point < 0xa1) || utf8_reorders(point))
			return false;
	}
	return true;
}

static bool address_lower(
	struct slice s, struct arena *arena, struct slice *login, const char **why)
{
	struct mailbox mailbox;
	enum mailbox_fault fault = mailbox_parse(s, arena, &mailbox);

	if (fault != MAILBOX_OK)
		return say(why, mailbox_fault_text(fault));
	if (mailbox.is_literal || mailbox.quoted)
		return say(why, "an address with a domain, and without quotes, is wanted");
	return lower(mailbox.text, arena, login) || say(why, "it is not UTF-8");
}

bool login_normalise(struct slice s, struct arena *arena, struct slice *login, const char **why)
{
	if (slice_has(s, '@'))
		return address_lower(s, arena, login, why);
	if (!is_name(s) || !is_shown_as_it_is(s))
		return say(why, "a name has 1 to 64 octets, no blanks and none of : , * \" \\ < >");
	return lower(s, arena, login) || say(why, "it is not UTF-8");
}

/* ---- addresses ---- */

static bool domain_owned(
	struct slice domain, struct arena *arena, struct owned_address *owned, const char **why)
{
	struct slice normal;

	if (!domain_normalise(domain, arena, &normal))
		return say(why, "behind *@ a domain name is wanted");
	owned->address = owned->key = arena_format(arena, "*@%.*s", SLICE_ARGS(normal));
	return true;
}

bool owned_normalise(
	struct slice s, struct arena *arena, struct owned_address *owned, const char **why)
{
	struct mailbox mailbox;

	if (slice_starts(s, SLICE("*@")))
		return domain_owned(slice_from(s, 2), arena, owned, why);
	enum mailbox_fault fault = mailbox_parse(s, arena, &mailbox);
	if (fault != MAILBOX_OK)
		return say(why, mailbox_fault_text(fault));
	if (slice_has(mailbox.local, '*'))
		return say(why, "only *@domain stands for many; here an address is wanted");
	owned->address = mailbox.text;
	return lower(mailbox.text, arena, &owned->key) || say(why, "it is not UTF-8");
}

bool group_is_name(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alnum(s.at[i]) && !slice_has(SLICE("-_."), s.at[i]))
			return false;
	return s.len > 0 && s.len <= NAME_MAX_OCTETS;
}
