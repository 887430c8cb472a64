/* SPDX-License-Identifier: Apache-2.0 */
/* What generate.c (configurations) and generate_session.c share. Nobody else includes it. */
#ifndef POLICY_GENERATE_INSIDE_H
#define POLICY_GENERATE_INSIDE_H

#include "base/panic.h"
#include "policy/generate.h"

bool generate_chance(struct generator *g, unsigned percent);
#define COUNT(list) (sizeof(list) / sizeof *(list))
#define PICK(g, list) ((list)[generate_below((g), COUNT(list))])

#endif
