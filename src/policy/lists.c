/* SPDX-License-Identifier: Apache-2.0 */
/* Files of mailboxes, addresses and domains: one entry a line, `#` comments; and the keys under
 * which addresses are kept and found. */
#include <string.h>

#include "policy/lines.h"
#include "policy/model.h"

/* Exactly that name; else, of those `*.…` that hold it, the nearest. An address literal has no
 * labels. */
struct domain_row *domain_find(const struct policy *policy, struct slice name)
{
	struct domain_row *row = name.len > 0 ? map_get(policy->domain_names, name) : NULL;

	if (row || map_count(policy->below_names) == 0 || slice_starts(name, SLICE("[")))
		return row;
	for (slice_cut(&name, '.'); !row && name.len > 0; slice_cut(&name, '.'))
		row = map_get(policy->below_names, name);
	return row;
}

/* Lower case, piece by piece between the +, since mailbox_local_key() drops what follows one. */
static void local_lower(
	struct text *out, const struct mailbox *mailbox, bool tagged, struct arena *arena)
{
	struct slice left = mailbox->local;

	if (left.len == 0 || left.at[0] == '+') {
		text_put(out, left); /* a local part that is all tag is nobody else's */
		return;
	}
	for (bool first = true; first || (tagged && left.len > 0); first = false) {
		struct mailbox part = *mailbox;
		if (!first)
			text_char(out, '+');
		part.local = slice_cut(&left, '+');
		if (part.local.len > 0)
			text_put(out, mailbox_local_key(&part, arena));
	}
	if (tagged && mailbox->local.at[mailbox->local.len - 1] == '+')
		text_char(out, '+');
}

/* Full case mapping may lengthen a character to three times its bytes. */
static struct text key_room(const struct mailbox *mailbox, struct arena *arena)
{
	size_t size = 3 * mailbox->local.len + mailbox->domain.len + 2;

	return (struct text){.at = arena_alloc(arena, size), .size = size};
}

struct slice key_of_local(const struct mailbox *mailbox, struct arena *arena)
{
	struct text key = key_room(mailbox, arena);

	local_lower(&key, mailbox, true, arena);
	text_char(&key, '@');
	return text_slice(&key);
}

struct slice party_key(const struct policy *policy, const struct mailbox *mailbox, bool tagged,
	struct arena *arena)
{
	struct text key = key_room(mailbox, arena);

	if (domain_find(policy, mailbox->domain))
		local_lower(&key, mailbox, tagged, arena);
	else
		text_put(&key, mailbox->local);
	text_char(&key, '@');
	text_put(&key, mailbox->domain);
	return text_slice(&key);
}

bool list_has(const struct list_row *list, struct slice key)
{
	return key.len > 0 && map_get(list->entries, key) != NULL;
}

struct slice key_without_domain(struct slice key, struct slice domain)
{
	return slice_part(key, 0, key.len - domain.len);
}

static void entry_keep(struct policy *policy, struct list_row *list, struct slice key)
{
	map_put(list->entries, key, policy);
	if (list->example.len == 0)
		list->example = key;
}

/* A mailboxes file may name a local part alone: it is put behind some domain to be read. */
static bool local_part_keep(struct policy *policy, struct list_row *list, struct slice entry)
{
	struct mailbox mailbox;
	struct slice whole = arena_format(policy->arena, "%.*s@localhost", SLICE_ARGS(entry));

	if (mailbox_parse(whole, policy->arena, &mailbox) != MAILBOX_OK)
		return false;
	entry_keep(policy, list, key_of_local(&mailbox, policy->arena));
	return true;
}

static bool entry_read(struct policy *policy, struct list_row *list, struct slice entry)
{
	struct mailbox mailbox;
	struct slice domain;

	if (!slice_has(entry, '@')) {
		if (list->of_mailboxes)
			return local_part_keep(policy, list, entry);
		if (!domain_normalise(entry, policy->arena, &domain))
			return false;
		entry_keep(policy, list, domain);
		return true;
	}
	if (mailbox_parse(entry, policy->arena, &mailbox) != MAILBOX_OK || mailbox.is_null)
		return false;
	entry_keep(policy, list, party_key(policy, &mailbox, true, policy->arena));
	return true;
}

static void list_fill(struct policy *policy, struct list_row *list, struct slice bytes,
	struct complaints *complaints)
{
	struct lines lines = lines_of(bytes);

	while (lines_next(&lines)) {
		if (entry_read(policy, list, lines.entry))
			continue;
		struct token token = lines_token(&lines, complaints->arena, list->path);
		complain_at(complaints, SEVERITY_ERROR, &token,
			list->of_mailboxes ? SLICE("this is no address and no local part")
					   : SLICE("this is no address and no domain"),
			list->of_mailboxes ? SLICE("one address or local part a line")
					   : SLICE("one address or domain a line"));
	}
}

void lists_fill(struct policy *policy, const struct bundle *bundle, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->lists.count; i++) {
		struct list_row *list = &policy->lists.at[i];
		const struct bundle_file *file = bundle_find(bundle, list->path);
		list->entries = map_new(policy->seed);
		if (file && !file->missing)
			list_fill(policy, list, file->bytes, complaints);
	}
}
