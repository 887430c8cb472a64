/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the loop: timers, hooks, stopping, signals. */
#include "run/testing.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "run/inside.h"
#include "run/random.h"
#include "run/sim.h"

enum { MANY = 5000 };

static struct timer timers[MANY];
static mono_ns last_fired;
static size_t fired;

static void in_order(struct timer *timer)
{
	assert_true(loop_mono(timer->loop) >= last_fired);
	assert_int_equal(timer->at, NEVER);
	last_fired = loop_mono(timer->loop);
	fired++;
}

static void test_timers_fire_in_order_after_being_set_moved_and_cleared(void **state)
{
	struct loop *loop = sim_open(0);
	size_t cleared = 0;

	(void)state;
	fired = 0, last_fired = 0;
	srand(7);
	for (size_t i = 0; i < MANY; i++) {
		timer_init(&timers[i], loop, in_order);
		timer_set(&timers[i], rand() % 1000000 + NS_PER_S);
	}
	for (size_t i = 0; i < MANY; i++)
		timer_set(&timers[(size_t)rand() % MANY], rand() % 1000000 + NS_PER_S);
	for (size_t i = 0; i < MANY; i += 3, cleared++)
		timer_clear(&timers[i]);
	loop_run(loop);
	assert_int_equal(fired, MANY - cleared);
	loop_close(loop);
}

static void fired_at(struct timer *timer)
{
	last_fired = loop_mono(timer->loop);
	fired++;
}

static void test_a_real_timer_fires_not_before_its_time(void **state)
{
	struct loop *loop = loop_open();
	struct timer timer;

	(void)state;
	fired = 0;
	timer_init(&timer, loop, fired_at);
	mono_ns at = loop_mono(loop) + 3 * NS_PER_MS;
	timer_set(&timer, at);
	loop_run(loop);
	assert_int_equal(fired, 1);
	assert_true(last_fired >= at);
	loop_close(loop);
}

static void test_a_loop_with_nothing_to_wait_for_ends(void **state)
{
	struct loop *loops[] = {loop_open(), sim_open(5)};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		loop_run(loops[i]);
		assert_int_equal(task_count(loops[i]), 0);
		loop_close(loops[i]);
	}
}

struct chain {
	struct turn_end hook;
	struct loop *loop;
	struct turn_end *next;
	int runs;
};

static void run_link(struct turn_end *hook)
{
	struct chain *link = LIST_OBJECT(struct chain, hook, hook);

	link->runs++;
	if (link->next && link->runs < 3)
		loop_at_turn_end(link->loop, link->next);
}

static void test_hooks_run_once_a_turn_and_may_ask_for_others(void **state)
{
	struct loop *loop = sim_open(0);
	struct chain last = {.hook.run = run_link, .loop = loop};
	struct chain first = {.hook.run = run_link, .loop = loop, .next = &last.hook};

	(void)state;
	loop_at_turn_end(loop, &first.hook);
	loop_at_turn_end(loop, &first.hook);
	loop_run(loop);
	assert_int_equal(first.runs, 1);
	assert_int_equal(last.runs, 1);
	loop_close(loop);
}

static void test_a_hook_that_keeps_asking_does_not_keep_the_loop(void **state)
{
	struct loop *loop = sim_open(0);
	struct chain again = {.hook.run = run_link, .loop = loop};

	(void)state;
	again.next = &again.hook;
	loop_at_turn_end(loop, &again.hook);
	loop_run(loop);
	assert_int_equal(again.runs, 3);
	loop_close(loop);
}

static void stop_it(struct turn_end *hook)
{
	loop_stop(LIST_OBJECT(struct chain, hook, hook)->loop);
}

static void test_a_stopped_loop_can_be_run_again(void **state)
{
	struct loop *loop = sim_open(0);
	struct chain stop = {.hook.run = stop_it, .loop = loop};
	struct timer timer;

	(void)state;
	fired = 0;
	timer_init(&timer, loop, fired_at);
	timer_set(&timer, loop_mono(loop) + NS_PER_S);
	loop_at_turn_end(loop, &stop.hook);
	loop_run(loop);
	assert_int_equal(fired, 0);
	loop_run(loop);
	assert_int_equal(fired, 1);
	loop_close(loop);
}

/* Both are ready in one turn: whichever comes first ends the other, and another descriptor gets its
 * number. */
struct twins {
	struct watch watches[2], heir;
	int calls, heirs;
};

static struct twins *twins;

static void heir_ready(struct watch *watch)
{
	(void)watch;
	twins->heirs++;
}

static void twin_ready(struct watch *watch)
{
	struct watch *other = &twins->watches[watch == twins->watches];
	int number = other->fd;

	twins->calls++;
	watch_end(other);
	close(number);
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(fd, number);
	watch_init(&twins->heir, watch->loop, fd, heir_ready);
	watch_reading(&twins->heir);
	loop_stop(watch->loop);
}

static void test_an_event_of_a_watch_that_has_ended_is_nobodys(void **state)
{
	struct twins both = {0};
	struct loop *loop = loop_open();

	(void)state;
	twins = &both;
	for (int i = 0; i < 2; i++) {
		watch_init(
			&both.watches[i], loop, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), twin_ready);
		watch_reading(&both.watches[i]);
	}
	loop->wakers++;
	loop_run(loop);
	loop->wakers--;
	assert_int_equal(both.calls, 1);
	assert_int_equal(both.heirs, 0);
	for (int i = 0; i < 2; i++) {
		if (both.watches[i].reading) {
			watch_end(&both.watches[i]);
			close(both.watches[i].fd);
		}
	}
	watch_end(&both.heir);
	close(both.heir.fd);
	loop_close(loop);
}

struct seen {
	struct loop *loop;
	int signo;
};

static void signal_seen(void *owner, int signo)
{
	struct seen *seen = owner;

	seen->signo = signo;
	loop_stop(seen->loop);
}

static void test_a_signal_is_an_event(void **state)
{
	struct seen seen = {.loop = loop_open()};
	struct signal_watch *watch = signal_watch_open(seen.loop, SIGUSR1, signal_seen, &seen);

	(void)state;
	assert_non_null(watch);
	raise(SIGUSR1);
	loop_run(seen.loop);
	assert_int_equal(seen.signo, SIGUSR1);
	signal_watch_close(watch);
	loop_close(seen.loop);
}

static void test_random_numbers_below_a_limit(void **state)
{
	bool seen[10] = {false};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t number = random_below(10);
		assert_true(number < 10);
		seen[number] = true;
	}
	for (int i = 0; i < 10; i++)
		assert_true(seen[i]);
	assert_int_equal(random_below(0), 0);
	assert_int_equal(random_below(1), 0);
	assert_true(random_u64() != random_u64());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers_fire_in_order_after_being_set_moved_and_cleared),
		cmocka_unit_test(test_a_real_timer_fires_not_before_its_time),
		cmocka_unit_test(test_a_loop_with_nothing_to_wait_for_ends),
		cmocka_unit_test(test_hooks_run_once_a_turn_and_may_ask_for_others),
		cmocka_unit_test(test_a_hook_that_keeps_asking_does_not_keep_the_loop),
		cmocka_unit_test(test_a_stopped_loop_can_be_run_again),
		cmocka_unit_test(test_an_event_of_a_watch_that_has_ended_is_nobodys),
		cmocka_unit_test(test_a_signal_is_an_event),
		cmocka_unit_test(test_random_numbers_below_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
