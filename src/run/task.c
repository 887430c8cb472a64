/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: starting, parking, waking, ending; and what is waited for besides sockets. The contract is
 * in task.h; stacks are in stack.c, the switch itself in switch.h. */
#include "run/task.h"

#include "base/panic.h"
#include "run/inside.h"
#include "run/stack.h"
#include "run/switch.h"

enum task_state { TASK_READY, TASK_RUNNING, TASK_PARKED, TASK_ENDED };

enum {
	RUNS_IN_A_TURN = 10000, /* tasks that wake each other must not keep the loop from time */
	CALLS_IN_A_RUN = 64,
};
#define REST_AFTER (500 * NS_PER_MS)

/* Lies at the top of its stack, in the page that every stack needs anyway. */
struct task {
	struct list link;    /* in ready, yielded, parked, resting */
	struct list all;     /* in loop->all */
	struct list waiting; /* in what it waits at: a gate */
	struct list sibling; /* in its group */
	struct switch_point point;
	struct loop *loop;
	struct task_group *group;
	const char *name, *why;
	void (*run)(struct task *task, void *arg);
	void *arg;
	char *stack;
	struct watch *watch;
	mono_ns deadline, parked_at;
	struct timer timer; /* never later than the deadline; left alone while early enough */
	enum task_state state;
	enum wait outcome;
	bool cancelled, firm;
	unsigned calls;
};

/* --- running --- */

static void task_end(struct task *task)
{
	struct loop *loop = task->loop;
	struct task_group *group = task->group;

	panic_if(list_is_linked(&task->waiting), "task %s ended while it waits", task->name);
	timer_clear(&task->timer);
	list_remove(&task->all);
	loop->tasks--;
	if (group) {
		list_remove(&task->sibling);
		if (--group->running == 0)
			gate_open(&group->ended);
	}
}

/* `save` is NULL when the stack is not needed any more. */
static void leave(struct task *task, void **save)
{
	struct loop *loop = task->loop;

	stack_leaving(save, loop->main_stack, loop->main_stack_size);
	switch_to(&task->point, loop->main);
}

static void task_entry(void *arg)
{
	struct task *task = arg;
	struct loop *loop = task->loop;

	stack_arrived(NULL, &loop->main_stack, &loop->main_stack_size);
	task->run(task, task->arg);
	task_end(task);
	task->state = TASK_ENDED;
	leave(task, NULL);
}

static void task_resume(struct task *task)
{
	struct loop *loop = task->loop;
	void *save = NULL;

	task->state = TASK_RUNNING;
	task->calls = 0;
	loop->running = task;
	stack_leaving(&save, task->stack, STACK_SIZE);
	switch_to(loop->main, &task->point);
	stack_arrived(save, NULL, NULL);
	loop->running = NULL;
	if (task->state == TASK_ENDED)
		stack_give(loop, task->stack);
}

void task_run_ready(struct loop *loop)
{
	struct switch_point here;
	int runs = 0;

	loop->main = &here;
	for (struct list *link; (link = list_take(&loop->yielded));)
		list_append(&loop->ready, link);
	for (struct list *link; runs < RUNS_IN_A_TURN && (link = list_take(&loop->ready)); runs++)
		task_resume(LIST_OBJECT(struct task, link, link));
}

/* --- parking and waking --- */

enum wait task_may_go_on(const struct task *task)
{
	if (task->cancelled)
		return WAIT_CANCELLED;
	return task->deadline <= task->loop->mono ? WAIT_DEADLINE : WAIT_READY;
}

bool task_has_run_long(struct task *task)
{
	return ++task->calls >= CALLS_IN_A_RUN;
}

void task_waits_for(struct task *task, struct watch *watch)
{
	task->watch = watch;
}

static void suspend(struct task *task, const char *why)
{
	void *save = NULL;

	panic_if(task->loop->running != task, "task %s waits but does not run", task->name);
	task->why = why;
	leave(task, &save);
	stack_arrived(save, NULL, NULL);
	task->why = NULL;
}

static void park(struct task *task, const char *why)
{
	struct loop *loop = task->loop;

	task->state = TASK_PARKED;
	task->parked_at = loop->mono;
	list_append(&loop->parked, &task->link);
	if (loop->sweep_at == NEVER && !loop->host->simulated)
		loop->sweep_at = loop->mono + REST_AFTER;
	suspend(task, why);
}

static void keep_deadline(struct task *task)
{
	if (task->deadline == NEVER)
		timer_clear(&task->timer);
	else if (task->timer.at > task->deadline)
		timer_set(&task->timer, task->deadline);
}

static void task_wake_as(struct task *task, enum wait outcome)
{
	if (task->state != TASK_PARKED)
		return;
	task->state = TASK_READY;
	task->outcome = outcome;
	if (list_is_linked(&task->waiting))
		list_remove(&task->waiting); /* so that gate_open_one() does not choose it */
	list_remove(&task->link);
	list_append(&task->loop->ready, &task->link);
}

static void task_timer(struct timer *timer)
{
	struct task *task = LIST_OBJECT(struct task, timer, timer);

	if (task->deadline > task->loop->mono)
		keep_deadline(task);
	else if (!task->firm)
		task_wake_as(task, WAIT_DEADLINE);
}

enum wait task_park_in(struct task *task, struct list *waiting, const char *why)
{
	enum wait before = task_may_go_on(task);

	if (before != WAIT_READY)
		return before;
	keep_deadline(task);
	if (waiting)
		list_append(waiting, &task->waiting);
	park(task, why);
	return task->outcome;
}

enum wait task_park(struct task *task, const char *why)
{
	return task_park_in(task, NULL, why);
}

void task_park_firmly(struct task *task, const char *why)
{
	task->firm = true;
	park(task, why);
	task->firm = false;
}

void task_wake(struct task *task)
{
	task_wake_as(task, WAIT_READY);
}

/* --- long waits: the stack below what is in use is given back, and a socket is looked at once
 * more (why: io.c, watch_recheck) --- */

static void rest(struct task *task)
{
	list_remove(&task->link);
	list_append(&task->loop->resting, &task->link);
	stack_trim(task->stack, switch_lowest(&task->point));
	if (task->watch)
		io_recheck(task->watch);
}

void task_sweep(struct loop *loop)
{
	loop->sweep_at = NEVER;
	while (!list_is_empty(&loop->parked)) {
		struct task *task = LIST_OBJECT(struct task, loop->parked.next, link);
		if (task->parked_at + REST_AFTER > loop->mono) {
			/* Those that follow within a quarter of it are taken along. */
			loop->sweep_at = task->parked_at + REST_AFTER + REST_AFTER / 4;
			return;
		}
		rest(task);
	}
}

void task_pool_free(struct loop *loop)
{
	stack_pool_free(loop);
}

/* --- starting --- */

static struct task *task_new(
	struct loop *loop, const char *name, void (*run)(struct task *, void *), void *arg)
{
	char *stack = stack_take(loop);

	if (!stack)
		return NULL;
	size_t top = (STACK_SIZE - sizeof(struct task)) & ~(size_t)63;
	struct task *task = (struct task *)(void *)(stack + top);
	*task = (struct task){.loop = loop,
		.name = name,
		.run = run,
		.arg = arg,
		.stack = stack,
		.deadline = NEVER,
		.state = TASK_READY};
	timer_init(&task->timer, loop, task_timer);
	switch_make(&task->point, stack, top, task_entry, task);
	list_append(&loop->all, &task->all);
	list_append(&loop->ready, &task->link);
	loop->tasks++;
	return task;
}

bool task_start(struct loop *loop, const char *name, void (*run)(struct task *, void *), void *arg)
{
	return task_new(loop, name, run, arg) != NULL;
}

struct loop *task_loop(const struct task *task)
{
	return task->loop;
}

void task_cancel(struct task *task)
{
	task->cancelled = true;
	if (!task->firm)
		task_wake_as(task, WAIT_CANCELLED);
}

bool task_is_cancelled(const struct task *task)
{
	return task->cancelled;
}

size_t task_count(const struct loop *loop)
{
	return loop->tasks;
}

void task_each(const struct loop *loop,
	void (*see)(void *owner, const char *name, const char *wait), void *owner)
{
	LIST_EACH (struct task, task, &loop->all, all)
		see(owner, task->name, task->why ? task->why : "running");
}

/* --- time --- */

mono_ns task_limit(struct task *task, mono_ns from_now)
{
	mono_ns before = task->deadline, now = task->loop->mono;

	if (from_now < NEVER - now && now + from_now < before)
		task->deadline = now + from_now;
	return before;
}

void task_restore(struct task *task, mono_ns deadline)
{
	task->deadline = deadline;
}

mono_ns task_deadline(const struct task *task)
{
	return task->deadline;
}

/* The deadline serves as the alarm: what it means is decided by which of the two came first. */
enum wait task_sleep(struct task *task, mono_ns ns)
{
	mono_ns outer = task_limit(task, ns);
	bool earlier = task->deadline == outer && outer != NEVER;
	enum wait end = task_park(task, "sleep");

	task_restore(task, outer);
	return end == WAIT_DEADLINE && !earlier ? WAIT_READY : end;
}

enum wait task_yield(struct task *task)
{
	enum wait before = task_may_go_on(task);

	if (before != WAIT_READY)
		return before;
	task->state = TASK_READY;
	list_append(&task->loop->yielded, &task->link);
	suspend(task, "yield");
	return task_may_go_on(task);
}

/* --- gates --- */

void gate_init(struct gate *gate)
{
	list_init(&gate->waiting);
}

enum wait gate_wait(struct task *task, struct gate *gate, const char *why)
{
	return task_park_in(task, &gate->waiting, why);
}

void gate_open(struct gate *gate)
{
	while (!list_is_empty(&gate->waiting))
		gate_open_one(gate);
}

void gate_open_one(struct gate *gate)
{
	if (!list_is_empty(&gate->waiting))
		task_wake(LIST_OBJECT(struct task, gate->waiting.next, waiting));
}

/* --- groups --- */

void group_init(struct task_group *group, struct loop *loop)
{
	group->loop = loop;
	group->running = 0;
	list_init(&group->children);
	gate_init(&group->ended);
}

bool group_start(
	struct task_group *group, const char *name, void (*run)(struct task *, void *), void *arg)
{
	struct task *task = task_new(group->loop, name, run, arg);

	if (!task)
		return false;
	task->group = group;
	group->running++;
	list_append(&group->children, &task->sibling);
	return true;
}

enum wait group_wait(struct task *task, struct task_group *group)
{
	enum wait end = WAIT_READY;

	while (group->running != 0) {
		end = gate_wait(task, &group->ended, "children");
		if (end != WAIT_READY)
			break;
	}
	if (group->running == 0)
		return end;
	group_cancel(group);
	while (group->running != 0) {
		list_append(&group->ended.waiting, &task->waiting);
		task_park_firmly(task, "cancelled children");
	}
	return end;
}

void group_cancel(struct task_group *group)
{
	LIST_EACH (struct task, child, &group->children, sibling)
		task_cancel(child);
}
