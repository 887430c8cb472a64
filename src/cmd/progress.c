/* SPDX-License-Identifier: Apache-2.0 */
/* The progress bar. Read progress.h first. */
#include "cmd/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };
static const mono_ns patience = NS_PER_S / 2, interval = NS_PER_S / 10;

static mono_ns mono_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void draw(const struct progress *progress, uint64_t done, uint64_t total)
{
	char bar[BAR_WIDTH + 1];

	if (done > total)
		done = total;
	for (uint64_t i = 0; i < BAR_WIDTH; i++)
		bar[i] = i * total < done * BAR_WIDTH ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%s [%s] %3llu %%\033[K", progress->what, bar,
		(unsigned long long)(100 * done / total));
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total)
{
	mono_ns now = mono_now();

	if (!progress->last)
		progress->last = now + patience - interval;
	if (now - progress->last < interval || !isatty(STDERR_FILENO))
		return;
	progress->last = now;
	progress->drawn = true;
	if (total)
		draw(progress, done, total);
	else
		fprintf(stderr, "\r%s: %llu\033[K", progress->what, (unsigned long long)done);
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
	progress->drawn = false;
}
