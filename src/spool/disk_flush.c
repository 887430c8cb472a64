/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many files flushed at once: a device joins the flushes that wait for it, so a start over hundreds
 * of segments costs a few dozen of them. Each file still has its own fdatasync, with its own
 * answer. The contract is in disk.h.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "spool/disk.h"

enum { HELPERS_MOST = 31 };

struct flushing {
	struct disk *disk;
	struct disk_flush *flushes;
	size_t count;
	atomic_size_t next;
};

static void *flush_some(void *arg)
{
	struct flushing *flushing = arg;

	for (;;) {
		size_t mine = atomic_fetch_add(&flushing->next, 1);
		if (mine >= flushing->count)
			return NULL;
		struct disk_flush *flush = &flushing->flushes[mine];
		flush->error = 0;
		if (disk_sync(flushing->disk, flush->fd) != STATUS_OK)
			flush->error = errno ? errno : EIO;
	}
}

/* Where no thread can be had, those that are there do it all: at least the caller. */
static size_t helpers_start(pthread_t helpers[HELPERS_MOST], struct flushing *flushing)
{
	sigset_t all, before;
	size_t count = 0;

	sigfillset(&all); /* signals are the loop's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (count < HELPERS_MOST && count + 1 < flushing->count &&
		pthread_create(&helpers[count], NULL, flush_some, flushing) == 0)
		count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return count;
}

void disk_sync_all(struct disk *disk, struct disk_flush *flushes, size_t count)
{
	struct flushing flushing = {.disk = disk, .flushes = flushes, .count = count};
	pthread_t helpers[HELPERS_MOST];
	size_t helping = disk->threads ? helpers_start(helpers, &flushing) : 0;

	flush_some(&flushing);
	while (helping > 0)
		pthread_join(helpers[--helping], NULL);
}
