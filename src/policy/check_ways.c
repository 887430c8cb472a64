/* SPDX-License-Identifier: Apache-2.0 */
/* Ways that could both be chosen, and signatures that would be made twice. */
#include "policy/atoms.h"
#include "policy/check.h"

static bool network_is_within(const struct network *net, const struct network *outer)
{
	return net->prefix >= outer->prefix && network_contains(outer, &net->base);
}

static bool networks_overlap(const struct network_row *a, const struct network_row *b)
{
	for (size_t i = 0; i < a->net_count; i++)
		for (size_t j = 0; j < b->net_count; j++)
			if (network_is_within(&a->nets[i], &b->nets[j]) ||
				network_is_within(&b->nets[j], &a->nets[i]))
				return true;
	return false;
}

/* Whether one message can make both conditions true; they have the same rank. */
static bool conditions_meet(const struct policy *policy, uint32_t a, uint32_t b)
{
	if (a == NO_NODE || b == NO_NODE)
		return true;
	const struct node *left = &policy->nodes.at[a], *right = &policy->nodes.at[b];
	if (left->atom == ATOM_NETWORK)
		return networks_overlap(
			&policy->networks.at[left->index], &policy->networks.at[right->index]);
	return slice_is(left->text, right->text) && slice_is(left->domain, right->domain);
}

static void way_complain(const struct deliver_row *row, struct slice file, unsigned line,
	struct complaints *complaints)
{
	char what[400];
	struct text text = TEXT_FIXED(what);

	text_format(&text, "this `deliver` and the line at %.*s:%u could both be chosen",
		SLICE_ARGS(slice_part(file, 0, 200)), line);
	complain_at(complaints, SEVERITY_ERROR, &row->token, text_slice(&text),
		SLICE("one of the two, or a condition that tells them apart"));
}

static void delivers_check(const struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->delivers.count; i++) {
		const struct deliver_row *row = &policy->delivers.at[i];
		const struct domain_row *ours = domain_find(policy, row->domain);
		if (ours && row->rank == 0)
			way_complain(row, ours->token.file, ours->token.line, complaints);
		for (uint32_t j = policy->deliver_next[i]; j != UINT32_MAX;
			j = policy->deliver_next[j]) {
			const struct deliver_row *other = &policy->delivers.at[j];
			if (row->rank == other->rank &&
				conditions_meet(policy, row->condition, other->condition))
				way_complain(other, row->place.file, row->place.line, complaints);
		}
	}
}

/* All lines of the most specific domain sign, but each selector once. */
static void signs_check(const struct policy *policy, struct complaints *complaints)
{
	for (size_t i = 0; i < policy->signs.count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct sign_row *row = &policy->signs.at[i];
			const struct sign_row *other = &policy->signs.at[j];
			bool twice = slice_is(row->domain, other->domain) &&
				     slice_is_nocase(row->selector, other->selector) &&
				     (row->condition == NO_NODE || other->condition == NO_NODE);
			if (twice)
				complain_at(complaints, SEVERITY_ERROR, &row->token,
					SLICE("another `sign` has this domain and selector, and "
					      "both could be chosen"),
					SLICE("another selector, or one of the two"));
		}
}

void ways_check(const struct policy *policy, struct complaints *complaints)
{
	delivers_check(policy, complaints);
	signs_check(policy, complaints);
}
