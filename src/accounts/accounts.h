/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accounts role: what edges must agree on about those who send. Read README.md first.
 *
 * It may open: its folder, STATE/accounts, handed to it; nothing by path.
 */
#ifndef ACCOUNTS_ACCOUNTS_H
#define ACCOUNTS_ACCOUNTS_H

#include "role/role.h"

extern const struct role_kind accounts_role;

#endif
