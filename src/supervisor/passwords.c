/* SPDX-License-Identifier: Apache-2.0 */
/* The passwords with which mail signs in at other servers: opened here, where they may be root's
 * alone, and read by out. Read inside.h first. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/inside.h"

/* A regular file; -1: `why`. A FIFO would make us wait. */
static int file_open(const char *path, struct stat *status, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*why = strerrordesc_np(errno);
	if (fd < 0)
		return -1;
	if (fstat(fd, status) == 0 && S_ISREG(status->st_mode))
		return fd;
	*why = "it is no file";
	close(fd);
	return -1;
}

static void complain_if_loose(
	struct supervisor *supervisor, const char *path, const struct stat *status)
{
	if (status->st_mode & 0027)
		supervisor_log(supervisor, LEVEL_WARN, "password-file",
			"%s holds a password, and its mode %04o lets others read it or its group "
			"change it: chmod 600",
			path, (unsigned)status->st_mode & 07777);
}

static const char *path_of(
	const struct configuration *configuration, struct slice file, struct arena *arena)
{
	if (slice_starts(file, SLICE("/")) || configuration->folder.len == 0)
		return arena_string(arena, file);
	return arena_string(arena, arena_format(arena, "%.*s%.*s",
					   SLICE_ARGS(configuration->folder), SLICE_ARGS(file)));
}

static void grant_one(struct member *out, const struct configuration *configuration,
	struct slice file, struct arena *arena)
{
	const char *path = path_of(configuration, file, arena), *why;
	struct setup_grant grant = {.what = GRANT_PASSWORD, .address = file};
	struct stat status;
	int fd = file_open(path, &status, &why);

	if (fd >= 0) {
		complain_if_loose(out->supervisor, path, &status);
	} else {
		/* The mail that needs it waits, and says so; nothing else does. */
		supervisor_log(out->supervisor, LEVEL_ERROR, "password-file",
			"the password in %s cannot be had: %s", path, why);
		grant.service = slice_of(why);
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return;
	member_grant(out, SETUP_GRANT, &grant, fd);
	close(fd);
}

void passwords_grant(struct member *out, const struct configuration *configuration)
{
	struct arena *arena = arena_new();
	const struct slice *files;
	size_t count = policy_password_files(configuration->policy, arena, &files);

	for (size_t i = 0; i < count; i++)
		grant_one(out, configuration, files[i], arena);
	arena_free(arena);
}
