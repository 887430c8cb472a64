/* SPDX-License-Identifier: Apache-2.0 */
/* What people should know of the certificates that a configuration names. */
#ifndef DIAGNOSE_CERTIFICATES_H
#define DIAGNOSE_CERTIFICATES_H

#include "policy/policy.h"

/* Warns of those that end within 30 days or have ended, and complains of keys that can be read here
 * and are another certificate's. `path` is the configuration's: relative names start beside it. */
void certificates_check_files(const struct policy *policy, const struct bundle *bundle,
	const char *path, struct complaints *complaints);

#endif
