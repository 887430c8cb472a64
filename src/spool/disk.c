/* SPDX-License-Identifier: Apache-2.0 */
/* The real disk, and the helpers that go on after short calls. The contract is in disk.h. */
#include "spool/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static int real_open(struct disk *disk, int at, const char *name, int flags, mode_t mode)
{
	(void)disk;
	return openat(at, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

static int real_close(struct disk *disk, int fd)
{
	(void)disk;
	return close(fd);
}

static ssize_t real_pread(struct disk *disk, int fd, void *buffer, size_t size, off_t at)
{
	(void)disk;
	return pread(fd, buffer, size, at);
}

static ssize_t real_pwritev(
	struct disk *disk, int fd, const struct iovec *parts, int count, off_t at)
{
	(void)disk;
	return pwritev(fd, parts, count, at);
}

static int real_fdatasync(struct disk *disk, int fd)
{
	(void)disk;
	return fdatasync(fd);
}

/* Not every kernel that calls itself Linux has it. */
static int real_begin_flush(struct disk *disk, int fd, off_t at, off_t size)
{
	(void)disk;
	if (sync_file_range(fd, at, size, SYNC_FILE_RANGE_WRITE) == 0 || errno == ENOSYS ||
		errno == EINVAL)
		return 0;
	return -1;
}

static int real_fsync(struct disk *disk, int fd)
{
	(void)disk;
	return fsync(fd);
}

static int real_truncate(struct disk *disk, int fd, off_t size)
{
	(void)disk;
	return ftruncate(fd, size);
}

static int real_unlink(struct disk *disk, int at, const char *name)
{
	(void)disk;
	return unlinkat(at, name, 0);
}

static int real_mkdir(struct disk *disk, int at, const char *name, mode_t mode)
{
	(void)disk;
	return mkdirat(at, name, mode);
}

static off_t real_size(struct disk *disk, int fd)
{
	struct stat about;

	(void)disk;
	return fstat(fd, &about) == 0 ? about.st_size : -1;
}

/* The queue of a daemon that was killed may still hold it for a moment, in its last flush: it is
 * tried again for a while. */
static int real_lock(struct disk *disk, int fd)
{
	enum { EVERY_MS = 50, TRIES = 200 };

	(void)disk;
	for (int tries = 1;; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EINTR && (errno != EWOULDBLOCK || tries == TRIES))
			return -1;
		nanosleep(&(struct timespec){.tv_nsec = EVERY_MS * NS_PER_MS}, NULL);
	}
}

static int real_list(
	struct disk *disk, int at, void (*see)(void *owner, const char *name), void *owner)
{
	(void)disk;
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	errno = 0;
	for (struct dirent *entry; (entry = readdir(folder)); errno = 0)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			see(owner, entry->d_name);
	int error = errno;
	closedir(folder);
	errno = error;
	return error ? -1 : 0;
}

static uint64_t real_left(struct disk *disk, int fd)
{
	struct statvfs now;

	(void)disk;
	return fstatvfs(fd, &now) == 0 ? (uint64_t)now.f_bavail * now.f_frsize : UINT64_MAX;
}

struct disk *disk_real(void)
{
	static struct disk real = {
		.open = real_open,
		.close = real_close,
		.pread = real_pread,
		.pwritev = real_pwritev,
		.fdatasync = real_fdatasync,
		.begin_flush = real_begin_flush,
		.fsync = real_fsync,
		.truncate = real_truncate,
		.unlink = real_unlink,
		.mkdir = real_mkdir,
		.size = real_size,
		.lock = real_lock,
		.list = real_list,
		.left = real_left,
		.threads = true,
	};

	return &real;
}

enum { PARTS_AT_ONCE = 64 };

/* Copies the parts behind the first `skip` bytes, as many as fit. */
static int parts_behind(struct iovec *to, const struct iovec *parts, int count, uint64_t skip)
{
	int n = 0;

	for (int i = 0; i < count && n < PARTS_AT_ONCE; i++) {
		if (skip >= parts[i].iov_len) {
			skip -= parts[i].iov_len;
			continue;
		}
		to[n].iov_base = (char *)parts[i].iov_base + skip;
		to[n++].iov_len = parts[i].iov_len - skip;
		skip = 0;
	}
	return n;
}

/* One call for everything; only after a short one are the parts copied to go on behind it. */
enum status disk_write_all(
	struct disk *disk, int fd, const struct iovec *parts, int count, off_t at)
{
	struct iovec rest[PARTS_AT_ONCE];
	uint64_t done = 0, total = 0;

	for (int i = 0; i < count; i++)
		total += parts[i].iov_len;
	while (done < total) {
		int n = count;
		const struct iovec *from = parts;
		if (done > 0) {
			n = parts_behind(rest, parts, count, done);
			from = rest;
		}
		ssize_t wrote = disk->pwritev(disk, fd, from, n, at + (off_t)done);
		if (wrote > 0)
			done += (uint64_t)wrote;
		else if (wrote == 0) {
			errno = ENOSPC;
			return STATUS_FAILED;
		} else if (errno != EINTR)
			return STATUS_FAILED;
	}
	return STATUS_OK;
}

enum status disk_write(struct disk *disk, int fd, struct slice bytes, off_t at)
{
	union { /* iovec has no const */
		const char *from;
		char *to;
	} base = {.from = bytes.at};
	struct iovec part = {base.to, bytes.len};

	return disk_write_all(disk, fd, &part, 1, at);
}

enum status disk_read(struct disk *disk, int fd, char *buffer, size_t size, off_t at)
{
	size_t done = disk_read_most(disk, fd, buffer, size, at);

	return done == size ? STATUS_OK : STATUS_FAILED;
}

size_t disk_read_most(struct disk *disk, int fd, char *buffer, size_t size, off_t at)
{
	size_t done = 0;

	errno = 0;
	while (done < size) {
		ssize_t got = disk->pread(disk, fd, buffer + done, size - done, at + (off_t)done);
		if (got > 0) {
			done += (size_t)got;
		} else if (got == 0) {
			errno = 0;
			break;
		} else if (errno != EINTR) {
			break;
		}
	}
	if (done == size)
		errno = 0; /* of a call repeated after EINTR */
	return done;
}

enum status disk_sync(struct disk *disk, int fd)
{
	int result;

	do
		result = disk->fdatasync(disk, fd);
	while (result != 0 && errno == EINTR);
	return result == 0 ? STATUS_OK : STATUS_FAILED;
}

enum status disk_sync_folder(struct disk *disk, int fd)
{
	int result;

	do
		result = disk->fsync(disk, fd);
	while (result != 0 && errno == EINTR);
	return result == 0 ? STATUS_OK : STATUS_FAILED;
}
