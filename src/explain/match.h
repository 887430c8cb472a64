/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the knowledge's patterns in a text: punctuation and case do not count, words do.
 *
 * The text is cut into words, each word looked up once, and the tree of all patterns walked from
 * each place: time grows with the text, not with the knowledge.
 */
#ifndef EXPLAIN_MATCH_H
#define EXPLAIN_MATCH_H

#include "explain/knowledge.h"

enum {
	MATCH_TEXT_MAX = 16 * 1024, /* bytes looked at; what decides stands at the beginning */
	MATCH_WORDS_MAX = 1500,
	MATCH_GAP_MAX = 8, /* words that ".." may stand for; compile.py has the same */
	WORD_IDS_MAX = 6
};

/* Where a pattern was found first. */
struct match_found {
	uint16_t words;      /* length of the longest way it was found; 0: not found */
	uint16_t begin, end; /* bytes of the text */
};
/* `found` has knowledge.pattern_count members; what is found is added to what is there. */
void match_text(struct slice text, struct match_found *found, struct arena *arena);

#endif
