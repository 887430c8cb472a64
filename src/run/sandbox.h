/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a role gives up before it meets the network. Each step says in `words` what it did, or what
 * failed and why, for one line of the log. The user comes first: changing it undoes the steps about
 * dumps and about the parent.
 *
 * Filters of system calls and of paths (seccomp, Landlock) are further steps of this kind.
 */
#ifndef RUN_SANDBOX_H
#define RUN_SANDBOX_H

#include <sys/types.h>

#include "base/status.h"

struct text;

/* Becomes that user for good, with no other group; proves that there is no way back. */
enum status sandbox_user(uid_t uid, gid_t gid, struct text *words) MUST_USE;
/* No program started from here on gains privileges (PR_SET_NO_NEW_PRIVS). */
enum status sandbox_no_new_privileges(struct text *words) MUST_USE;
/* No core file, and no other process of this user may read our memory. */
enum status sandbox_no_dumps(struct text *words) MUST_USE;
/* SIGKILL when the process that started us, `parent`, ends; STATUS_FAILED if it has already. */
enum status sandbox_end_with(pid_t parent, struct text *words) MUST_USE;

#endif
