/* SPDX-License-Identifier: Apache-2.0 */
/* The proof's part about aliases: none leads abroad without a `forward for` (doc/policy.md,
 * "Aliases"). The decision refuses such mail too; here it is said before anybody sends any. */
#include "policy/proof_inside.h"

enum { ERRORS_MOST = 20, DEPTH_MOST = 50 };

/* The `forward for` lines by what they let: an alias's key, or a domain of ours. */
struct forwards {
	struct proving *proving;
	struct map *living, *ended;
	size_t errors;
};

static struct slice forwards_key(const struct clause *clause)
{
	return clause->forward_domain.len > 0 ? clause->forward_domain : clause->forward_address;
}

static void forwards_index(struct forwards *forwards)
{
	const struct policy *policy = forwards->proving->policy;

	forwards->living = map_new(policy->seed);
	forwards->ended = map_new(policy->seed);
	for (size_t i = 0; i < policy->clauses.count; i++) {
		struct clause *clause = &policy->clauses.at[i];
		bool ended = clause->place.until <= forwards->proving->exposure.now;
		if (clause->kind == CLAUSE_FORWARD)
			map_put(ended ? forwards->ended : forwards->living, forwards_key(clause),
				clause);
	}
}

/* A target at the end of the alias that is not ours; empty: all are. The files have no loops when
 * this is asked, and none stands for more than ALIAS_TARGETS_MAX. */
static struct slice target_abroad(
	const struct proving *proving, const struct alias_row *row, unsigned depth)
{
	struct slice abroad = SLICE_NONE;

	for (size_t i = 0; i < row->target_count && abroad.len == 0 && depth < DEPTH_MOST; i++) {
		struct mailbox mailbox;
		if (mailbox_parse(row->targets[i], proving->arena, &mailbox) != MAILBOX_OK)
			continue;
		if (!domain_find(proving->policy, mailbox.domain))
			return row->targets[i];
		const struct alias_row *next = alias_find(proving->policy, &mailbox);
		if (next && next != row)
			abroad = target_abroad(proving, next, depth + 1);
	}
	return abroad;
}

static void abroad_complain(struct forwards *forwards, const struct token *token,
	struct slice alias, struct slice target)
{
	struct arena *arena = forwards->proving->arena;

	complain_at(forwards->proving->complaints, SEVERITY_ERROR, token,
		arena_format(arena,
			"the alias %.*s leads to %.*s, which is not ours, and no "
			"`forward for` lets it",
			SLICE_ARGS(slice_part(alias, 0, 80)),
			SLICE_ARGS(slice_part(target, 0, 80))),
		arena_format(arena, "a line like: forward for \"%.*s\"",
			SLICE_ARGS(slice_part(alias, 0, 80))));
	forwards->errors++;
}

static void ended_warn(struct forwards *forwards, const struct token *token)
{
	complain_at(forwards->proving->complaints, SEVERITY_WARNING, token,
		SLICE("the alias leads abroad and its `forward for` has ended: mail to it is "
		      "refused"),
		SLICE("a later day in that line, or no such alias"));
}

/* The alias as an address of one domain that uses the file. */
static void address_judge(struct forwards *forwards, const struct alias_row *row,
	struct slice domain, struct slice target)
{
	bool whole = row->name.at[row->name.len - 1] != '@';
	struct slice address = whole ? row->name
				     : arena_format(forwards->proving->arena, "%.*s%.*s",
					       SLICE_ARGS(row->name), SLICE_ARGS(domain));
	size_t at = slice_find_last(address, '@');

	if (!slice_is(slice_from(address, at + 1), domain) || forwards->errors >= ERRORS_MOST)
		return; /* an address of another domain that uses the file */
	if (map_get(forwards->living, address) || map_get(forwards->living, domain))
		return;
	if (map_get(forwards->ended, address) || map_get(forwards->ended, domain))
		ended_warn(forwards, &row->token);
	else
		abroad_complain(forwards, &row->token, address, target);
}

static void file_judge(struct forwards *forwards, const struct domain_row *domain)
{
	const struct aliases_row *file = &forwards->proving->policy->aliases.at[domain->aliases];

	for (size_t i = 0; i < file->count; i++) {
		struct slice target = target_abroad(forwards->proving, &file->rows[i], 0);
		if (target.len > 0 && file->rows[i].name.len > 0)
			address_judge(forwards, &file->rows[i], domain->name, target);
	}
}

void aliases_judge(struct proving *proving)
{
	const struct policy *policy = proving->policy;
	struct forwards forwards = {.proving = proving};

	if (policy->aliases.count == 0)
		return;
	forwards_index(&forwards);
	for (size_t i = 0; i < policy->domains.count; i++) {
		const struct domain_row *domain = &policy->domains.at[i];
		if (domain->has_aliases && !domain->below)
			file_judge(&forwards, domain);
	}
	map_free(forwards.living);
	map_free(forwards.ended);
}
