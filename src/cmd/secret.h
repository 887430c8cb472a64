/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that a command reads: from the terminal without echo, or from standard input; never from
 * its arguments, which everybody on the host may read. */
#ifndef CMD_SECRET_H
#define CMD_SECRET_H

#include "base/slice.h"
#include "base/status.h"

enum { SECRET_MAX = 1024 };
/* At a terminal: asks for `what`, twice where `twice`, without echo; else reads one line. False,
 * with words on standard error, if there is none, it is too long, or the two differ. */
bool secret_read(const char *what, bool twice, char secret[SECRET_MAX]) MUST_USE;

#endif
