/* SPDX-License-Identifier: Apache-2.0 */
/* The real back end: epoll, edge-triggered, each descriptor registered once; and signals. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/panic.h"
#include "run/inside.h"

enum { EVENTS = 128, DESCRIPTORS_FIRST = 64, SPARE = 16 };

/* What the kernel was told of a descriptor. It knows no address of ours but the descriptor and how
 * often it was watched before: an event that was on its way when its watch ended finds another
 * number here, and is nobody's. */
struct watched {
	struct watch *watch; /* NULL: none */
	uint32_t turn;
	uint32_t events;
};

static int64_t host_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void set_clocks(struct loop *loop)
{
	loop->mono = host_clock(CLOCK_MONOTONIC);
	loop->wall = host_clock(CLOCK_REALTIME);
}

/* --- what is watched --- */

static void make_room(struct loop *loop, size_t fd)
{
	size_t size = loop->watched_size ? loop->watched_size : DESCRIPTORS_FIRST;

	while (size <= fd)
		size *= 2;
	struct watched *watched = reallocarray(loop->watched, size, sizeof *watched);
	panic_if(!watched, "no memory for %zu descriptors", size);
	for (size_t i = loop->watched_size; i < size; i++)
		watched[i] = (struct watched){0};
	loop->watched = watched;
	loop->watched_size = size;
}

static struct watched *watched_of(const struct watch *watch)
{
	struct loop *loop = watch->loop;
	size_t fd = (size_t)watch->fd;

	panic_if(watch->fd < 0, "a watch without a descriptor");
	if (fd >= loop->watched_size)
		make_room(loop, fd);
	return &loop->watched[fd];
}

static void begin(struct watch *watch, uint32_t events)
{
	struct watched *watched = watched_of(watch);
	int what = watched->watch ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	panic_if(watched->watch && watched->watch != watch, "descriptor %d is watched twice",
		watch->fd);
	if ((watched->events & events) == events)
		return;
	watched->watch = watch;
	watched->events |= events;
	struct epoll_event event = {.events = watched->events | EPOLLET,
		.data.u64 = (uint64_t)watched->turn << 32 | (uint32_t)watch->fd};
	panic_if(epoll_ctl(watch->loop->poll_fd, what, watch->fd, &event) != 0,
		"cannot watch descriptor %d", watch->fd);
}

static void begin_reading(struct watch *watch)
{
	begin(watch, EPOLLIN | EPOLLRDHUP);
}

/* Who writes will read as well: asked for at once, that costs no second call. */
static void begin_writing(struct watch *watch)
{
	begin(watch, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
}

static void end(struct watch *watch)
{
	struct watched *watched = watched_of(watch);

	if (watched->watch != watch)
		return;
	if (!watch->alone)
		epoll_ctl(watch->loop->poll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	*watched = (struct watched){.turn = watched->turn + 1};
}

/* --- waiting --- */

static void tell(struct loop *loop, const struct epoll_event *event)
{
	struct watched *watched = &loop->watched[(uint32_t)event->data.u64];
	struct watch *watch = watched->watch;

	if (!watch || watched->turn != event->data.u64 >> 32)
		return;
	bool over = event->events & (EPOLLERR | EPOLLHUP);
	if (over || (event->events & EPOLLRDHUP))
		watch->ended = true;
	if (over || (event->events & EPOLLIN))
		watch->readable = true;
	if (over || (event->events & EPOLLOUT))
		watch->writable = true;
	watch->ready(watch);
}

/* A signal ends it early. */
static void take_rest(struct loop *loop)
{
	struct timespec rest = {loop->rest / NS_PER_S, loop->rest % NS_PER_S};

	if (loop->rest)
		nanosleep(&rest, NULL);
	loop->rest = 0;
}

/* In ms, rounded up: what comes early costs an empty turn. */
static int patience(mono_ns until)
{
	if (until == NEVER)
		return -1;
	mono_ns left = until - host_clock(CLOCK_MONOTONIC);
	if (left <= 0)
		return 0;
	mono_ns ms = (left + NS_PER_MS - 1) / NS_PER_MS;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

static bool wait_for_events(struct loop *loop, mono_ns until)
{
	bool now = until <= loop->mono;

	if (!now)
		take_rest(loop);
	int count = epoll_wait(loop->poll_fd, loop->events, EVENTS, now ? 0 : patience(until));
	set_clocks(loop);
	for (int i = 0; i < count; i++)
		tell(loop, &loop->events[i]);
	return true;
}

static mono_ns real_exact(struct loop *loop)
{
	(void)loop;
	return host_clock(CLOCK_MONOTONIC);
}

static void close_poll(struct loop *loop)
{
	close(loop->poll_fd);
	free(loop->watched);
	free(loop->events);
}

static const struct host real_host = {
	.begin_reading = begin_reading,
	.begin_writing = begin_writing,
	.end = end,
	.wait = wait_for_events,
	.connect = real_connect,
	.connect_unix = real_connect_unix,
	.exact = real_exact,
	.close = close_poll,
};

/* The last ones are for ourselves: segments of the spool, channels to roles started again. */
static int descriptors_for_strangers(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX)
		return 0;
	int all = (int)limit.rlim_cur, ours = all / 4;
	return all - (ours < SPARE ? ours : SPARE);
}

struct loop *loop_open(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return NULL;
	signal(SIGPIPE, SIG_IGN); /* pipes; sockets are written with MSG_NOSIGNAL */
	struct loop *loop = loop_new(&real_host);
	loop->poll_fd = fd;
	loop->fd_most = descriptors_for_strangers();
	loop->events = calloc(EVENTS, sizeof *loop->events);
	panic_if(!loop->events, "no memory for a loop");
	set_clocks(loop);
	return loop;
}

/* --- signals: blocked, and read from a descriptor --- */

struct signal_watch {
	struct watch watch;
	int signo;
	void (*seen)(void *owner, int signo);
	void *owner;
};

static void signal_came(struct watch *watch)
{
	struct signal_watch *signals = LIST_OBJECT(struct signal_watch, watch, watch);
	struct signalfd_siginfo info;

	if (read(watch->fd, &info, sizeof info) == sizeof info)
		signals->seen(signals->owner, signals->signo);
}

static void mask_signal(int how, int signo)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, signo);
	pthread_sigmask(how, &one, NULL);
}

static int signal_descriptor(int signo)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, signo);
	return signalfd(-1, &one, SFD_NONBLOCK | SFD_CLOEXEC);
}

struct signal_watch *signal_watch_open(
	struct loop *loop, int signo, void (*seen)(void *owner, int signo), void *owner)
{
	if (loop->host->simulated) {
		errno = ENOTSUP;
		return NULL;
	}
	int fd = signal_descriptor(signo);
	if (fd < 0)
		return NULL;
	struct signal_watch *signals = calloc(1, sizeof *signals);
	panic_if(!signals, "no memory for a signal");
	mask_signal(SIG_BLOCK, signo);
	*signals = (struct signal_watch){.signo = signo, .seen = seen, .owner = owner};
	watch_init(&signals->watch, loop, fd, signal_came);
	watch_reading(&signals->watch);
	loop->wakers++;
	return signals;
}

/* One that came too late to be seen does nothing any more. */
void signal_watch_close(struct signal_watch *signals)
{
	if (!signals)
		return;
	struct signalfd_siginfo late;
	while (read(signals->watch.fd, &late, sizeof late) > 0)
		;
	watch_end(&signals->watch);
	close(signals->watch.fd);
	signals->watch.loop->wakers--;
	mask_signal(SIG_UNBLOCK, signals->signo);
	free(signals);
}
