/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests alone: the language read a second time, by the words of doc/policy.md (of an account's
 * own limits doc/accounts.md) and nothing else. It walks the parsed statements as they stand, has
 * no index, no terms, no compiled stages, and counts truth as 0, 1 (unknown) and 2, so that `and`
 * is the lesser and `or` the greater.
 */
#ifndef POLICY_REFERENCE_H
#define POLICY_REFERENCE_H

#include "policy/model.h"

enum { NO = 0, MAYBE = 1, YES = 2 };

struct reference {
	const struct policy *policy;
	const struct facts *facts;
	enum stage stage;
	struct arena *arena;
	bool strict; /* a list that does not answer is MAYBE even where it stands positively */
};
struct reference_decision {
	enum verdict verdict;
	enum stage stage;
	bool granted;
	struct slice grant;      /* the text of the one that is named */
	size_t considered_count; /* of clauses that are YES or MAYBE */
	uint8_t *values;         /* by clause; of those not considered NO */
	bool held;               /* at RCPT by the account's own limits and nothing else */
	uint32_t own_limit;      /* the first of them that is full; none: ACCOUNT_LIMITS_MAX */
};
struct reference_decision reference_decide(struct reference *r);

/* The limits that the account has of its own, where they are known; how many. */
size_t reference_own_limits(struct reference *r, struct account_limit limits[ACCOUNT_LIMITS_MAX]);

#endif
