/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: one per process, single-threaded; the only place that asks the host for the time
 * or waits for it.
 *
 * Two back ends share this header: the real one over epoll, and a simulated one (sim.h) on
 * a clock of its own with fake sockets, in which a five-day retry is a millisecond.
 *
 * One turn: ready descriptors and timers wake tasks, the tasks run until they wait again, then the
 * turn-end hooks run (that is where packets, journal lines and flush groups collected during the
 * turn leave in one call each).
 */
#ifndef RUN_LOOP_H
#define RUN_LOOP_H

#include <signal.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/status.h"

struct loop;

/* NULL and errno if the host has no descriptors left. */
struct loop *loop_open(void);
void loop_close(struct loop *loop); /* every task has ended, every io is closed */
/* Runs turns until loop_stop(), or until nothing is left that could wake anything. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* after the turn that is running */

mono_ns loop_mono(struct loop *loop); /* as of the start of this turn */
wall_ns loop_wall(struct loop *loop); /* likewise */

/* This very moment, for measuring what something took; the simulated clock stands still. */
mono_ns loop_mono_exact(struct loop *loop);

/* The next wait begins that much later (real back end only): for a role that is told much and need
 * answer nothing soon, so that what tells it does not wake it each time. Timers wait as well. */
void loop_rest(struct loop *loop, mono_ns rest);

/* `told` hears, each time, that the kernel has no descriptor or memory for a connection or a
 * packet, which then waits and is tried again. */
void loop_on_shortage(struct loop *loop, void (*told)(void *owner, int error), void *owner);

/* A timer inside the object that owns it. `fire` runs in the loop, not in a task: it stores a
 * result and wakes tasks, nothing else. Setting a timer that is set moves it. */
struct timer {
	struct loop *loop;
	void (*fire)(struct timer *timer);
	mono_ns at;   /* NEVER when not set */
	size_t place; /* the loop's own */
};
void timer_init(struct timer *timer, struct loop *loop, void (*fire)(struct timer *timer));
void timer_set(struct timer *timer, mono_ns at);
void timer_clear(struct timer *timer);

/* Runs once at the end of the current turn, however often it is asked for in it. */
struct turn_end {
	struct list link;
	void (*run)(struct turn_end *hook);
};
void loop_at_turn_end(struct loop *loop, struct turn_end *hook);

/* Signals and children, as loop events (real back end only). */
struct signal_watch;
struct signal_watch *signal_watch_open(
	struct loop *loop, int signo, void (*seen)(void *owner, int signo), void *owner);
void signal_watch_close(struct signal_watch *watch);

#endif
