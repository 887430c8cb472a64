/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory, for tests: what was written and what was flushed are kept apart, and a crash
 * leaves of the unflushed what a seed says.
 *
 *	struct disk *disk = disk_memory_open(seed);
 *	… disk_memory_root(disk) …                  the store's folder
 *	disk_memory_stop_at(disk, 500);             the power fails at the 500th call from now
 *	disk_memory_crash(disk);                    and is back
 */
#ifndef SPOOL_DISK_MEMORY_H
#define SPOOL_DISK_MEMORY_H

#include "spool/disk.h"

enum disk_call {
	DISK_OPEN,
	DISK_PREAD,
	DISK_PWRITEV,
	DISK_FDATASYNC,
	DISK_FSYNC,
	DISK_TRUNCATE,
	DISK_UNLINK,
	DISK_MKDIR,
	DISK_LIST,
	DISK_CALLS,
};

struct disk *disk_memory_open(uint64_t seed);
void disk_memory_close(struct disk *disk);
int disk_memory_root(
	struct disk *disk); /* a descriptor of the folder; valid until the next crash */

/* The nth call of this kind from now (1: the next) fails with `error`. What a failed flush was to
 * write reaches the disk in part, and counts as clean afterwards, as Linux has it. */
void disk_memory_fail(struct disk *disk, enum disk_call call, unsigned nth, int error);
/* The power also fails at the call after a failure asked for with disk_memory_fail(). */
void disk_memory_fatal(struct disk *disk, bool on);
uint64_t disk_memory_failures(const struct disk *disk); /* so many calls were made to fail */
/* No more than this many bytes in all files: ENOSPC. 0: no limit. */
void disk_memory_limit(struct disk *disk, uint64_t bytes);
/* Some writes are short and some calls are interrupted, by the seed. */
void disk_memory_disturb(struct disk *disk, bool on);
/* From the nth call on every call fails and nothing changes any more; 0: never. */
void disk_memory_stop_at(struct disk *disk, uint64_t nth);
bool disk_memory_is_stopped(const struct disk *disk);
uint64_t disk_memory_calls(const struct disk *disk);

/* The power fails and comes back: every unflushed sector is the old or the new one, names made or
 * removed without a flushed folder are there or not, a block that was being rewritten may be
 * destroyed: how many of each is drawn anew for each file. Descriptors and locks are gone. */
void disk_memory_crash(struct disk *disk);
/* The process dies, the page cache stays. */
void disk_memory_kill(struct disk *disk);
/* One bit of a file, on the disk and in the cache. False if there is no such byte. */
bool disk_memory_flip(struct disk *disk, const char *folder, const char *name, uint64_t bit);
/* The file ends there, on the disk and in the cache. */
bool disk_memory_cut(struct disk *disk, const char *folder, const char *name, uint64_t size);
/* Copies a file's bytes out; how many, at most `size`. */
size_t disk_memory_peek(
	struct disk *disk, const char *folder, const char *name, char *bytes, size_t size);

#endif
