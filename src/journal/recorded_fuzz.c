/* SPDX-License-Identifier: Apache-2.0 */
/* Any line of a journal, as facts: somebody may have edited it. */
#include "journal/recorded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *line = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	struct arena *arena = arena_new();
	struct recorded recorded;
	size_t seen = 0;

	if (line && recorded_read(line, arena, &recorded))
		for (size_t i = 0; i < recorded.facts.answer_count; i++)
			seen += recorded.facts.answers[i].argument.len;
	json_decref(line);
	arena_free(arena);
	return seen == SIZE_MAX;
}
