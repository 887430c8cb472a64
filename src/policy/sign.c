/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which keys sign a message (doc/policy.md, "How mail leaves"): every true line for the author's
 * domain, else every true line for `*`. Only mail of a client that is known as someone who owns the
 * author is signed, and mail that we write ourselves; an unknown condition signs nothing.
 */
#include "policy/atoms.h"

/* `%d` is the author's domain. */
static struct slice key_path(const struct sign_row *row, struct slice domain, struct arena *arena)
{
	struct slice left = row->key_path;
	struct text path = TEXT_GROWING;

	while (left.len > 0) {
		bool here = slice_starts(left, SLICE("%d"));
		if (here)
			text_put(&path, domain);
		else
			text_char(&path, left.at[0]);
		left = slice_from(left, here ? 2 : 1);
	}
	struct slice kept = arena_slice(arena, text_slice(&path));
	text_free(&path);
	return kept;
}

static size_t signs_of(struct question *q, struct slice line, struct signing *list)
{
	const struct policy *policy = q->policy;
	struct slice domain = q->facts->from.domain;
	size_t count = 0;

	for (size_t i = 0; i < policy->signs.count; i++) {
		const struct sign_row *row = &policy->signs.at[i];
		if (!slice_is(row->domain, line) || condition_value(q, row->condition) != TRUE_)
			continue;
		list[count++] = (struct signing){.domain = domain,
			.selector = row->selector,
			.key_path = key_path(row, domain, q->arena),
			.place = row->place};
	}
	return count;
}

size_t policy_signs(const struct policy *policy, const struct facts *facts, bool own,
	struct arena *arena, const struct signing **list)
{
	struct question q = question_of(policy, facts, STAGE_END, arena);
	struct signing *signs = ARENA_ARRAY(arena, struct signing, policy->signs.count + 1);

	*list = signs;
	if (!facts->has_from || facts->from.is_literal || facts->from.domain.len == 0)
		return 0;
	if (!own && client_owns(&q, &q.from, true) != OWNING_YES)
		return 0;
	size_t count = signs_of(&q, facts->from.domain, signs);
	return count > 0 ? count : signs_of(&q, SLICE("*"), signs);
}
