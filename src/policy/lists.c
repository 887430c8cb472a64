/* SPDX-License-Identifier: Apache-2.0 */
/* Files of mailboxes, addresses and domains: one entry a line, `#` comments; and the keys under
 * which addresses are kept and found. */
#include <string.h>

#include "policy/model.h"

struct domain_row *domain_find(const struct policy *policy, struct slice name)
{
	return name.len > 0 ? map_get(policy->domain_names, name) : NULL;
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

struct slice party_key(const struct policy *policy, const struct mailbox *mailbox, bool tagged,
	struct arena *arena)
{
	/* Full case mapping may lengthen a character to three times its bytes. */
	size_t size = 3 * mailbox->local.len + mailbox->domain.len + 2;
	struct text key = {.at = arena_alloc(arena, size), .size = size};

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

static void entry_complain(const struct list_row *list, struct complaints *complaints,
	struct slice line, unsigned number, const char *why)
{
	struct token token = {
		.file = list->path, .raw = line, .source = line, .line = number, .column = 1};

	complain_at(complaints, SEVERITY_ERROR, &token, slice_of(why),
		list->of_mailboxes ? SLICE("one address or local part a line")
				   : SLICE("one address or domain a line"));
}

static void entry_keep(struct policy *policy, struct list_row *list, struct slice key)
{
	map_put(list->entries, key, policy);
}

/* A mailboxes file may name a local part alone: it is put behind a domain of ours to be read. */
static bool local_part_keep(struct policy *policy, struct list_row *list, struct slice entry)
{
	struct mailbox mailbox;

	if (policy->domains.count == 0)
		return false;
	struct slice domain = policy->domains.at[0].name;
	struct slice whole =
		arena_format(policy->arena, "%.*s@%.*s", SLICE_ARGS(entry), SLICE_ARGS(domain));
	if (mailbox_parse(whole, policy->arena, &mailbox) != MAILBOX_OK)
		return false;
	struct slice key = party_key(policy, &mailbox, true, policy->arena);
	entry_keep(policy, list, key_without_domain(key, mailbox.domain));
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
	unsigned number = 0;

	while (bytes.len > 0) {
		struct slice line = slice_cut(&bytes, '\n'), whole = line;
		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		number++;
		struct slice entry = slice_trim(line);
		if (entry.len == 0 || entry.at[0] == '#')
			continue;
		size_t comment = slice_find(entry, '#');
		if (comment != SIZE_MAX &&
			(entry.at[comment - 1] == ' ' || entry.at[comment - 1] == '\t'))
			entry = slice_trim(slice_part(entry, 0, comment));
		if (!entry_read(policy, list, entry))
			entry_complain(list, complaints, whole, number,
				list->of_mailboxes ? "this is no address and no local part"
						   : "this is no address and no domain");
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
