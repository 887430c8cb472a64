/* SPDX-License-Identifier: Apache-2.0 */
/* Which user the roles run as, and who owns the state folder (posternd(8), "Processes"). */
#ifndef SUPERVISOR_OWNER_H
#define SUPERVISOR_OWNER_H

#include <sys/types.h>

#include "policy/policy.h"

struct owner {
	bool drop; /* started as root: every role becomes this user */
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* False with words in `why` if the written user does not exist. `said`: what the administrator
 * should know once; may stay empty. */
bool owner_choose(
	const struct settings *settings, struct owner *owner, struct text *said, struct text *why);

#endif
