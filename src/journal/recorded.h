/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other way: from a line of the journal to the facts its decision was taken from, so that it
 * can be taken again (`replay`, `shadow`, the nearest miss of `why`).
 */
#ifndef JOURNAL_RECORDED_H
#define JOURNAL_RECORDED_H

#include <jansson.h>

#include "policy/policy.h"

struct recorded {
	struct facts facts;
	enum stage stage; /* at which to decide: the line's own may be earlier (policy.h) */
	enum verdict verdict;
	bool clause_spoke; /* a clause or a grant of the policy */
};
/* False: the line is no decision about a recipient that a policy took. Slices point into the line
 * or lie in `arena`. What the line does not say is not known: the content of the message above all.
 */
bool recorded_read(const json_t *line, struct arena *arena, struct recorded *recorded) MUST_USE;

#endif
