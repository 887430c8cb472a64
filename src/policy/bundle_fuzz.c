/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a bundle: it opens or not, and what opens can be loaded. */
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct bundle bundle;
	struct complaints complaints;

	complaints_init(&complaints);
	if (bundle_open((struct slice){(const char *)bytes, size}, arena, &bundle))
		policy_unref(policy_load(&bundle, &complaints));
	complaints_free(&complaints);
	arena_free(arena);
	return 0;
}
