/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of tasks: ends of waits, deadlines, cancellation, gates, groups, many of them. */
#include "run/testing.h"

#include <fenv.h>
#include <string.h>

#include "run/sim.h"

/* --- time --- */

static void sleeps_five_days(struct task *task, void *arg)
{
	bool *done = arg;

	assert_int_equal(task_sleep(task, 5 * 86400 * NS_PER_S), WAIT_READY);
	*done = true;
}

static void test_five_days_pass_at_once_in_the_simulated_loop(void **state)
{
	struct loop *loop = sim_open(1000);
	mono_ns begin = loop_mono(loop);
	bool done = false;

	(void)state;
	start(loop, "sleeper", sleeps_five_days, &done);
	loop_run(loop);
	assert_true(done);
	assert_int_equal(loop_mono(loop) - begin, 5 * 86400 * NS_PER_S);
	assert_int_equal(loop_wall(loop), 1000 + 5 * 86400 * NS_PER_S);
	loop_close(loop);
}

static void has_deadlines(struct task *task, void *arg)
{
	struct loop *loop = task_loop(task);
	mono_ns begin = loop_mono(loop);
	struct gate gate;

	gate_init(&gate);
	assert_int_equal(task_limit(task, 10 * NS_PER_S), NEVER);
	mono_ns outer = task_limit(task, 2 * NS_PER_S);
	assert_int_equal(outer, begin + 10 * NS_PER_S);
	task_restore(task, task_limit(task, 60 * NS_PER_S)); /* not later than what stands */
	assert_int_equal(task_deadline(task), begin + 2 * NS_PER_S);
	assert_int_equal(gate_wait(task, &gate, "nothing"), WAIT_DEADLINE);
	assert_int_equal(loop_mono(loop), begin + 2 * NS_PER_S);
	assert_int_equal(gate_wait(task, &gate, "nothing"), WAIT_DEADLINE); /* at once */
	task_restore(task, outer);
	assert_int_equal(task_sleep(task, 3 * NS_PER_S), WAIT_READY);
	assert_int_equal(task_deadline(task), outer);
	assert_int_equal(task_sleep(task, 30 * NS_PER_S), WAIT_DEADLINE);
	assert_int_equal(loop_mono(loop), begin + 10 * NS_PER_S);
	task_restore(task, NEVER);
	assert_int_equal(task_sleep(task, 0), WAIT_READY);
	*(bool *)arg = true;
}

static void test_the_earliest_deadline_ends_a_wait(void **state)
{
	struct loop *loop = sim_open(0);
	bool done = false;

	(void)state;
	start(loop, "limited", has_deadlines, &done);
	loop_run(loop);
	assert_true(done);
	loop_close(loop);
}

/* --- cancellation --- */

struct victim {
	struct task *task;
	struct gate gate;
	struct io *io;
	enum { AT_GATE, ASLEEP, YIELDING, READING, CONNECTING } where;
	bool cancelled;
};

static bool waits_until_cancelled(struct task *task, struct victim *victim)
{
	char c;
	size_t got;
	struct address nowhere = {.is_v4 = true, .port = 25};
	struct io *io;

	switch (victim->where) {
	case AT_GATE: return gate_wait(task, &victim->gate, "gate") == WAIT_CANCELLED;
	case ASLEEP: return task_sleep(task, NS_PER_S) == WAIT_CANCELLED;
	case YIELDING:
		while (task_yield(task) == WAIT_READY)
			;
		return true;
	case READING: return io_read(task, victim->io, &c, 1, &got) == IO_CANCELLED;
	case CONNECTING: return io_connect(task, &nowhere, &io) == IO_CANCELLED;
	}
	return false;
}

static void is_cancelled(struct task *task, void *arg)
{
	struct victim *victim = arg;

	victim->task = task;
	victim->cancelled = waits_until_cancelled(task, victim);
	assert_true(task_is_cancelled(task));
	assert_int_equal(task_sleep(task, NS_PER_S), WAIT_CANCELLED); /* and so does every next */
	assert_int_equal(task_yield(task), WAIT_CANCELLED);
}

static void cancels(struct task *task, void *arg)
{
	struct victim *victim = arg;

	assert_int_equal(task_yield(task), WAIT_READY);
	assert_int_equal(task_yield(task), WAIT_READY);
	task_cancel(victim->task);
}

static void test_every_wait_ends_by_cancellation(void **state)
{
	struct address nowhere = {.is_v4 = true, .port = 25};

	(void)state;
	for (int where = AT_GATE; where <= CONNECTING; where++) {
		struct loop *loop = sim_open(0);
		struct victim victim = {.where = where};
		struct io *other;
		mono_ns begin = loop_mono(loop);

		sim_refuse(loop, &nowhere, 0);
		sim_pair(loop, &victim.io, &other);
		gate_init(&victim.gate);
		start(loop, "victim", is_cancelled, &victim);
		start(loop, "canceller", cancels, &victim);
		loop_run(loop);
		assert_true(victim.cancelled);
		assert_true(list_is_empty(&victim.gate.waiting));
		assert_int_equal(loop_mono(loop), begin);
		io_close(victim.io);
		io_close(other);
		loop_close(loop);
	}
}

/* --- gates --- */

struct queue {
	struct gate gate;
	char order[16];
	mono_ns limit;
};

static void waits_in_queue(struct task *task, void *arg)
{
	struct queue *queue = arg;
	char name[2] = {(char)('a' + strlen(queue->order)), 0};

	strcat(queue->order, "-");
	name[0] = (char)('a' + strlen(queue->order) - 1);
	mono_ns outer = task_limit(task, queue->limit);
	enum wait end = gate_wait(task, &queue->gate, "queue");
	task_restore(task, outer);
	strcat(queue->order, end == WAIT_READY ? name : "!");
}

static void opens(struct task *task, void *arg)
{
	struct queue *queue = arg;

	assert_int_equal(task_yield(task), WAIT_READY);
	gate_open_one(&queue->gate);
	assert_int_equal(task_yield(task), WAIT_READY);
	gate_open(&queue->gate);
	gate_open(&queue->gate); /* nobody: not remembered */
}

static void test_a_gate_wakes_in_the_order_they_came(void **state)
{
	struct loop *loop = sim_open(0);
	struct queue queue = {.limit = NS_PER_S};

	(void)state;
	gate_init(&queue.gate);
	for (int i = 0; i < 4; i++)
		start(loop, "waiter", waits_in_queue, &queue);
	start(loop, "opener", opens, &queue);
	loop_run(loop);
	assert_string_equal(queue.order, "----abcd");
	loop_close(loop);
}

struct token {
	struct gate gate;
	struct timer timer;
	enum wait first, second;
};

static void opens_one(struct timer *timer)
{
	gate_open_one(&LIST_OBJECT(struct token, timer, timer)->gate);
}

static void waits_a_second(struct task *task, void *arg)
{
	struct token *token = arg;

	(void)task_limit(task, NS_PER_S);
	token->first = gate_wait(task, &token->gate, "token");
}

static void waits_longer(struct task *task, void *arg)
{
	struct token *token = arg;

	(void)task_limit(task, 2 * NS_PER_S);
	token->second = gate_wait(task, &token->gate, "token");
	timer_clear(&token->timer);
}

/* The deadline of the one and the opening fall into the same turn, in either order. */
static void test_an_opening_is_not_lost_on_a_waiter_whose_deadline_came_first(void **state)
{
	(void)state;
	for (int later = 0; later < 2; later++) {
		struct loop *loop = sim_open(0);
		struct token token;

		gate_init(&token.gate);
		timer_init(&token.timer, loop, opens_one);
		start(loop, "short", waits_a_second, &token);
		start(loop, "long", waits_longer, &token);
		timer_set(&token.timer, loop_mono(loop) + NS_PER_S + later);
		loop_run(loop);
		assert_true((token.first == WAIT_READY) != (token.second == WAIT_READY));
		if (later)
			assert_int_equal(token.first, WAIT_DEADLINE);
		loop_close(loop);
	}
}

/* --- groups --- */

struct family {
	int started, ended;
	enum wait end, childs_end;
	mono_ns limit, childs_sleep, ended_at;
};

static void child(struct task *task, void *arg)
{
	struct family *family = arg;

	family->started++;
	family->childs_end = task_sleep(task, family->childs_sleep);
	family->ended++;
}

static void parent(struct task *task, void *arg)
{
	struct family *family = arg;
	struct task_group group;

	group_init(&group, task_loop(task));
	for (int i = 0; i < 3; i++)
		assert_true(group_start(&group, "child", child, family));
	mono_ns outer = task_limit(task, family->limit);
	family->end = group_wait(task, &group);
	task_restore(task, outer);
	family->ended_at = loop_mono(task_loop(task));
	assert_int_equal(family->ended, 3);
	assert_true(list_is_empty(&group.children));
}

static void test_a_group_ends_with_its_last_child_or_cancels_them(void **state)
{
	static const struct {
		mono_ns limit, sleep;
		enum wait end, childs_end;
		mono_ns took;
	} rows[] = {
		{10, 5, WAIT_READY, WAIT_READY, 5},
		{5, 10, WAIT_DEADLINE, WAIT_CANCELLED, 5},
		{0, 10, WAIT_DEADLINE, WAIT_CANCELLED, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct loop *loop = sim_open(0);
		mono_ns begin = loop_mono(loop);
		struct family family = {.limit = rows[i].limit * NS_PER_S,
			.childs_sleep = rows[i].sleep * NS_PER_S};

		start(loop, "parent", parent, &family);
		loop_run(loop);
		assert_int_equal(family.end, rows[i].end);
		assert_int_equal(family.childs_end, rows[i].childs_end);
		assert_int_equal(family.ended_at - begin, rows[i].took * NS_PER_S);
		assert_int_equal(task_count(loop), 0);
		loop_close(loop);
	}
}

/* --- many, and what a switch keeps --- */

enum { TASKS = 10000 };

static void one_of_many(struct task *task, void *arg)
{
	char deep[2048];
	int *left = arg;

	memset(deep, 'x', sizeof deep);
	assert_int_equal(task_sleep(task, (mono_ns)*left % 7 * NS_PER_MS), WAIT_READY);
	assert_int_equal(deep[sizeof deep - 1], 'x');
	(*left)--;
}

static void test_ten_thousand_tasks_begin_and_end(void **state)
{
	struct loop *loop = sim_open(0);
	int left = TASKS;

	(void)state;
	for (int i = 0; i < TASKS; i++)
		start(loop, "one of many", one_of_many, &left);
	assert_int_equal(task_count(loop), TASKS);
	loop_run(loop);
	assert_int_equal(left, 0);
	left = TASKS; /* and again, on stacks used before */
	for (int i = 0; i < TASKS; i++)
		start(loop, "one of many", one_of_many, &left);
	loop_run(loop);
	assert_int_equal(left, 0);
	loop_close(loop);
}

static void rounds_up(struct task *task, void *arg)
{
	(void)arg;
	fesetround(FE_UPWARD);
	assert_int_equal(task_yield(task), WAIT_READY);
	assert_int_equal(fegetround(), FE_UPWARD);
	fesetround(FE_TONEAREST);
}

static void rounds_as_usual(struct task *task, void *arg)
{
	(void)arg;
	assert_int_equal(fegetround(), FE_TONEAREST);
	assert_int_equal(task_yield(task), WAIT_READY);
	assert_int_equal(fegetround(), FE_TONEAREST);
}

static void test_the_floating_point_modes_belong_to_the_task(void **state)
{
	struct loop *loop = sim_open(0);

	(void)state;
	start(loop, "up", rounds_up, NULL);
	start(loop, "usual", rounds_as_usual, NULL);
	loop_run(loop);
	assert_int_equal(fegetround(), FE_TONEAREST);
	loop_close(loop);
}

static void note(void *owner, const char *name, const char *wait)
{
	strcat(owner, name);
	strcat(owner, "=");
	strcat(owner, wait);
	strcat(owner, " ");
}

static void looks_around(struct task *task, void *arg)
{
	task_each(task_loop(task), note, arg);
}

static void sleeps(struct task *task, void *arg)
{
	(void)arg;
	assert_int_equal(task_sleep(task, NS_PER_S), WAIT_READY);
}

static void test_the_list_of_tasks_says_what_each_waits_for(void **state)
{
	struct loop *loop = sim_open(0);
	char seen[100] = "";

	(void)state;
	start(loop, "sleeper", sleeps, NULL);
	start(loop, "looker", looks_around, seen);
	loop_run(loop);
	assert_string_equal(seen, "sleeper=sleep looker=running ");
	loop_close(loop);
}

/* In the real loop a task that has waited for half a second gives its stack back. */
static void rests(struct task *task, void *arg)
{
	char kept[3000];

	memset(kept, 'k', sizeof kept);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(task_sleep(task, 700 * NS_PER_MS), WAIT_READY);
		for (size_t at = 0; at < sizeof kept; at++)
			assert_int_equal(kept[at], 'k');
	}
	*(bool *)arg = true;
}

static void test_a_long_wait_keeps_what_the_task_needs(void **state)
{
	struct loop *loop = loop_open();
	bool done = false;

	(void)state;
	start(loop, "resting", rests, &done);
	loop_run(loop);
	assert_true(done);
	loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_five_days_pass_at_once_in_the_simulated_loop),
		cmocka_unit_test(test_the_earliest_deadline_ends_a_wait),
		cmocka_unit_test(test_every_wait_ends_by_cancellation),
		cmocka_unit_test(test_a_gate_wakes_in_the_order_they_came),
		cmocka_unit_test(test_an_opening_is_not_lost_on_a_waiter_whose_deadline_came_first),
		cmocka_unit_test(test_a_group_ends_with_its_last_child_or_cancels_them),
		cmocka_unit_test(test_ten_thousand_tasks_begin_and_end),
		cmocka_unit_test(test_the_floating_point_modes_belong_to_the_task),
		cmocka_unit_test(test_the_list_of_tasks_says_what_each_waits_for),
		cmocka_unit_test(test_a_long_wait_keeps_what_the_task_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
