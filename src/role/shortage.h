/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine does not give: descriptors, threads, memory.
 *
 * A role that is short of one of them at its start (or of what it cannot go on without) says which
 * and what would help, and ends; the supervisor starts it again, later and later, so that it is
 * back by itself when there is enough again. Shortages are of the world: never a panic.
 */
#ifndef ROLE_SHORTAGE_H
#define ROLE_SHORTAGE_H

#include "role/role.h"

bool error_is_shortage(int error);
const char *shortage_help(int error); /* "raise …"; NULL where nothing is short */
/* "Too many open files: raise LimitNOFILE= of the service, or `ulimit -n`"; for any other error its
 * own words alone. */
void text_shortage(struct text *text, int error);
/* Logs "no WHAT: …" and fails the role (role_has_failed). The kind's function returns at once. */
void role_is_short(struct role *role, const char *what, int error);

#endif
