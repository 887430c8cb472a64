/* SPDX-License-Identifier: Apache-2.0 */
/* What a recipient stands for (policy.h). */
#include "policy/decide.h"

bool policy_is_ours(const struct policy *policy, const struct mailbox *mailbox)
{
	return mailbox->is_postmaster || domain_find(policy, mailbox->domain) != NULL;
}

/* ---- aliases ---- */

struct expanding {
	const struct policy *policy;
	struct arena *arena;
	struct map *seen; /* keys of what was come by */
	struct expansion *targets;
	size_t count;
	size_t waiting_count;
	struct mailbox *waiting; /* still to be looked at */
};

/* False: it was come by already. */
static bool see(struct expanding *e, const struct mailbox *mailbox)
{
	struct slice key = party_key(e->policy, mailbox, true, e->arena);

	return map_put(e->seen, key, e) == NULL;
}

static void target_take(struct expanding *e, const struct mailbox *mailbox)
{
	bool ours = domain_find(e->policy, mailbox->domain) != NULL;

	e->targets[e->count++] =
		(struct expansion){.target = *mailbox, .is_alias = true, .forwarded = !ours};
}

static bool keys_are_same(
	const struct expanding *e, const struct mailbox *a, const struct mailbox *b)
{
	return slice_is(
		party_key(e->policy, a, false, e->arena), party_key(e->policy, b, false, e->arena));
}

static bool is_full(const struct expanding *e)
{
	return e->count + e->waiting_count >= ALIAS_TARGETS_MAX;
}

/* Takes what `of` stands for; an alias that names itself keeps its own mailbox. */
static void row_take(struct expanding *e, const struct mailbox *of, const struct alias_row *row)
{
	for (size_t i = 0; i < row->target_count && !is_full(e); i++) {
		struct mailbox target;
		if (mailbox_parse(row->targets[i], e->arena, &target) != MAILBOX_OK)
			continue;
		if (keys_are_same(e, of, &target))
			target_take(e, &target);
		else if (see(e, &target))
			e->waiting[e->waiting_count++] = target;
	}
}

static size_t recipient_itself(
	struct expanding *e, const struct mailbox *recipient, const struct expansion **targets)
{
	e->targets[0] = (struct expansion){.target = *recipient};
	*targets = e->targets;
	return 1;
}

size_t policy_expand(const struct policy *policy, const struct mailbox *recipient,
	struct arena *arena, const struct expansion **targets)
{
	const struct mailbox *first =
		recipient->is_postmaster ? policy_postmaster(policy) : recipient;
	const struct alias_row *row = first ? alias_find(policy, first) : NULL;
	struct expanding e = {.policy = policy, .arena = arena};

	e.targets = ARENA_ARRAY(arena, struct expansion, row ? ALIAS_TARGETS_MAX + 1 : 1);
	if (!row)
		return recipient_itself(&e, recipient, targets);
	e.waiting = ARENA_ARRAY(arena, struct mailbox, ALIAS_TARGETS_MAX + 1);
	e.seen = map_new(policy->seed);
	see(&e, first);
	row_take(&e, first, row);
	while (e.waiting_count > 0) {
		struct mailbox mailbox = e.waiting[--e.waiting_count];
		row = alias_find(policy, &mailbox);
		if (row)
			row_take(&e, &mailbox, row);
		else
			target_take(&e, &mailbox);
	}
	map_free(e.seen);
	*targets = e.targets;
	return e.count > 0 ? e.count : recipient_itself(&e, recipient, targets);
}
