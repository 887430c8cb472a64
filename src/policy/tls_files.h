/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that `tls` names: as a process prepares them. */
#ifndef POLICY_TLS_FILES_H
#define POLICY_TLS_FILES_H

#include "policy/policy.h"
#include "tls/tls.h"

/* What a process that accepts TLS prepares from its bundle; slices point into it and the arena.
 * Files that cannot be read are left out: the daemon does not start with those. */
void policy_tls_setup(const struct policy *policy, struct slice bundle, struct arena *arena,
	struct tls_setup *setup);

#endif
