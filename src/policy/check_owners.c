/* SPDX-License-Identifier: Apache-2.0 */
/* Who may send as whom: networks that relay and own nothing, what nobody asks about, and networks
 * that lie inside others which own more. */
#include "policy/atoms.h"
#include "policy/check.h"

/* ---- nobody asks ---- */

static bool asks(const struct policy *policy, enum atom a, enum atom b)
{
	for (size_t i = 0; i < policy->nodes.count; i++) {
		const struct node *node = &policy->nodes.at[i];
		if (node->kind == NODE_ATOM && !node->is_given &&
			(node->atom == a || node->atom == b))
			return true;
	}
	return false;
}

/* What not everybody owns. */
static const struct token *binding(const struct owned *owns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (owns[i].kind != OWNED_ANY_SENDER && owns[i].kind != OWNED_ANY_AUTHOR)
			return &owns[i].token;
	return NULL;
}

static const struct token *first_binding(const struct policy *policy)
{
	const struct token *token = NULL;

	for (size_t i = 0; i < policy->networks.count && !token; i++)
		token = binding(policy->networks.at[i].owns, policy->networks.at[i].owns_count);
	for (size_t i = 0; i < policy->certificates.count && !token; i++)
		token = binding(
			policy->certificates.at[i].owns, policy->certificates.at[i].owns_count);
	return token;
}

static void unasked_warn(const struct policy *policy, struct complaints *complaints)
{
	const struct token *owned = first_binding(policy);

	if (asks(policy, ATOM_SENDER_NOT_OWNED, ATOM_SENDER_OWNED))
		return;
	if (owned)
		complain_at(complaints, SEVERITY_WARNING, owned,
			SLICE("`owns` binds nobody: no clause refuses a sender that is not owned"),
			SLICE("`refuse if sender not owned`"));
	for (size_t i = 0; i < policy->relay_count; i++) {
		const struct clause *clause = &policy->clauses.at[policy->relays[i]];
		struct token token = token_of_place(&clause->place);
		if (clause->credential != CREDENTIAL_AUTHENTICATED)
			continue;
		complain_at(complaints, SEVERITY_WARNING, &token,
			SLICE("whoever signs in may send as anyone: no clause refuses a sender "
			      "that is not owned"),
			SLICE("`refuse if sender not owned`"));
		return;
	}
}

/* ---- owning nothing ---- */

static void nothing_owned_warn(const struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->networks.count; i++) {
		const struct network_row *row = &policy->networks.at[i];
		if (row->relays && row->owns_count == 0)
			complain_at(complaints, SEVERITY_WARNING, &row->name_token,
				SLICE("the network may relay and owns nothing: its clients may "
				      "send as anyone"),
				SLICE("`owns` and what they send as, or `owns any sender any "
				      "author` if that is meant"));
	}
}

/* ---- one inside another ---- */

static bool owned_covers(const struct owned *by, const struct owned *what)
{
	if (by->kind == OWNED_ANY_SENDER || by->kind == OWNED_ANY_AUTHOR)
		return by->kind == what->kind ||
		       (what->kind != OWNED_ANY_SENDER && what->kind != OWNED_ANY_AUTHOR);
	if (by->kind == OWNED_DOMAIN && what->kind == OWNED_ADDRESS)
		return slice_is(by->text, what->domain);
	if (by->kind != what->kind)
		return false;
	return by->kind == OWNED_LIST ? by->list == what->list : slice_is(by->text, what->text);
}

/* Something that `outer` owns and `inner` does not. */
static const struct owned *owned_more(
	const struct network_row *outer, const struct network_row *inner)
{
	for (size_t i = 0; i < outer->owns_count; i++) {
		bool covered = false;
		for (size_t j = 0; j < inner->owns_count; j++)
			covered |= owned_covers(&inner->owns[j], &outer->owns[i]);
		if (!covered)
			return &outer->owns[i];
	}
	return NULL;
}

static void inside_warn(const struct network_row *inner, const struct network_row *outer,
	struct complaints *complaints)
{
	char what[300];
	struct text text = TEXT_FIXED(what);

	text_format(&text,
		"the network lies inside \"%.*s\", which owns more: a client in both may send as "
		"either",
		SLICE_ARGS(slice_part(outer->name, 0, 100)));
	complain_at(complaints, SEVERITY_WARNING, &inner->name_token, text_slice(&text),
		SLICE("networks that do not overlap, or the same `owns`"));
}

static void chain_check(const struct policy *policy, const struct piece *innermost, bool *warned,
	struct complaints *complaints)
{
	for (const struct piece *inner = innermost; inner; inner = inner->around)
		for (const struct piece *outer = inner->around; outer; outer = outer->around) {
			const struct network_row *row = &policy->networks.at[inner->network];
			const struct network_row *wider = &policy->networks.at[outer->network];
			if (warned[inner->network] || row == wider || !owned_more(wider, row))
				continue;
			warned[inner->network] = true;
			inside_warn(row, wider, complaints);
		}
}

static void overlaps_warn(const struct policy *policy, struct complaints *complaints)
{
	struct arena *arena = arena_new();
	bool *warned = ARENA_ARRAY(arena, bool, policy->networks.count + 1);

	for (size_t i = 0; i < policy->stretch_count; i++)
		chain_check(policy, policy->stretches[i].innermost, warned, complaints);
	arena_free(arena);
}

void owners_check(const struct policy *policy, struct complaints *complaints)
{
	nothing_owned_warn(policy, complaints);
	unasked_warn(policy, complaints);
	overlaps_warn(policy, complaints);
}
