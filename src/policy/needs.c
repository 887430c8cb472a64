/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy can need of others, whatever the session: questions, counters, DNS lists. The
 * contract is in policy.h. */
#include "policy/atoms.h"

static bool is_there(const struct policy_zone *zones, size_t count, const struct policy_zone *zone)
{
	for (size_t i = 0; i < count; i++)
		if (zones[i].of_domains == zone->of_domains && slice_is(zones[i].zone, zone->zone))
			return true;
	return false;
}

size_t policy_zones(
	const struct policy *policy, struct arena *arena, const struct policy_zone **zones)
{
	struct policy_zone *list = ARENA_ARRAY(arena, struct policy_zone, policy->nodes.count + 1);
	size_t count = 0;

	for (size_t i = 0; i < policy->nodes.count; i++) {
		const struct node *node = &policy->nodes.at[i];
		if (node->kind != NODE_ATOM || node->is_given ||
			atom_row((enum atom)node->atom)->argument != TAKES_ZONE)
			continue;
		enum fact fact = atom_row((enum atom)node->atom)->fact;
		struct policy_zone zone = {node->text, fact != FACT_LISTED && fact != FACT_ALLOWED};
		if (!is_there(list, count, &zone))
			list[count++] = zone;
	}
	*zones = list;
	return count;
}

static bool node_asks(const struct node *node)
{
	enum atom atom = (enum atom)node->atom;
	bool owned = atom == ATOM_SENDER_OWNED || atom == ATOM_SENDER_NOT_OWNED ||
		     atom == ATOM_FROM_OWNED || atom == ATOM_FROM_NOT_OWNED;

	return node->kind == NODE_ATOM && !node->is_given &&
	       (owned || fact_row(atom_row(atom)->fact)->asked);
}

struct policy_needs policy_needs(const struct policy *policy)
{
	struct policy_needs needs = {.counters = policy->limit_count > 0};

	for (size_t i = 0; !needs.answers && i < policy->nodes.count; i++)
		needs.answers = node_asks(&policy->nodes.at[i]);
	for (size_t i = 0; !needs.answers && i < policy->domains.count; i++)
		needs.answers = policy->domains.at[i].known == KNOWN_ACCOUNTS ||
				policy->domains.at[i].known == KNOWN_ASKED;
	return needs;
}
