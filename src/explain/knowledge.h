/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled knowledge: tables that knowledge/compile.py makes of knowledge/.know files and of
 * reasons.def. Read knowledge/README.md first; match.h finds words in it, explain.c meanings.
 */
#ifndef EXPLAIN_KNOWLEDGE_H
#define EXPLAIN_KNOWLEDGE_H

#include "explain/explain.h"

/* Ids of words that are none: the beginning and end of a text, and any number; and of "not". */
enum { WORD_NONE = 0, WORD_BEGIN = 1, WORD_END = 2, WORD_NUMBER = 3, WORD_NOT = 4 };
enum {
	STAGE_CONNECT = 1,
	STAGE_HELO = 2,
	STAGE_TLS = 4,
	STAGE_AUTH = 8,
	STAGE_MAIL = 16,
	STAGE_RCPT = 32,
	STAGE_DATA = 64
};

/* Open addressing by hash: a word, or how words begin ("exceed~"). id 0: a free place. Words that
 * mean the same have one id. */
struct knowledge_word {
	uint64_t hash;
	uint16_t id;
	bool stem;
	bool negated; /* "doesn't": id is that of "does", and "not" follows */
};
/* Patterns are a tree of words. key: node << 16 | word; node 0: a free place. */
struct knowledge_edge {
	uint32_t key;
	uint16_t node;
};
struct knowledge_node {
	uint16_t gap; /* the node behind "..", 0: none */
	uint16_t accept, accepts;
};
/* Whose words a file describes, and how it is recognised. */
struct knowledge_place {
	struct slice title, product;
	uint16_t test, tests;
};
struct knowledge_range {
	uint16_t low, high;
};
/* One condition of an entry. All parts must hold; a part that is 0 holds always. */
struct knowledge_when {
	uint16_t entry;
	uint8_t rank, weight;
	uint8_t here; /* number of the place, from 1 */
	uint8_t stages;
	struct knowledge_range code;
	uint8_t classes; /* bit 0: 4.x.x, bit 1: 5.x.x */
	struct knowledge_range subject, detail;
	uint32_t window;
	uint16_t test;         /* patterns: first those that must be there, */
	uint8_t tests, absent; /* then those that must not */
};
enum permanence { PERMANENT_AS_THE_CODE, PERMANENT_YES, PERMANENT_NO };
struct knowledge_entry {
	enum cause cause;
	enum actor actor;
	enum permanence permanence;
	enum confidence confidence;
	struct slice id, summary;
	struct slice steps[3]; /* sender, sender-admin, recipient-admin */
	struct slice source, needed;
};

struct knowledge {
	const struct knowledge_word *words;
	size_t word_slots; /* a power of two */
	const struct knowledge_edge *edges;
	size_t edge_slots; /* a power of two */
	const struct knowledge_node *nodes;
	const uint16_t *accepts;
	size_t pattern_count;
	const struct knowledge_place *places;
	size_t place_count;
	const uint16_t *place_tests;
	const struct knowledge_when *whens;
	size_t when_count;
	const uint16_t *when_tests;
	const struct knowledge_entry *entries;
	size_t entry_count;
};
extern const struct knowledge knowledge;

#endif
