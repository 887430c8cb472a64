/* SPDX-License-Identifier: Apache-2.0 */
/* Making and locking the state folder. The supervisor may be root while the folder belongs to a
 * user that a remote may have taken over, so no link is ever followed. Read state.h first. */
#include "supervisor/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/srs.h"

enum { CONTROL_BACKLOG = 64 };

static enum exit_status complain_of(
	struct text *why, const char *what, const char *path, enum exit_status status)
{
	text_format(why, "cannot %s ", what);
	text_escaped(why, slice_of(path));
	text_format(why, ": %s", strerror(errno));
	return status;
}

static bool folder_is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = copy < 0 ? NULL : fdopendir(copy);
	bool empty = folder != NULL;

	for (struct dirent *entry; empty && (entry = readdir(folder));)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (folder)
		closedir(folder);
	else if (copy >= 0)
		close(copy);
	return empty;
}

/* Whoever installs may make an empty folder as root (systemd's StateDirectory does). One that holds
 * something is left alone: it might be /etc. */
static bool may_take_over(int fd, const struct stat *facts, const struct owner *owner)
{
	return owner->drop && facts->st_uid == 0 && folder_is_empty(fd);
}

/* A folder that is there already must be its user's: what lies in it could not be used else. */
static bool folder_is_owned(int fd, const char *name, const struct owner *owner, struct text *why)
{
	struct stat facts;

	if (fstat(fd, &facts) < 0) {
		complain_of(why, "look at", name, EXIT_FAILED);
		return false;
	}
	if (facts.st_uid == owner->uid)
		return true;
	if (may_take_over(fd, &facts, owner) && fchown(fd, owner->uid, owner->gid) == 0)
		return true;
	text_escaped(why, slice_of(name));
	text_format(why,
		" belongs to user %u, but the roles run as %s; chown -R it to %s, or "
		"write the user it belongs to",
		(unsigned)facts.st_uid, owner->name, owner->name);
	return false;
}

/* Opens the folder `name` in `parent`, making it first where it is not there; -1 and `why`. */
static int folder_open(
	int parent, const char *name, mode_t mode, const struct owner *owner, struct text *why)
{
	bool made = mkdirat(parent, name, mode) == 0;

	if (!made && errno != EEXIST) {
		complain_of(why, "make the folder", name, EXIT_FAILED);
		return -1;
	}
	/* What lies in the state folder is its user's to replace, by a link to anywhere too; only
	 * the way to the folder itself is the administrator's. */
	int links = parent == AT_FDCWD ? 0 : O_NOFOLLOW;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | links);
	if (fd < 0) {
		complain_of(why, "open the folder", name, EXIT_FAILED);
		return -1;
	}
	if (made &&
		((owner->drop && fchown(fd, owner->uid, owner->gid) < 0) || fchmod(fd, mode) < 0)) {
		complain_of(why, "give the folder to its user", name, EXIT_FAILED);
		close(fd);
		return -1;
	}
	if (!folder_is_owned(fd, name, owner, why)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Not another name for a file elsewhere, which must not be given to the state folder's user. */
static bool file_is_alone(int fd)
{
	struct stat facts;

	return fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_nlink == 1;
}

/* Held as long as this process lives, by nobody else: no role inherits it. */
static enum exit_status state_lock(struct state *state, const struct owner *owner, struct text *why)
{
	state->lock =
		openat(state->folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (state->lock < 0)
		return complain_of(why, "open the lock in", state->path, EXIT_FAILED);
	if (!file_is_alone(state->lock)) {
		errno = EMLINK;
		return complain_of(why, "use the lock in", state->path, EXIT_FAILED);
	}
	if (owner->drop && fchown(state->lock, owner->uid, owner->gid) < 0)
		return complain_of(why, "own the lock in", state->path, EXIT_FAILED);
	if (flock(state->lock, LOCK_EX | LOCK_NB) == 0)
		return EXIT_ENDED;
	if (errno != EWOULDBLOCK)
		return complain_of(why, "lock", state->path, EXIT_FAILED);
	text_put(why, SLICE("another posternd holds the state folder "));
	text_escaped(why, slice_of(state->path));
	text_put(why, SLICE("; stop it, or write another `state`"));
	return EXIT_HELD;
}

/* Written whole or, by who died while writing it, once more. */
static bool secret_fill(int fd, const struct owner *owner)
{
	struct srs_secret secret;
	struct stat facts;

	if (fstat(fd, &facts) < 0)
		return false;
	if (facts.st_size >= (off_t)sizeof secret)
		return true;
	return getrandom(&secret, sizeof secret, 0) == sizeof secret &&
	       pwrite(fd, &secret, sizeof secret, 0) == sizeof secret &&
	       (!owner->drop || fchown(fd, owner->uid, owner->gid) == 0) && fsync(fd) == 0;
}

/* The key of return paths (wire/srs.h): with another, what left before cannot come back. */
static int secret_open(const struct state *state, const struct owner *owner, struct text *why)
{
	static const char name[] = "return-path.key";
	int fd = openat(state->folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && file_is_alone(fd) && secret_fill(fd, owner))
		return fd;
	complain_of(why, "make or use the secret", name, EXIT_FAILED);
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool open_parts(struct state *state, const struct owner *owner, struct text *why)
{
	state->spool = folder_open(state->folder, "spool", 0700, owner, why);
	if (state->spool >= 0)
		state->journal = folder_open(state->folder, "journal", 0750, owner, why);
	if (state->journal >= 0)
		state->policy = folder_open(state->folder, "policy", 0750, owner, why);
	if (state->policy >= 0)
		state->accounts = folder_open(state->folder, "accounts", 0700, owner, why);
	if (state->accounts >= 0)
		state->secret = secret_open(state, owner, why);
	return state->secret >= 0;
}

static void make_absolute(struct state *state)
{
	char *real = realpath(state->path, NULL);

	if (real)
		snprintf(state->path, sizeof state->path, "%s", real);
	free(real);
}

enum exit_status state_open(
	struct state *state, struct slice path, const struct owner *owner, struct text *why)
{
	struct text text = TEXT_FIXED(state->path);

	*state = (struct state){.folder = -1,
		.spool = -1,
		.journal = -1,
		.policy = -1,
		.accounts = -1,
		.secret = -1,
		.self_key = -1,
		.self_certificate = -1,
		.lock = -1};
	text_put(&text, path);
	text_char(&text, '\0');
	if (text.cut) {
		text_put(why, SLICE("the path of `state` is too long"));
		return EXIT_REFUSED;
	}
	state->folder = folder_open(AT_FDCWD, state->path, 0700, owner, why);
	if (state->folder < 0)
		return EXIT_FAILED;
	make_absolute(state);
	enum exit_status status = state_lock(state, owner, why);
	if (status == EXIT_ENDED && !open_parts(state, owner, why))
		status = EXIT_FAILED;
	return status;
}

void state_close(struct state *state)
{
	int *fds[] = {&state->self_key, &state->self_certificate, &state->secret, &state->accounts,
		&state->policy, &state->journal, &state->spool, &state->lock, &state->folder};

	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static bool write_file(int fd, struct slice bytes, const struct owner *owner)
{
	while (bytes.len > 0) {
		ssize_t written = write(fd, bytes.at, bytes.len);
		if (written < 0)
			return false;
		bytes = slice_from(bytes, (size_t)written);
	}
	return (!owner->drop || fchown(fd, owner->uid, owner->gid) == 0) && fsync(fd) == 0;
}

/* Written under another name first, so that no half of it is ever found under its hash. */
bool state_keep_bundle(const struct state *state, const struct bundle *bundle,
	const struct owner *owner, struct text *why)
{
	if (faccessat(state->policy, bundle->hash, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	unlinkat(state->policy, "new", 0);
	int fd = openat(
		state->policy, "new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	bool ok = fd >= 0 && write_file(fd, bundle->bytes, owner) &&
		  renameat(state->policy, "new", state->policy, bundle->hash) == 0;
	if (!ok)
		complain_of(why, "keep the configuration in STATE/policy as", bundle->hash,
			EXIT_FAILED);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Through the folder's descriptor: a path may be longer than a socket's name can be. */
static bool socket_name(const struct state *state, const char *name, struct sockaddr_un *address)
{
	int len;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strchr(name, '/'))
		len = snprintf(address->sun_path, sizeof address->sun_path, "%s", name);
	else
		len = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s",
			state->folder, name);
	errno = ENAMETOOLONG;
	return len > 0 && (size_t)len < sizeof address->sun_path;
}

/* What an earlier run left behind: a socket, and nothing else is ever removed. */
static void remove_old_socket(const char *path)
{
	struct stat facts;

	if (lstat(path, &facts) == 0 && S_ISSOCK(facts.st_mode))
		unlink(path);
}

static bool bind_socket(
	int fd, const struct sockaddr_un *address, bool for_all, const struct owner *owner)
{
	mode_t before = umask(for_all ? 0111 : 0117); /* from the first moment on */
	bool bound = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;

	umask(before);
	return bound &&
	       (!owner->drop || fchownat(AT_FDCWD, address->sun_path, owner->uid, owner->gid,
					AT_SYMLINK_NOFOLLOW) == 0) &&
	       listen(fd, CONTROL_BACKLOG) == 0;
}

int state_listen(const struct state *state, const char *name, bool for_all,
	const struct owner *owner, struct text *why)
{
	struct sockaddr_un address;
	int fd = -1;

	if (socket_name(state, name, &address)) {
		remove_old_socket(address.sun_path);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	}
	if (fd >= 0 && bind_socket(fd, &address, for_all, owner))
		return fd;
	complain_of(why, for_all ? "listen for `sendmail` on" : "listen for `postern` on", name,
		EXIT_FAILED);
	if (fd >= 0)
		close(fd);
	return -1;
}
