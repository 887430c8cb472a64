/* SPDX-License-Identifier: Apache-2.0 */
/* Did you mean: the edit distance of words (a letter changed, missing, added, two swapped). */
#include "policy/parser.h"

enum { WORD_MAX = 32 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment over three rows of the table. */
static unsigned distance(struct slice a, struct slice b)
{
	unsigned rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= b.len; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = ascii_lower(a.at[i - 1]) == ascii_lower(b.at[j - 1]);
			row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + !same);
			if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] &&
				a.at[i - 2] == b.at[j - 1])
				row[j] = least(row[j], two[j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

struct slice nearest(struct slice word, const struct slice *candidates, size_t count)
{
	struct slice best = SLICE_NONE;
	unsigned best_distance = word.len < 6 ? 2 : 3; /* must be below */

	if (word.len == 0 || word.len > WORD_MAX)
		return best;
	for (size_t i = 0; i < count; i++) {
		if (candidates[i].len == 0 || candidates[i].len > WORD_MAX)
			continue;
		unsigned slips = distance(word, candidates[i]);
		if (slips < best_distance) {
			best_distance = slips;
			best = candidates[i];
		}
	}
	return best;
}
