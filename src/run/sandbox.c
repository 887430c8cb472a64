/* SPDX-License-Identifier: Apache-2.0 */
/* What a role gives up. The contract is in sandbox.h. */
#include "run/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"

static enum status failed(struct text *words, const char *what)
{
	int error = errno;

	text_format(words, "cannot %s: %s", what, strerror(error));
	errno = error;
	return STATUS_FAILED;
}

/* The three ids of each kind are the new ones, and root cannot be had again. */
static bool user_is_for_good(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) != 0 || getresgid(&g[0], &g[1], &g[2]) != 0)
		return false;
	for (int i = 0; i < 3; i++)
		if (u[i] != uid || g[i] != gid)
			return false;
	return uid == 0 || (setuid(0) != 0 && setgid(0) != 0 && getgroups(0, NULL) == 0);
}

enum status sandbox_user(uid_t uid, gid_t gid, struct text *words)
{
	if (setgroups(0, NULL) != 0)
		return failed(words, "leave the supplementary groups");
	if (setresgid(gid, gid, gid) != 0)
		return failed(words, "change the group");
	if (setresuid(uid, uid, uid) != 0)
		return failed(words, "change the user");
	if (!user_is_for_good(uid, gid)) {
		errno = EPERM;
		return failed(words, "leave the old user for good");
	}
	text_format(words, "runs as user %u, group %u", (unsigned)uid, (unsigned)gid);
	return STATUS_OK;
}

enum status sandbox_no_new_privileges(struct text *words)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return failed(words, "renounce new privileges");
	text_put(words, SLICE("gains no privileges"));
	return STATUS_OK;
}

enum status sandbox_no_dumps(struct text *words)
{
	struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return failed(words, "forbid core files");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return failed(words, "keep memory from other processes");
	text_put(words, SLICE("cannot be dumped or traced"));
	return STATUS_OK;
}

/* The parent may have ended between our start and the call: then the signal never comes. */
enum status sandbox_end_with(pid_t parent, struct text *words)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return failed(words, "end with the supervisor");
	if (getppid() != parent) {
		errno = ESRCH;
		return failed(words, "end with the supervisor");
	}
	text_put(words, SLICE("ends with its parent"));
	return STATUS_OK;
}
