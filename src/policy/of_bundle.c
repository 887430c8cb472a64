/* SPDX-License-Identifier: Apache-2.0 */
/* From a bundle's bytes to a policy, as every role does it. */
#include "policy/policy.h"

static struct policy *load(const struct bundle *bundle, struct text *why)
{
	struct complaints complaints;

	complaints_init(&complaints);
	struct policy *policy = policy_load_unproved(bundle, &complaints);
	for (size_t i = 0; !policy && i < complaints.count; i++)
		text_complaint(why, &complaints.list[i]);
	complaints_free(&complaints);
	return policy;
}

struct policy *policy_of_bundle(struct slice bytes, struct text *why)
{
	struct arena *arena = arena_new();
	struct bundle bundle;
	struct policy *policy = NULL;

	if (bundle_open(bytes, arena, &bundle))
		policy = load(&bundle, why);
	else
		text_put(why, SLICE("the configuration bundle is damaged or of a newer format"));
	arena_free(arena);
	return policy;
}
