/* SPDX-License-Identifier: Apache-2.0 */
/* For LD_PRELOAD: the wall clock, moved by as many seconds as the file named by CLOCK_MOVED says.
 * The monotonic clock stays as it is. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Read anew each time: the test moves the clock under a running daemon. */
static long moved(void)
{
	char digits[32] = "";
	const char *path = getenv("CLOCK_MOVED");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return 0;
	ssize_t size = read(fd, digits, sizeof digits - 1);
	close(fd);
	return size > 0 ? strtol(digits, NULL, 10) : 0;
}

static int real_clock(clockid_t clock, struct timespec *now)
{
	int (*next)(clockid_t, struct timespec *);
	void *found = dlsym(RTLD_NEXT, "clock_gettime");

	memcpy(&next, &found, sizeof next);
	return next(clock, now);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = real_clock(clock, now);

	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += moved();
	return result;
}

time_t time(time_t *into)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (into)
		*into = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict into, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	into->tv_sec = now.tv_sec;
	into->tv_usec = now.tv_nsec / 1000;
	return 0;
}
