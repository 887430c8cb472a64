/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a trial asks the world: DNS, as the edge would. Everything else (accounts, filters) is not
 * asked, and stays unknown.
 */
#ifndef CMD_FINDER_H
#define CMD_FINDER_H

#include "policy/policy.h"

struct finder;

/* NULL, with words on standard error, where there is no DNS to be asked. */
struct finder *finder_open(const struct policy *policy);
void finder_close(struct finder *finder); /* NULL is fine */
/* As struct trial's `find`: one answer for each that it can ask; gives back how many. */
size_t finder_find(void *finder, const struct facts *facts, const struct wanted *wanted,
	size_t count, struct arena *arena, struct fact_answer *answers);

#endif
