/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the queue, as control passes them on: one JSON object (README.md has the forms).
 * Unknown names, wrong types and numbers out of range are refused by name.
 */
#ifndef QUEUE_QUESTION_H
#define QUEUE_QUESTION_H

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"
#include "queue/schedule.h"

enum question_kind {
	QUESTION_STATUS,
	QUESTION_LIST,
	QUESTION_LEFT, /* ids and addresses alone, for an audit */
	QUESTION_SHOW,
	QUESTION_ACT,
	QUESTION_DAMAGE,
	QUESTION_CLEAR
};
enum { LIST_LIMIT = 1000, LIST_LIMIT_MOST = 100000 };

struct question {
	enum question_kind kind;
	uint64_t limit;  /* LIST, LEFT */
	uint64_t after;  /* LEFT: only ids above it */
	struct slice to; /* LIST, ACT: a pattern for the recipient; empty: any */
	uint64_t id;     /* SHOW */
	enum act act;
	uint64_t *ids; /* ACT */
	size_t id_count;
	uint32_t segment; /* CLEAR */
	bool salvage;     /* CLEAR: save what is readable; else discard */
};
/* False: `why` says what is wrong and what would be right. What it points to lies in `arena`. */
bool question_parse(struct slice json, struct arena *arena, struct question *question,
	struct text *why) MUST_USE;

#endif
