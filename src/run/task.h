/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: straight-line code that may wait.
 *
 * A task is a stackful fiber. A session is a plain function that reads top to bottom like its RFC;
 * waiting suspends the task, not the process. The rules (ARCHITECTURE.md has the reasons):
 *  1. What takes a `struct task *` may wait; nothing else may. It is the first parameter.
 *  2. Every wait ends by its event, by the task's deadline or by cancellation, as a value.
 *  3. Children end before their parent returns (task_group).
 *  4. A pointer into shared state does not survive a wait: keep an id, look it up again.
 *  5. errno and OpenSSL's error queue do not survive a wait either.
 *  6. Stacks are 64 KiB with a guard page: big buffers come from an arena; no VLAs, no getaddrinfo.
 *
 *	static void greet(struct task *task, void *arg)
 *	{
 *		mono_ns outer = task_limit(task, 5 * NS_PER_S);
 *		if (task_sleep(task, NS_PER_S) == WAIT_CANCELLED)
 *			return;
 *		task_restore(task, outer);
 *	}
 *	if (!task_start(loop, "greet", greet, arg)) …        no memory for a stack: say 421
 */
#ifndef RUN_TASK_H
#define RUN_TASK_H

#include "run/loop.h"

struct task;

enum wait {
	WAIT_READY,     /* what was waited for */
	WAIT_DEADLINE,  /* the task's deadline passed first */
	WAIT_CANCELLED, /* somebody asked the task to end: clean up and return */
};

/* `name` is a literal, shown by `postern status --tasks` and gdb. False when no stack can be had.
 * The task first runs later in this turn. */
bool task_start(struct loop *loop, const char *name, void (*run)(struct task *, void *),
	void *arg) MUST_USE;
struct loop *task_loop(const struct task *task);
/* Marks it cancelled; every wait it is in or enters ends with WAIT_CANCELLED from now on. */
void task_cancel(struct task *task);
bool task_is_cancelled(const struct task *task);
size_t task_count(const struct loop *loop);
/* name, and what it waits for, of each task; for diagnosis. */
void task_each(const struct loop *loop,
	void (*see)(void *owner, const char *name, const char *wait), void *owner);

/* Deadlines live in the task. task_limit() moves the deadline to `from_now` (ns) from now unless it
 * is earlier already, and gives back the one before, for task_restore(). */
mono_ns task_limit(struct task *task, mono_ns from_now);
void task_restore(struct task *task, mono_ns deadline);
mono_ns task_deadline(const struct task *task);

/* WAIT_READY when the time is over. */
enum wait task_sleep(struct task *task, mono_ns ns) MUST_USE;
/* Lets everything else that is ready run first. */
enum wait task_yield(struct task *task) MUST_USE;

/* A gate: tasks wait at it, whoever opens it wakes all that wait now. It remembers nothing. */
struct gate {
	struct list waiting;
};
void gate_init(struct gate *gate);
enum wait gate_wait(struct task *task, struct gate *gate, const char *why) MUST_USE;
void gate_open(struct gate *gate);     /* all of them, in the order they came */
void gate_open_one(struct gate *gate); /* the one that has waited longest */

/* A group: children that end before their parent goes on. */
struct task_group {
	struct loop *loop;
	size_t running;
	struct list children;
	struct gate ended;
};
void group_init(struct task_group *group, struct loop *loop);
bool group_start(struct task_group *group, const char *name, void (*run)(struct task *, void *),
	void *arg) MUST_USE;
/* WAIT_READY when every child has ended. On deadline or cancellation of `task` the children are
 * cancelled, waited for all the same, and the reason is given back. */
enum wait group_wait(struct task *task, struct task_group *group) MUST_USE;
void group_cancel(struct task_group *group); /* asks; does not wait */

#endif
