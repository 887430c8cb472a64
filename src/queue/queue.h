/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue role. It may open files below STATE/spool and nothing else; it speaks with the edges,
 * out and control over channels the supervisor gives it; it parses what they say as hostile.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "role/role.h"

extern const struct role_kind queue_role;

#endif
