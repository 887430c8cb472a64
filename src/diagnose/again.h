/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A past decision, taken again from its facts under the policy it was taken under: for what the
 * journal's line leaves out, the clauses that were false and the nearest miss.
 */
#ifndef DIAGNOSE_AGAIN_H
#define DIAGNOSE_AGAIN_H

#include <jansson.h>

#include "policy/policy.h"

/* Replaces `trace` by the whole one and adds `nearest`, if the decision comes out the same again;
 * else it changes nothing (a fact that was not written down decided). */
void again_complete(json_t *line, const struct policy *policy);

#endif
