/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of addresses: they end, and nothing is made longer. */
#include "base/panic.h"
#include "wire/address_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct slice left = {(const char *)bytes, size}, address;
	size_t found = 0;

	while (address_list_next(&left, arena, &address))
		found += address.len;
	panic_if(found > size || left.len, "more than there is, or not all");
	arena_free(arena);
	return 0;
}
