/* SPDX-License-Identifier: Apache-2.0 */
/* The control role: keeps the journal, answers the control socket. Read README.md first. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "role/role.h"

extern const struct role_kind control_role;

#endif
