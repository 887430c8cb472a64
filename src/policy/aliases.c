/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of aliases: an address, or a local part alone, and what it stands for.
 *
 *	info: alice@example.org, bob@example.org
 *	sales@example.org: info@example.org,
 *	    partner@elsewhere.example
 *
 * A line that begins with white space continues the one before it. A target without @ is of the
 * alias's own domain. A name that stands for itself too keeps its own mailbox; any longer way back
 * is a loop, and an error. Programs, files and :include: are never targets.
 */
#include <string.h>

#include "policy/check.h"
#include "policy/lines.h"
#include "policy/model.h"

enum { ALIAS_DEPTH_MAX = 50 };

struct reading {
	struct policy *policy;
	struct complaints *complaints;
	struct aliases_row *file;
	struct slice domain; /* of names and targets without one; empty: several use the file */
	TABLE(struct alias_row) rows;
	TABLE(struct slice) targets; /* of the row being read */
};

static void alias_complain(
	struct reading *r, const struct token *token, struct slice what, struct slice right)
{
	complain_at(r->complaints, SEVERITY_ERROR, token, what, right);
}

/* ---- one line ---- */

/* An address, or a local part of `domain` (or of any of ours, for a key). */
static bool party_parse(struct reading *r, struct slice text, struct mailbox *mailbox)
{
	struct slice domain = r->domain.len > 0 ? r->domain : SLICE("localhost");

	if (!slice_has(text, '@'))
		text = arena_format(
			r->policy->arena, "%.*s@%.*s", SLICE_ARGS(text), SLICE_ARGS(domain));
	return mailbox_parse(text, r->policy->arena, mailbox) == MAILBOX_OK && !mailbox->is_null &&
	       mailbox->domain.len > 0;
}

static bool target_is_address(struct slice text)
{
	char first = text.len > 0 ? text.at[0] : '\0';

	return first != '|' && first != '/' && first != ':';
}

static void target_read(struct reading *r, struct slice text, const struct token *token)
{
	struct mailbox mailbox;

	if (!target_is_address(text))
		alias_complain(r, token,
			SLICE("an alias stands for addresses, never for a program or a file"),
			SLICE("addresses, with commas between them"));
	else if (!slice_has(text, '@') && r->domain.len == 0)
		alias_complain(r, token,
			SLICE("several domains use this file, so a local part alone is nobody's"),
			SLICE("the whole address"));
	else if (!party_parse(r, text, &mailbox))
		alias_complain(r, token, SLICE("what the alias stands for is no address"),
			SLICE("addresses, with commas between them"));
	else
		*TABLE_ADD(r->policy->arena, &r->targets) = mailbox.text;
}

static void targets_read(struct reading *r, struct slice left, const struct token *token)
{
	while (left.len > 0) {
		struct slice target = slice_trim(slice_cut(&left, ','));
		if (target.len > 0)
			target_read(r, target, token);
	}
}

/* The key of a name: "local@domain"; "local@" where it is a local part alone. */
static bool name_read(struct reading *r, struct slice text, struct slice *key)
{
	struct mailbox mailbox;

	if (!party_parse(r, text, &mailbox))
		return false;
	*key = slice_has(text, '@') ? party_key(r->policy, &mailbox, false, r->policy->arena)
				    : key_of_local(&mailbox, r->policy->arena);
	return true;
}

static void row_end(struct reading *r)
{
	struct alias_row *row = r->rows.count ? &r->rows.at[r->rows.count - 1] : NULL;

	if (!row)
		return;
	row->targets = r->targets.at;
	row->target_count = r->targets.count;
	r->targets.at = NULL;
	r->targets.count = r->targets.size = 0;
	if (row->target_count == 0)
		alias_complain(r, &row->token, SLICE("the alias stands for nobody"),
			SLICE("an address behind the colon, or no such line"));
}

static void row_begin(struct reading *r, struct slice entry, const struct token *token)
{
	struct alias_row row = {.token = *token};
	size_t colon = slice_find(entry, ':');

	row_end(r);
	if (colon == SIZE_MAX ||
		!name_read(r, slice_trim(slice_part(entry, 0, colon)), &row.name)) {
		alias_complain(r, token, SLICE("this is no alias"),
			SLICE("a line like: info: alice@example.org, bob@example.org"));
		return;
	}
	*TABLE_ADD(r->policy->arena, &r->rows) = row;
	targets_read(r, slice_from(entry, colon + 1), token);
}

/* ---- the file ---- */

/* The domain whose statement names the file, if only one does. */
static struct slice only_domain(const struct policy *policy, uint32_t file)
{
	struct slice domain = SLICE_NONE;

	for (size_t i = 0; i < policy->domains.count; i++) {
		const struct domain_row *row = &policy->domains.at[i];
		if (!row->has_aliases || row->aliases != file)
			continue;
		if (domain.len > 0 || row->below)
			return SLICE_NONE;
		domain = row->name;
	}
	return domain;
}

static void names_index(struct reading *r)
{
	for (size_t i = 0; i < r->rows.count; i++) {
		struct alias_row *row = &r->rows.at[i];
		const struct alias_row *other = map_get(r->file->names, row->name);
		if (other)
			alias_complain(r, &row->token,
				arena_format(r->complaints->arena,
					"the alias \"%.*s\" is declared already, in line %u",
					SLICE_ARGS(slice_part(row->name, 0, 80)),
					other->token.line),
				SLICE("one line for each alias"));
		else
			map_put(r->file->names, row->name, row);
	}
}

static void file_read(struct reading *r, struct slice bytes)
{
	struct lines lines = lines_of(bytes);

	while (lines_next(&lines)) {
		struct token token = lines_token(&lines, r->policy->arena, r->file->path);
		if (lines.continues && r->rows.count > 0)
			targets_read(r, arena_slice(r->policy->arena, lines.entry), &token);
		else
			row_begin(r, arena_slice(r->policy->arena, lines.entry), &token);
	}
	row_end(r);
	r->file->rows = r->rows.at;
	r->file->count = r->rows.count;
	names_index(r);
}

/* ---- loops ---- */

const struct alias_row *alias_find(const struct policy *policy, const struct mailbox *mailbox)
{
	const struct domain_row *domain = domain_find(policy, mailbox->domain);
	struct arena *scratch;
	const struct alias_row *row;

	if (!domain || !domain->has_aliases)
		return NULL;
	scratch = arena_new();
	struct slice key = party_key(policy, mailbox, false, scratch);
	const struct map *names = policy->aliases.at[domain->aliases].names;
	row = map_get(names, key);
	if (!row)
		row = map_get(names, key_without_domain(key, mailbox->domain));
	arena_free(scratch);
	return row;
}

/* How many addresses stand at the end; above ALIAS_TARGETS_MAX: too many, or a loop (`looping`). */
static size_t targets_at_end(
	const struct policy *policy, const struct alias_row *row, unsigned depth, bool *looping)
{
	size_t count = 0;

	*looping |= depth > ALIAS_DEPTH_MAX;
	for (size_t i = 0; i < row->target_count && !*looping; i++) {
		struct mailbox mailbox;
		const struct alias_row *next =
			mailbox_parse(row->targets[i], policy->arena, &mailbox) == MAILBOX_OK
				? alias_find(policy, &mailbox)
				: NULL;
		bool ends = !next || next == row;
		count += ends ? 1 : targets_at_end(policy, next, depth + 1, looping);
		if (count > ALIAS_TARGETS_MAX)
			return count;
	}
	return count;
}

void aliases_check(const struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->aliases.count; i++)
		for (size_t j = 0; j < policy->aliases.at[i].count; j++) {
			const struct alias_row *row = &policy->aliases.at[i].rows[j];
			bool looping = false;
			size_t count = targets_at_end(policy, row, 0, &looping);
			if (looping)
				complain_at(complaints, SEVERITY_ERROR, &row->token,
					SLICE("the alias comes back to itself, or stands behind 50 "
					      "others"),
					SLICE("aliases that end at mailboxes"));
			else if (count > ALIAS_TARGETS_MAX)
				complain_at(complaints, SEVERITY_ERROR, &row->token,
					SLICE("the alias stands for more than 1000 addresses"),
					SLICE("a mailing list"));
		}
}

void aliases_fill(struct policy *policy, const struct bundle *bundle, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->aliases.count; i++) {
		struct reading r = {.policy = policy,
			.complaints = complaints,
			.file = &policy->aliases.at[i],
			.domain = only_domain(policy, (uint32_t)i)};
		const struct bundle_file *file = bundle_find(bundle, r.file->path);
		r.file->names = map_new(policy->seed);
		if (file && !file->missing)
			file_read(&r, file->bytes);
	}
}
