/* SPDX-License-Identifier: Apache-2.0 */
/* Linux-PAM's libpam, loaded where accounts are PAM's, in the process that asks it. */
#ifndef ACCOUNT_PAM_LIBRARY_H
#define ACCOUNT_PAM_LIBRARY_H

#include "base/status.h"
#include "base/text.h"

/* Before the first call of any function of <security/pam_appl.h>. False, and why. */
MUST_USE bool pam_library_load(struct text *why);

#endif
