/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of handshakes, by tasks that want some steps each, in the simulated loop. */
#include "tls/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "run/sim.h"

enum { MANY = 20, STEPS = 3, DONE_MOST = 200 };

struct scene {
	struct loop *loop;
	struct turns turns;
	struct turn_end counted;
	unsigned turn; /* of the loop */
	unsigned started, running;
	struct {
		unsigned who, turn;
		enum tls_turn as;
	} done[DONE_MOST]; /* the steps, in their order */
	size_t count, cancelled;
	struct task *tasks[MANY];
};

static struct scene *scene;

static void turn_counted(struct turn_end *hook)
{
	(void)hook;
	scene->turn++;
}

static int setup(void **state)
{
	static struct scene the_scene;

	scene = *state = &the_scene;
	*scene = (struct scene){.loop = sim_open(1), .counted = {.run = turn_counted}};
	turns_init(&scene->turns, scene->loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_close(scene->loop);
	return 0;
}

/* A handshake: some steps, and a wait for the other side between them. */
static void shake(struct task *task, enum tls_turn as)
{
	unsigned who = scene->started++;

	scene->tasks[who % MANY] = task;
	for (unsigned i = 0; i < STEPS; i++) {
		if (turns_take(task, &scene->turns, as) != WAIT_READY) {
			scene->cancelled++;
			break;
		}
		scene->done[scene->count].who = who;
		scene->done[scene->count].as = as;
		scene->done[scene->count++].turn = scene->turn;
		loop_at_turn_end(scene->loop, &scene->counted);
		if (task_yield(task) != WAIT_READY)
			break;
	}
	scene->running--;
}

static void in_turn(struct task *task, void *arg)
{
	(void)arg;
	shake(task, TLS_IN_TURN);
}

static void last(struct task *task, void *arg)
{
	(void)arg;
	shake(task, TLS_LAST);
}

static void at_once(struct task *task, void *arg)
{
	(void)arg;
	shake(task, TLS_AT_ONCE);
}

static void start(unsigned count, void (*run)(struct task *, void *))
{
	for (unsigned i = 0; i < count; i++, scene->running++)
		assert_true(task_start(scene->loop, "shake", run, NULL));
}

static size_t done_in(unsigned turn, enum tls_turn as)
{
	size_t count = 0;

	for (size_t i = 0; i < scene->count; i++)
		count += scene->done[i].turn == turn && scene->done[i].as == as;
	return count;
}

static void a_turn_of_the_loop_has_one_step_of_strangers(void **state)
{
	(void)state;
	start(MANY, in_turn);
	loop_run(scene->loop);
	assert_int_equal(scene->count, MANY * STEPS);
	for (unsigned turn = 0; turn <= scene->turn; turn++)
		assert_in_range(done_in(turn, TLS_IN_TURN), 0, TURNS_MOST);
	assert_in_range(scene->turn, MANY * STEPS / TURNS_MOST, MANY * STEPS / TURNS_MOST + 2);
}

static void who_waits_is_served_in_the_order_of_coming(void **state)
{
	(void)state;
	start(MANY, in_turn);
	loop_run(scene->loop);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(scene->done[i].who, i);
}

static void friends_wait_for_nobody(void **state)
{
	(void)state;
	start(MANY, in_turn);
	start(MANY, at_once);
	loop_run(scene->loop);
	assert_int_equal(scene->count, 2 * MANY * STEPS);
	assert_int_equal(done_in(0, TLS_AT_ONCE), MANY);
	assert_int_equal(done_in(0, TLS_IN_TURN), TURNS_MOST);
}

static void guessers_wait_for_strangers(void **state)
{
	size_t strangers = 0;

	(void)state;
	start(MANY, last);
	start(MANY, in_turn);
	loop_run(scene->loop);
	assert_int_equal(scene->count, 2 * MANY * STEPS);
	for (size_t i = 0; i < scene->count; i++) {
		strangers += scene->done[i].as == TLS_IN_TURN;
		if (i >= TURNS_MOST && scene->done[i].as == TLS_LAST)
			assert_true(strangers >= MANY);
	}
}

static void cancel_run(struct task *task, void *arg)
{
	(void)task, (void)arg;
	for (unsigned i = TURNS_MOST; i < MANY / 2; i++)
		task_cancel(scene->tasks[i]);
}

static void who_gives_up_keeps_nobody_waiting(void **state)
{
	(void)state;
	start(MANY, in_turn);
	assert_true(task_start(scene->loop, "cancel", cancel_run, NULL));
	loop_run(scene->loop);
	assert_int_equal(scene->cancelled, MANY / 2 - TURNS_MOST);
	assert_int_equal(scene->running, 0);
	assert_int_equal(scene->count, (MANY / 2 + TURNS_MOST) * STEPS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_turn_of_the_loop_has_one_step_of_strangers),
		TEST(who_waits_is_served_in_the_order_of_coming),
		TEST(friends_wait_for_nobody),
		TEST(guessers_wait_for_strangers),
		TEST(who_gives_up_keeps_nobody_waiting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
