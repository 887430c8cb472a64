/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked when all is read, one file a matter. Errors and warnings go to `complaints`.
 * Private to this room. */
#ifndef POLICY_CHECK_H
#define POLICY_CHECK_H

#include "policy/model.h"

/* A clause's first word. */
struct token token_of_place(const struct clause_place *place);

/* ---- before compiling; errors stop it ---- */
void ways_check(const struct policy *policy, struct complaints *complaints); /* deliver, sign */
void aliases_check(const struct policy *policy, struct complaints *complaints);
void laters_check(const struct policy *policy, struct complaints *complaints);
void tls_lines_settle(struct policy *policy);

/* ---- of a compiled policy: warnings ---- */
void policy_check_compiled(const struct policy *policy, struct complaints *complaints);
void clauses_check(const struct policy *policy, struct complaints *complaints);
void owners_check(const struct policy *policy, struct complaints *complaints);
void parties_check(const struct policy *policy, struct complaints *complaints);

#endif
