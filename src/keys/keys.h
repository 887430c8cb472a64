/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys role: holds the private keys of certificates and signs with them. Read README.md first.
 *
 * It may open: nothing. Key files are handed to it as descriptors.
 */
#ifndef KEYS_KEYS_H
#define KEYS_KEYS_H

#include "role/role.h"

extern const struct role_kind keys_role;

#endif
