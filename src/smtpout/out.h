/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The out role: jobs from `queue` in, mail to other hosts and into Maildirs, outcomes back.
 *
 * It may open: connections anywhere, and the Maildirs. Segments come as read-only descriptors; it
 * parses what remote servers say and nothing else from outside (names come from `resolver`).
 */
#ifndef SMTPOUT_OUT_H
#define SMTPOUT_OUT_H

#include "role/role.h"

extern const struct role_kind out_role;

#endif
