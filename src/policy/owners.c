/* SPDX-License-Identifier: Apache-2.0 */
/* Who may use an address, asked of every network and certificate (policy.h, policy_owners()). */
#include "policy/atoms.h"

static enum policy_owning owning_of(enum owning owning, bool owns_nothing)
{
	if (owns_nothing)
		return OWNS_NOTHING;
	return owning == OWNING_YES ? OWNS_IT : OWNS_OTHERS;
}

static enum owning ask(const struct policy *policy, const struct facts *facts,
	const struct mailbox *address, bool author, struct arena *arena)
{
	struct facts asked = *facts;

	asked.has_sender = asked.has_from = true;
	asked.sender = asked.from = *address;
	struct question q = question_of(policy, &asked, STAGE_END, arena);
	return client_owns(&q, author ? &q.from : &q.sender, author);
}

static void owner_fill(const struct policy *policy, const struct facts *facts,
	const struct mailbox *address, bool owns_nothing, struct arena *arena,
	struct policy_owner *owner)
{
	owner->as_sender = owning_of(ask(policy, facts, address, false, arena), owns_nothing);
	owner->as_author = owning_of(ask(policy, facts, address, true, arena), owns_nothing);
}

size_t policy_owners(const struct policy *policy, const struct mailbox *address,
	struct arena *arena, const struct policy_owner **owners)
{
	size_t networks = policy->networks.count, certificates = policy->certificates.count;
	struct policy_owner *list =
		ARENA_ARRAY(arena, struct policy_owner, networks + certificates + 1);

	for (size_t i = 0; i < networks; i++) {
		const struct network_row *row = &policy->networks.at[i];
		struct facts facts = {.has_client = true,
			.client = row->nets[0].base,
			.has_tls = true,
			.has_account = true};
		list[i] = (struct policy_owner){
			.kind = SLICE("network"), .name = row->name, .relays = row->relays};
		owner_fill(policy, &facts, address, row->owns_count == 0, arena, &list[i]);
	}
	for (size_t i = 0; i < certificates; i++) {
		const struct certificate_row *row = &policy->certificates.at[i];
		struct facts facts = {.has_tls = true,
			.tls = true,
			.tls_verified = true,
			.has_account = true,
			.certificate = row->fingerprint};
		list[networks + i] = (struct policy_owner){
			.kind = SLICE("certificate"), .name = row->name, .relays = row->relays};
		owner_fill(
			policy, &facts, address, row->owns_count == 0, arena, &list[networks + i]);
	}
	*owners = list;
	return networks + certificates;
}
