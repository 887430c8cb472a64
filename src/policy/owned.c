/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of addresses that stand in `owns` and `forward for`: they can be made only when all
 * domains are known, since the local part of our own domains is compared without regard to case. */
#include "policy/model.h"

static struct slice key_of(const struct policy *policy, struct slice text)
{
	struct mailbox mailbox;

	if (text.len == 0 || mailbox_parse(text, policy->arena, &mailbox) != MAILBOX_OK)
		return SLICE_NONE;
	return party_key(policy, &mailbox, false, policy->arena);
}

static void rows_settle(const struct policy *policy, struct owned *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].kind == OWNED_ADDRESS)
			rows[i].text = key_of(policy, rows[i].text);
}

void owns_settle(struct policy *policy)
{
	for (size_t i = 0; i < policy->networks.count; i++)
		rows_settle(policy, policy->networks.at[i].owns, policy->networks.at[i].owns_count);
	for (size_t i = 0; i < policy->certificates.count; i++)
		rows_settle(policy, policy->certificates.at[i].owns,
			policy->certificates.at[i].owns_count);
	for (size_t i = 0; i < policy->clauses.count; i++)
		policy->clauses.at[i].forward_address =
			key_of(policy, policy->clauses.at[i].forward_address);
}
