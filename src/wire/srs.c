/* SPDX-License-Identifier: Apache-2.0 */
/* Return addresses for forwarded mail. Read srs.h first. */
#include "wire/srs.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/panic.h"
#include "base/text.h"

enum { TAG_LEN = 5, HASH_LEN = 8, DAY_LEN = 2, DAYS_IN_ALL = 1024 };
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; /* RFC 4648 section 6 */

/* ---- days and hashes ---- */

static unsigned day_of(wall_ns now)
{
	return (unsigned)(now / (24 * 3600 * NS_PER_S) % DAYS_IN_ALL);
}

static struct slice day_text(unsigned day, struct arena *arena)
{
	return arena_format(arena, "%c%c", digits[day / 32], digits[day % 32]);
}

static struct slice lower_of(struct slice s, struct arena *arena)
{
	char *lower = arena_alloc(arena, s.len);

	for (size_t i = 0; i < s.len; i++)
		lower[i] =
			(char)(s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] + ('a' - 'A') : s.at[i]);
	return (struct slice){lower, s.len};
}

/* HASH_LEN digits, the first 40 bits. `kind` is '0' or '1'. */
static struct slice hash_text(const struct srs_secret *secret, char kind, unsigned day,
	struct slice rest, struct arena *arena)
{
	struct slice lower = lower_of(rest, arena);
	struct slice whole = arena_format(arena, "%c %u %.*s", kind, day, SLICE_ARGS(lower));
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char *text = arena_alloc(arena, HASH_LEN);
	uint64_t bits = 0;

	panic_if(!HMAC(EVP_sha256(), secret->bytes, SRS_SECRET_SIZE, (const uint8_t *)whole.at,
			 whole.len, mac, &len),
		"no HMAC-SHA256");
	for (size_t i = 0; i < 5; i++)
		bits = bits << 8 | mac[i];
	for (size_t i = 0; i < HASH_LEN; i++)
		text[i] = digits[bits >> 5 * (HASH_LEN - 1 - i) & 31];
	return (struct slice){text, HASH_LEN};
}

/* Made on `now` or one of the SRS_DAYS before it. All are tried, so that nothing is learned from
 * the time it takes. */
static bool hash_is_right(const struct srs_secret *secret, char kind, struct slice hash,
	struct slice rest, wall_ns now, struct arena *arena)
{
	unsigned today = day_of(now) + DAYS_IN_ALL;
	bool right = false;

	for (unsigned back = 0; back <= SRS_DAYS; back++) {
		unsigned day = (today - back) % DAYS_IN_ALL;
		right |= slice_is_nocase(hash, hash_text(secret, kind, day, rest, arena));
	}
	return right;
}

/* ---- addresses ---- */

/* mailbox_parse() drops quotes that are not needed. */
static bool compose(struct slice local, struct slice domain, bool quoted, struct arena *arena,
	struct mailbox *mailbox)
{
	struct text text = {.at = arena_alloc(arena, 2 * local.len + domain.len + 3),
		.size = 2 * local.len + domain.len + 3};

	if (quoted)
		text_char(&text, '"');
	for (size_t i = 0; i < local.len; i++) {
		if (quoted && (local.at[i] == '"' || local.at[i] == '\\'))
			text_char(&text, '\\');
		text_char(&text, local.at[i]);
	}
	if (quoted)
		text_char(&text, '"');
	text_char(&text, '@');
	text_put(&text, domain);
	return mailbox_parse(text_slice(&text), arena, mailbox) == MAILBOX_OK;
}

/* "SRS0=" and what follows; other makers write - or + for the first =. */
static char kind_of(const struct mailbox *address)
{
	struct slice local = address->local;

	if (address->is_null || local.len <= TAG_LEN ||
		!slice_is_nocase(slice_part(local, 0, 3), SLICE("SRS")))
		return '\0';
	char kind = local.at[3], behind = local.at[4];
	bool separated = behind == '=' || behind == '-' || behind == '+';
	return separated && (kind == '0' || kind == '1') ? kind : '\0';
}

bool srs_is_one(const struct mailbox *address)
{
	return kind_of(address) != '\0';
}

/* What the hash is of: a sender as it is; of one rewritten already the first forwarder and what
 * that one wrote, so that however many follow the address grows no more. */
static struct slice rest_of(
	const struct mailbox *sender, char kind, unsigned day, struct arena *arena)
{
	struct slice local = sender->local;

	if (kind == '0') {
		struct slice when = day_text(day, arena);
		return arena_format(arena, "%.*s=%.*s=%.*s", SLICE_ARGS(when),
			SLICE_ARGS(sender->domain), SLICE_ARGS(local));
	}
	if (kind_of(sender) == '0') /* with its own separator, to be put back behind SRS0 */
		return arena_format(arena, "%.*s=%.*s", SLICE_ARGS(sender->domain),
			SLICE_ARGS(slice_from(local, TAG_LEN - 1)));
	struct slice rest = slice_from(local, TAG_LEN);
	(void)slice_cut(&rest, '=');
	return rest;
}

static bool forward_as(const struct srs_secret *secret, char kind, const struct mailbox *sender,
	struct slice domain, wall_ns now, struct arena *arena, struct mailbox *address)
{
	struct mailbox back;
	struct slice rest = rest_of(sender, kind, day_of(now), arena);
	struct slice hash = hash_text(secret, kind, day_of(now), rest, arena);
	struct slice local =
		arena_format(arena, "SRS%c=%.*s=%.*s", kind, SLICE_ARGS(hash), SLICE_ARGS(rest));

	return compose(local, domain, sender->quoted || sender->is_literal, arena, address) &&
	       srs_reverse(secret, address, now, arena, &back);
}

/* What only looks like one is an address as any other. */
bool srs_forward(const struct srs_secret *secret, const struct mailbox *sender, struct slice domain,
	wall_ns now, struct arena *arena, struct mailbox *address)
{
	if (sender->is_null || !sender->domain.len)
		return false;
	return (srs_is_one(sender) &&
		       forward_as(secret, '1', sender, domain, now, arena, address)) ||
	       forward_as(secret, '0', sender, domain, now, arena, address);
}

bool srs_reverse(const struct srs_secret *secret, const struct mailbox *address, wall_ns now,
	struct arena *arena, struct mailbox *sender)
{
	char kind = kind_of(address);
	struct slice rest = slice_from(address->local, kind ? TAG_LEN : 0);
	struct slice hash = slice_cut(&rest, '=');

	if (!kind || hash.len != HASH_LEN || !hash_is_right(secret, kind, hash, rest, now, arena))
		return false;
	if (kind == '0')
		(void)slice_cut(&rest, '='); /* the day is in the hash */
	struct slice domain = slice_cut(&rest, '=');
	struct slice local = kind == '0' ? rest : arena_format(arena, "SRS0%.*s", SLICE_ARGS(rest));
	return compose(local, domain, address->quoted, arena, sender) ||
	       compose(local, domain, true, arena, sender); /* ".x", or none at all */
}
