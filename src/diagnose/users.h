/* SPDX-License-Identifier: Apache-2.0 */
/* What `postern user` shows: lines of account/commands.h, for people. */
#ifndef DIAGNOSE_USERS_H
#define DIAGNOSE_USERS_H

#include <jansson.h>

#include "base/text.h"

void view_user_line(struct text *out, const json_t *account); /* user list */
void view_user(struct text *out, const json_t *account);      /* user show */
void view_user_changed(struct text *out, const json_t *done); /* the others */

#endif
