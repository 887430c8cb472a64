/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which entries of the knowledge have never been the answer: reads ids, a line each ("gmail:full"),
 * as `explain --json` names them in `rule`, and prints those entries that are not among them. A
 * report for whoever tends the knowledge, not a test: an entry may wait years for its bounce.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/knowledge.h"

static void mark(bool *fired, struct slice id)
{
	for (size_t i = 0; i < knowledge.entry_count; i++)
		fired[i] = fired[i] || slice_is(knowledge.entries[i].id, id);
}

static size_t print_others(const bool *fired)
{
	size_t count = 0;

	for (size_t i = 0; i < knowledge.entry_count; i++) {
		if (fired[i])
			continue;
		printf("%.*s\n", SLICE_ARGS(knowledge.entries[i].id));
		count++;
	}
	return count;
}

int main(void)
{
	bool *fired = calloc(knowledge.entry_count, sizeof *fired);
	char line[256];

	if (!fired)
		return 1;
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		mark(fired, slice_of(line));
	}
	size_t never = print_others(fired);
	fprintf(stderr, "%zu of %zu entries were never the answer\n", never, knowledge.entry_count);
	free(fired);
	return 0;
}
