/* SPDX-License-Identifier: Apache-2.0 */
/* Names of Maildirs: "LOCAL\nDOMAIN". Whatever they are, the folder stays below the pattern's. */
#include "base/panic.h"
#include "deliver/maildir.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void name_is_harmless(struct slice name)
{
	panic_if(name.len == 0 || name.len > 255, "a name of %zu octets", name.len);
	panic_if(name.at[0] == '.', "a name that begins with a dot");
	for (size_t i = 0; i < name.len; i++)
		panic_if(!ascii_is_print(name.at[i]) || name.at[i] == '/', "a byte %d", name.at[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice domain = {(const char *)bytes, size}, local = slice_cut(&domain, '\n');
	struct arena *arena = arena_new();
	struct slice folder;

	if (local.len && domain.len &&
		maildir_folder(SLICE("/m/%d/%l"), local, domain, arena, &folder)) {
		panic_if(!slice_starts(folder, SLICE("/m/")), "another folder");
		folder = slice_from(folder, 3);
		name_is_harmless(slice_cut(&folder, '/'));
		name_is_harmless(folder);
	}
	arena_free(arena);
	return 0;
}
