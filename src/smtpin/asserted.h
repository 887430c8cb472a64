/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the test of scenarios: which reasons and which atoms they assert, reply *and* trace. Told by
 * the steps as they run, so that nothing counts that was not looked at.
 *
 * A refusal's line in the journal was looked at when a step named its reason (`reason=`, of a
 * sign-in `outcome=`), the reply with its id was expected with code and enhanced code, and, where
 * the line has a trace, the step named that too (`trace=`). An atom was, when such a step named a
 * clause of it that rests on the atom (`trace=*[3,true]*`): one that no other value of the atom
 * would have made so. What is unknown (`[3,null]`) must be named in the reply that was expected.
 */
#ifndef SMTPIN_ASSERTED_H
#define SMTPIN_ASSERTED_H

#include <jansson.h>

#include "base/arena.h"
#include "policy/policy.h"

enum { ASSERTED_ATOMS_MOST = 100 };

struct asserted {
	bool reasons[REASONS];
	bool atoms[ASSERTED_ATOMS_MOST]; /* by enum atom (policy/atoms.h) */
};

/* Replies that one session expected, the last one first. */
struct asserted_reply {
	struct slice id, pattern;
	const struct asserted_reply *before;
};
const struct asserted_reply *asserted_reply_add(const struct asserted_reply *before,
	struct slice id, struct slice pattern, struct arena *arena);

/* A line of the journal had all the words of a step. */
void asserted_line(struct asserted *asserted, const struct policy *policy, const json_t *line,
	struct slice words, const struct asserted_reply *replies);

/* Prints what is missing, and gives back how much. */
unsigned asserted_reasons_missing(const struct asserted *asserted);
unsigned asserted_atoms_missing(const struct asserted *asserted);

#endif
