/* SPDX-License-Identifier: Apache-2.0 */
/* The real back end: libevent_core, edge-triggered, each descriptor registered once; and signals.
 * Nothing of libevent is seen outside inside.h. */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#include "base/panic.h"
#include "run/inside.h"

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

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd;
	watch->readable = true;
	if (what & EV_CLOSED)
		watch->ended = true;
	watch->ready(watch);
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd, (void)what;
	watch->writable = true;
	watch->ready(watch);
}

static struct event *event_begin(struct watch *watch, short what, event_callback_fn came)
{
	struct event *event =
		event_new(watch->loop->base, watch->fd, what | EV_ET | EV_PERSIST, came, watch);

	panic_if(!event || event_add(event, NULL) != 0, "cannot watch descriptor %d", watch->fd);
	return event;
}

static void begin_reading(struct watch *watch)
{
	watch->read_event = event_begin(watch, EV_READ | EV_CLOSED, readable);
}

static void begin_writing(struct watch *watch)
{
	watch->write_event = event_begin(watch, EV_WRITE, writable);
}

static void end(struct watch *watch)
{
	if (watch->read_event)
		event_free(watch->read_event);
	if (watch->write_event)
		event_free(watch->write_event);
	watch->read_event = watch->write_event = NULL;
}

static void alarm_rings(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd, (void)what;
	loop->alarm_at = NEVER;
}

/* The one timeout that libevent knows is moved only where it would come too late; one that comes
 * early costs an empty turn. */
static void set_alarm(struct loop *loop, mono_ns until)
{
	mono_ns left = until - loop->mono;

	if (until == NEVER || loop->alarm_at <= until)
		return;
	struct timeval in = {left / NS_PER_S, (left % NS_PER_S + NS_PER_US - 1) / NS_PER_US};
	event_add(loop->alarm, &in);
	loop->alarm_at = until;
}

/* A signal ends it early. */
static void take_rest(struct loop *loop)
{
	struct timespec rest = {loop->rest / NS_PER_S, loop->rest % NS_PER_S};

	if (loop->rest)
		nanosleep(&rest, NULL);
	loop->rest = 0;
}

static bool wait_for_events(struct loop *loop, mono_ns until)
{
	bool now = until <= loop->mono;

	if (!now) {
		take_rest(loop);
		set_alarm(loop, until);
	}
	event_base_loop(loop->base, now ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
	set_clocks(loop);
	return true;
}

static mono_ns real_exact(struct loop *loop)
{
	(void)loop;
	return host_clock(CLOCK_MONOTONIC);
}

static void close_base(struct loop *loop)
{
	event_free(loop->alarm);
	event_base_free(loop->base);
}

static const struct host real_host = {
	.begin_reading = begin_reading,
	.begin_writing = begin_writing,
	.end = end,
	.wait = wait_for_events,
	.connect = real_connect,
	.connect_unix = real_connect_unix,
	.exact = real_exact,
	.close = close_base,
};

struct loop *loop_open(void)
{
	struct event_config *config = event_config_new();

	panic_if(!config, "no memory for a loop");
	event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	if (!base)
		return NULL;
	signal(SIGPIPE, SIG_IGN); /* pipes; sockets are written with MSG_NOSIGNAL */
	struct loop *loop = loop_new(&real_host);
	loop->base = base;
	loop->alarm = evtimer_new(base, alarm_rings, loop);
	panic_if(!loop->alarm, "no memory for a loop");
	set_clocks(loop);
	return loop;
}

/* --- signals --- */

struct signal_watch {
	struct loop *loop;
	struct event *event;
	void (*seen)(void *owner, int signo);
	void *owner;
};

static void signal_came(evutil_socket_t signo, short what, void *arg)
{
	struct signal_watch *watch = arg;

	(void)what;
	watch->seen(watch->owner, signo);
}

struct signal_watch *signal_watch_open(
	struct loop *loop, int signo, void (*seen)(void *owner, int signo), void *owner)
{
	if (loop->host->simulated) {
		errno = ENOTSUP;
		return NULL;
	}
	struct signal_watch *watch = calloc(1, sizeof *watch);
	panic_if(!watch, "no memory for a signal");
	*watch = (struct signal_watch){.loop = loop, .seen = seen, .owner = owner};
	watch->event = evsignal_new(loop->base, signo, signal_came, watch);
	panic_if(!watch->event || event_add(watch->event, NULL) != 0, "cannot watch signal %d",
		signo);
	loop->wakers++;
	return watch;
}

void signal_watch_close(struct signal_watch *watch)
{
	if (!watch)
		return;
	event_free(watch->event);
	watch->loop->wakers--;
	free(watch);
}
