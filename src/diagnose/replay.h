/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The past, decided again under another policy: line by line of the journal, each *changed*,
 * *unchanged* or one of which nobody *can tell*, since a fact the policy asks for was not asked
 * then. `replay` reads the journal, `shadow` what is added to it now.
 */
#ifndef DIAGNOSE_REPLAY_H
#define DIAGNOSE_REPLAY_H

#include <jansson.h>

#include "policy/policy.h"

enum replayed { REPLAY_NO_DECISION, REPLAY_UNCHANGED, REPLAY_CHANGED, REPLAY_CANNOT_TELL };

/* Changes of one kind: the same verdicts, for the same clause. */
struct replay_group {
	enum verdict was, is;
	bool has_clause; /* the clause (or grant) that makes the new decision, else its reason */
	uint32_t clause;
	enum reason reason;
	uint64_t count;
	char example[20]; /* the id of the first; NUL-terminated */
};
struct replay_missing {
	enum fact fact;
	struct slice argument;
	uint64_t count;
};

enum { REPLAY_GROUPS_MAX = 64, REPLAY_MISSING_MAX = 64 };
struct replay {
	const struct policy *policy;
	struct arena *kept, *scratch;
	uint64_t unchanged, changed, cannot_tell;
	uint64_t weight; /* of the line at work: how many equal refusals share it */
	struct replay_group
		groups[REPLAY_GROUPS_MAX]; /* what does not fit is counted above alone */
	size_t group_count;
	struct replay_missing missing[REPLAY_MISSING_MAX];
	size_t missing_count;
};
void replay_begin(struct replay *replay, const struct policy *policy);
void replay_end(struct replay *replay);
/* Adds the sums of another, of the same policy. */
void replay_add(struct replay *replay, const struct replay *other);
/* *now is what would be decided today; valid until the next call. */
enum replayed replay_line(struct replay *replay, const json_t *line, struct decision *now);
struct slice verdict_word(enum verdict verdict); /* "accept" */

/* What came of it, for people and as a member of a JSON object each. */
void text_replay(struct text *out, const struct replay *replay);
void text_replay_json(struct text *out, const struct replay *replay);
/* One changed decision: for people a line, for programs an object. */
void text_replay_change(struct text *out, const struct replay *replay, const json_t *line,
	const struct decision *now, bool json);

#endif
