/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one seam through which the spool touches the disk. Every call is a function of this table and
 * none is made beside it, so that tests can put a simulated disk, a fault or a counter here.
 *
 * Names are relative to the folder `at`. All give -1 and errno on failure; EINTR is the caller's
 * (disk_write_all() repeats). Nothing is mapped into memory.
 */
#ifndef SPOOL_DISK_H
#define SPOOL_DISK_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/slice.h"
#include "base/status.h"

struct disk {
	int (*open)(struct disk *disk, int at, const char *name, int flags, mode_t mode);
	int (*close)(struct disk *disk, int fd);
	ssize_t (*pread)(struct disk *disk, int fd, void *buffer, size_t size, off_t at);
	ssize_t (*pwritev)(
		struct disk *disk, int fd, const struct iovec *parts, int count, off_t at);
	int (*fdatasync)(struct disk *disk, int fd);
	/* NULL where there is none. What was written there goes to the disk from now on, and nobody
	 * waits for it: what it says is no promise, only a failure counts. */
	int (*begin_flush)(struct disk *disk, int fd, off_t at, off_t size);
	int (*fsync)(struct disk *disk, int fd); /* of a folder: names made in it are durable */
	int (*truncate)(struct disk *disk, int fd, off_t size); /* makes it shorter */
	int (*unlink)(struct disk *disk, int at, const char *name);
	int (*mkdir)(struct disk *disk, int at, const char *name, mode_t mode);
	off_t (*size)(struct disk *disk, int fd);
	int (*lock)(struct disk *disk, int fd); /* flock, exclusive; waits 10 s at most */
	/* Calls `see` with each name in the folder but . and .. */
	int (*list)(
		struct disk *disk, int at, void (*see)(void *owner, const char *name), void *owner);
	/* Bytes that are left for us on the file system of `fd`; NULL: nobody knows. */
	uint64_t (*left)(struct disk *disk, int fd);
	bool threads; /* fdatasync may be called from several threads at once */
};

struct disk *disk_real(void);

/* All of the parts, going on after short writes and EINTR. */
enum status disk_write_all(
	struct disk *disk, int fd, const struct iovec *parts, int count, off_t at) MUST_USE;
enum status disk_write(struct disk *disk, int fd, struct slice bytes, off_t at) MUST_USE;
/* Exactly `size` bytes; fewer there is STATUS_FAILED with errno 0. */
enum status disk_read(struct disk *disk, int fd, char *buffer, size_t size, off_t at) MUST_USE;
/* As many of `size` as there are; fewer with errno 0: the file ends there. */
size_t disk_read_most(struct disk *disk, int fd, char *buffer, size_t size, off_t at);
/* fdatasync and fsync, repeated after EINTR only: any other failure is final (spool/STATES.md). */
enum status disk_sync(struct disk *disk, int fd) MUST_USE;
/* Every one of them, several at a time where the disk can; `error` is 0 or what fdatasync said. */
struct disk_flush {
	int fd, error;
};
void disk_sync_all(struct disk *disk, struct disk_flush *flushes, size_t count);
enum status disk_sync_folder(struct disk *disk, int fd) MUST_USE;

#endif
