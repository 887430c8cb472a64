/* SPDX-License-Identifier: Apache-2.0 */
/* The value of a From field: what is found is one address that parses alone. */
#include "base/panic.h"
#include "wire/author.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct mailbox author = {0}, again;

	if (author_parse((struct slice){(const char *)bytes, size}, arena, &author) == AUTHOR_OK)
		panic_if(author.is_null ||
				 mailbox_parse(author.text, arena, &again) != MAILBOX_OK ||
				 !slice_is(author.text, again.text),
			"an author that is no address");
	arena_free(arena);
	return 0;
}
