/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration's complaints and what it amounts to. */
#ifndef DIAGNOSE_CHECK_H
#define DIAGNOSE_CHECK_H

#include "policy/policy.h"

/* Loads `path` (NULL: the built-in configuration) with every file it names. Complaints go to `out`,
 * for people or (json) as one object {"ok":…,"file":…,"policy":…,"complaints":[…]}. The policy is
 * the caller's; NULL where there is an error. */
struct policy *check_load(const char *path, bool json, struct text *out);
/* `path` (NULL: the built-in configuration) and every file it names, in the arena. */
void check_gather(const char *path, struct arena *arena, struct bundle *bundle);
/* Only errors and warnings, to `out`; for commands that need the configuration on their way. */
struct policy *check_quietly(const char *path, struct text *out);
/* The configuration as text; `name` is shown as its file's. */
struct policy *check_bundle(const struct bundle *bundle, struct text *out);

#endif
