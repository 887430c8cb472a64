/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that flushes slowly, one flush at a time, for a server that is preloaded with this
 * (LD_PRELOAD, or /etc/ld.so.preload of its root).
 *
 * The file SLOW_FLUSH names (or /etc/slow_flush) is the disk: every process that has it mapped
 * takes its turns there. Its first eight octets say how many ns a flush takes, in the machine's
 * order of octets; the third eight count flushes. The real flush is made first and its time is not
 * taken off. Where the file is missing or no disk, flushes are as fast as they are.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static struct disk {
	int64_t each; /* ns */
	_Atomic int64_t busy_until;
	_Atomic int64_t flushes;
} * disk;

__attribute__((constructor)) static void find_disk(void)
{
	const char *path = getenv("SLOW_FLUSH");
	int fd = open(path ? path : "/etc/slow_flush", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (lseek(fd, 0, SEEK_END) >= (off_t)sizeof *disk) {
		void *map = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		disk = map == MAP_FAILED ? NULL : map;
	}
	close(fd);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* The next turn of the disk, and the time until it is over. */
static int done(int result)
{
	int error = errno;

	if (!disk)
		return result;
	atomic_fetch_add(&disk->flushes, 1);
	int64_t asked = now(), before = atomic_load(&disk->busy_until), after;
	do
		after = (before > asked ? before : asked) + disk->each;
	while (!atomic_compare_exchange_weak(&disk->busy_until, &before, after));
	struct timespec end = {after / 1000000000, after % 1000000000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
	errno = error;
	return result;
}

/* The function of that name behind this one. */
#define REAL(name, ...) ((int (*)(__VA_ARGS__))real(#name))
static void *real(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

int fsync(int fd)
{
	return done(REAL(fsync, int)(fd));
}

int fdatasync(int fd)
{
	return done(REAL(fdatasync, int)(fd));
}

int syncfs(int fd)
{
	return done(REAL(syncfs, int)(fd));
}

void sync(void)
{
	((void (*)(void))real("sync"))();
	(void)done(0);
}

int msync(void *place, size_t len, int how)
{
	int result = REAL(msync, void *, size_t, int)(place, len, how);

	return how & MS_SYNC ? done(result) : result;
}

int sync_file_range(int fd, off_t from, off_t len, unsigned how)
{
	return done(REAL(sync_file_range, int, off_t, off_t, unsigned)(fd, from, len, how));
}
