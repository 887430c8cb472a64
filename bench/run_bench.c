/* SPDX-License-Identifier: Apache-2.0 */
/* What a task costs: nanoseconds per switch and per start, resident bytes while it waits. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "run/sim.h"

enum { SWITCHES = 2000000, PARKED = 10000 };

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long resident(void)
{
	long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	if (file)
		fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static void yields(struct task *task, void *arg)
{
	(void)arg;
	for (int i = 0; i < SWITCHES; i++)
		if (task_yield(task) != WAIT_READY)
			return;
}

static void sleeps(struct task *task, void *arg)
{
	(void)arg;
	if (task_sleep(task, NS_PER_S) != WAIT_READY)
		return;
}

static bool run_many(struct loop *loop, void (*run)(struct task *, void *), int count)
{
	for (int i = 0; i < count; i++)
		if (!task_start(loop, "bench", run, NULL))
			return false;
	loop_run(loop);
	return true;
}

static void stops(struct task *task, void *arg)
{
	(void)arg;
	loop_stop(task_loop(task));
}

int main(void)
{
	struct loop *loop = sim_open(0);
	double begin = seconds();

	if (!run_many(loop, yields, 1))
		return 1;
	printf("yield: %.1f ns (two switches and a turn)\n", (seconds() - begin) * 1e9 / SWITCHES);
	begin = seconds();
	long before = resident();
	for (int i = 0; i < PARKED; i++)
		if (!task_start(loop, "bench", sleeps, NULL))
			return 1;
	if (!run_many(loop, stops, 1))
		return 1;
	printf("start: %.2f us\n", (seconds() - begin) * 1e6 / PARKED);
	printf("parked: %ld bytes resident\n", (resident() - before) / PARKED);
	loop_run(loop);
	loop_close(loop);
	return 0;
}
