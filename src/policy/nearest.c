/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nearest miss: the smallest changes with which a refusal would have been an acceptance, found
 * by deciding again with each change that the clauses suggest. A credential of some `relay for`, a
 * sender the client owns, another value of an atom in a clause that spoke; alone, else two of them.
 */
#include "policy/atoms.h"

enum { CHANGES_MAX = 48, PAIRS_MAX = 300, NEAREST_MAX = 5 };

enum change_kind { CHANGE_CREDENTIAL, CHANGE_SENDER, CHANGE_ATOM };
struct change {
	enum change_kind kind;
	uint32_t clause;       /* CREDENTIAL */
	struct mailbox sender; /* SENDER */
	struct given given;    /* ATOM */
};
struct seeking {
	const struct policy *policy;
	const struct facts *facts;
	enum stage stage;
	struct arena *arena;
	struct change changes[CHANGES_MAX];
	size_t count;
	unsigned was_possible;
	struct slice *found;
	size_t found_count;
};

/* ---- what could be otherwise ---- */

static struct change *change_new(struct seeking *s, enum change_kind kind)
{
	if (s->count == CHANGES_MAX)
		return NULL;
	s->changes[s->count] = (struct change){.kind = kind};
	return &s->changes[s->count++];
}

static void credentials_suggest(struct seeking *s)
{
	for (size_t i = 0; i < s->policy->relay_count; i++) {
		const struct clause *clause = &s->policy->clauses.at[s->policy->relays[i]];
		bool ended = s->facts->now != 0 && s->facts->now >= clause->place.until;
		struct change *change = ended ? NULL : change_new(s, CHANGE_CREDENTIAL);
		if (change)
			change->clause = s->policy->relays[i];
	}
}

static void sender_suggest(struct seeking *s, struct slice text)
{
	struct mailbox sender;
	struct change *change;

	if (mailbox_parse(text, s->arena, &sender) == MAILBOX_OK &&
		(change = change_new(s, CHANGE_SENDER)))
		change->sender = sender;
}

static void owned_suggest(struct seeking *s, const struct owned *owned)
{
	if (owned->kind == OWNED_ADDRESS && !slice_starts(owned->text, SLICE("*@")))
		sender_suggest(s, owned->text);
	else if (owned->kind == OWNED_ADDRESS || owned->kind == OWNED_DOMAIN)
		sender_suggest(s, arena_format(s->arena, "somebody@%.*s",
					  SLICE_ARGS(owned->kind == OWNED_DOMAIN
							     ? owned->text
							     : slice_from(owned->text, 2))));
}

/* Addresses the client may use: its account's own name, else what its networks own. */
static void senders_suggest(struct seeking *s)
{
	const struct facts *facts = s->facts;

	if (facts->account.len) {
		sender_suggest(s, facts->account);
		return;
	}
	const struct piece *piece =
		facts->has_client ? stretch_find(s->policy, &facts->client) : NULL;
	for (; piece; piece = piece->around) {
		const struct network_row *row = &s->policy->networks.at[piece->network];
		for (size_t i = 0; i < row->owns_count && i < 3; i++)
			owned_suggest(s, &row->owns[i]);
	}
}

/* What is known as a credential or a sender is changed as such. */
static bool is_changed_otherwise(enum atom atom)
{
	return atom == ATOM_TRUSTED || atom == ATOM_AUTHENTICATED || atom == ATOM_NETWORK ||
	       atom == ATOM_SENDER_OWNED || atom == ATOM_SENDER_NOT_OWNED;
}

static void atoms_suggest(struct seeking *s, uint32_t at)
{
	if (at == NO_NODE)
		return;
	const struct node *node = &s->policy->nodes.at[at];
	switch ((enum node_kind)node->kind) {
	case NODE_NOT: atoms_suggest(s, node->left); return;
	case NODE_AND:
	case NODE_OR:
		atoms_suggest(s, node->left);
		atoms_suggest(s, node->right);
		return;
	case NODE_ATOM: break;
	}
	if (is_changed_otherwise((enum atom)node->atom))
		return;
	for (int is = 0; is < 2; is++) {
		struct change *change = change_new(s, CHANGE_ATOM);
		if (change)
			change->given = (struct given){.node = node, .is = is};
	}
}

static void clauses_suggest(struct seeking *s, const struct decision *decision)
{
	for (size_t i = 0; i < decision->trace_count; i++)
		atoms_suggest(s, s->policy->clauses.at[decision->trace[i].clause].condition);
	bool denied = decision->foreign && !decision->has_grant;
	for (size_t i = 0; denied && i < s->policy->relay_count; i++)
		atoms_suggest(s, s->policy->clauses.at[s->policy->relays[i]].condition);
}

/* ---- trying ---- */

static void given_add(struct seeking *s, struct facts *facts, struct given given)
{
	struct given *list = ARENA_ARRAY(s->arena, struct given, facts->given_count + 1);

	list[0] = given;
	for (size_t i = 0; i < facts->given_count; i++)
		list[i + 1] = facts->given[i];
	facts->given = list;
	facts->given_count++;
}

static struct slice given_words(struct seeking *s, struct given given)
{
	struct text text = TEXT_GROWING;

	text_put(&text, given.is ? SLICE("if: ") : SLICE("if not: "));
	text_atom(&text, s->policy, given.node);
	struct slice words = arena_slice(s->arena, text_slice(&text));
	text_free(&text);
	return words;
}

/* False: it would change nothing. */
static bool change_apply(
	struct seeking *s, const struct change *change, struct facts *facts, struct slice *words)
{
	switch (change->kind) {
	case CHANGE_CREDENTIAL:
		return policy_hold(s->policy, change->clause, facts, s->arena, words);
	case CHANGE_SENDER:
		facts->sender = change->sender;
		facts->has_sender = true;
		*words = arena_format(s->arena, "a sender it may use, like %.*s",
			SLICE_ARGS(change->sender.text));
		return true;
	case CHANGE_ATOM:
		given_add(s, facts, change->given);
		*words = given_words(s, change->given);
		return true;
	}
	return false;
}

/* Where it could not have been an acceptance, that it could be one is what counts: a fact may still
 * be unknown. */
static bool would_accept(struct seeking *s, const struct facts *facts)
{
	struct decision decision;

	policy_decide(s->policy, facts, s->stage, s->arena, &decision);
	if (s->was_possible & 1u << VERDICT_ACCEPT)
		return decision.possible == 1u << VERDICT_ACCEPT;
	return decision.possible & 1u << VERDICT_ACCEPT;
}

static void found_add(struct seeking *s, struct slice words)
{
	for (size_t i = 0; i < s->found_count; i++)
		if (slice_is(s->found[i], words))
			return;
	if (s->found_count < NEAREST_MAX)
		s->found[s->found_count++] = words;
}

static void try_one(struct seeking *s, const struct change *change)
{
	struct facts facts = *s->facts;
	struct slice words;

	if (change_apply(s, change, &facts, &words) && would_accept(s, &facts))
		found_add(s, words);
}

static void try_two(struct seeking *s, const struct change *a, const struct change *b)
{
	struct facts facts = *s->facts;
	struct slice first, second;

	if (change_apply(s, a, &facts, &first) && change_apply(s, b, &facts, &second) &&
		would_accept(s, &facts))
		found_add(s, arena_format(s->arena, "%.*s, and %.*s", SLICE_ARGS(first),
				     SLICE_ARGS(second)));
}

size_t policy_nearest(const struct policy *policy, const struct facts *facts, enum stage stage,
	const struct decision *decision, struct arena *arena, const struct slice **nearest)
{
	struct seeking *s = ARENA_NEW(arena, struct seeking);
	size_t pairs = 0;

	*s = (struct seeking){.policy = policy,
		.facts = facts,
		.stage = stage,
		.arena = arena,
		.was_possible = decision->possible};
	s->found = ARENA_ARRAY(arena, struct slice, NEAREST_MAX);
	*nearest = s->found;
	if (decision->verdict == VERDICT_ACCEPT)
		return 0;
	credentials_suggest(s);
	senders_suggest(s);
	clauses_suggest(s, decision);
	for (size_t i = 0; i < s->count; i++)
		try_one(s, &s->changes[i]);
	for (size_t i = 0; i < s->count && s->found_count == 0; i++)
		for (size_t j = i + 1; j < s->count && pairs < PAIRS_MAX; j++, pairs++)
			try_two(s, &s->changes[i], &s->changes[j]);
	return s->found_count;
}
