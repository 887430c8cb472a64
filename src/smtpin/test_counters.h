/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: the counters of `limit` clauses in the edge's own process, instead of accounts'. */
#ifndef SMTPIN_TEST_COUNTERS_H
#define SMTPIN_TEST_COUNTERS_H

#include "smtpin/counting.h"

struct test_counters;
struct test_counters *test_counters_new(struct loop *loop, struct counting *counting);
void test_counters_free(struct test_counters *counters); /* NULL is fine */

#endif
