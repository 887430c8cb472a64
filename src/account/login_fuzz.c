/* SPDX-License-Identifier: Apache-2.0 */
/* Names of accounts and addresses: what has one form has it for good. */
#include "account/login.h"

#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void login(struct slice s, struct arena *arena)
{
	struct slice once, twice;

	if (!login_normalise(s, arena, &once, NULL))
		return;
	panic_if(!login_normalise(once, arena, &twice, NULL) || !slice_is(once, twice),
		"a login has two forms");
	panic_if(slice_has(once, ':') || slice_has(once, '\n'), "a login breaks a line");
}

static void owned(struct slice s, struct arena *arena)
{
	struct owned_address once, twice;

	if (!owned_normalise(s, arena, &once, NULL))
		return;
	panic_if(!owned_normalise(once.address, arena, &twice, NULL) ||
			 !slice_is(once.key, twice.key) || !slice_is(once.address, twice.address),
		"an address has two forms");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct slice input = {(const char *)bytes, size};

	login(input, arena);
	owned(input, arena);
	group_is_name(input);
	arena_free(arena);
	return 0;
}
