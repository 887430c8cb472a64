/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: whatever stands in a journal file is a line, or is damaged; never anything else. */
#include "base/panic.h"
#include "journal/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct journal_query query = {.to = SLICE("*@example.org"), .from = SLICE("*")};
	struct journal_line line;

	if (journal_line_read((struct slice){(const char *)bytes, size}, arena, &line)) {
		panic_if(!line.time, "a line without a time was taken");
		(void)journal_query_matches(&query, &line);
	}
	arena_free(arena);
	return 0;
}
