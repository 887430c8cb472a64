/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits that an account carries itself: the texts of FACT_LIMITS, said by the store that keeps the
 * account. They stand in no file of the policy; to a decision each is like `limit account "…" 500
 * recipients per day`, counted by itself, and its counter is among policy_counters() with
 * ACCOUNT_LIMIT_FIRST and the number of the text for a clause.
 */
#ifndef POLICY_ACCOUNT_LIMITS_H
#define POLICY_ACCOUNT_LIMITS_H

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"

enum { ACCOUNT_LIMITS_MAX = 8 };
#define ACCOUNT_LIMIT_FIRST (UINT32_MAX - ACCOUNT_LIMITS_MAX)
struct account_limit {
	uint64_t most;
	mono_ns period;
	bool recipients; /* else messages */
};
/* "500 recipients per day", "60 messages per 10 minutes". False: it is none. */
bool account_limit_parse(struct slice text, struct account_limit *limit) MUST_USE;
void text_account_limit(struct text *out, const struct account_limit *limit);

#endif
