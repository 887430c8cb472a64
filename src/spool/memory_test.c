/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory: every allocation of the spool fails once, and the process ends there, as
 * panic_if() has it. No 250 was said that does not hold, nothing is lost, and the next start is
 * sound. Linked with malloc, calloc and realloc wrapped.
 *
 * And clocks: a wall clock that jumps changes nothing of what is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "run/testing.h"
#include "spool/rig.h"

/* What dies is never freed. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *bytes, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *bytes, size_t size);

static unsigned fail_in; /* 0: never */
static sigjmp_buf died;

static bool is_failing(void)
{
	return fail_in && --fail_in == 0;
}

void *__wrap_malloc(size_t size)
{
	return is_failing() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_failing() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *bytes, size_t size)
{
	return is_failing() ? NULL : __real_realloc(bytes, size);
}

static void die(int number)
{
	(void)number;
	siglongjmp(died, 1);
}

static void live(struct rig *rig)
{
	rig_send(rig, 3);
	rig_send_big(rig, CHUNK_MAX + 100);
	rig_deliver_but(rig, 1);
	rig_tend(rig);
	rig_tend(rig);
	rig_send(rig, 1);
	rig_kill(rig);
	if (rig_start(rig) != STORE_OPEN)
		fail_msg("no start: %.*s", SLICE_ARGS(text_slice(&rig->why)));
	rig_send(rig, 1);
	rig_deliver(rig, 2);
	rig_tend(rig);
}

/* False: it lived through, the nth allocation never came. */
static bool dies_at(unsigned nth)
{
	struct rig *rig = rig_open(1);
	volatile bool dead = true;

	rig->segment = 96 << 10;
	rig->no_damage = true;
	assert_int_equal(rig_start(rig), STORE_OPEN);
	if (sigsetjmp(died, 1) == 0) {
		fail_in = nth;
		live(rig);
		dead = fail_in == 0;
		fail_in = 0;
		assert_false(dead); /* nobody takes NULL for memory */
		rig_close(rig);
		return false;
	}
	rig_abandon(rig);
	assert_int_equal(rig_start(rig), STORE_OPEN);
	rig_judge(rig);
	rig_power_cut(rig);
	assert_int_equal(rig_start(rig), STORE_OPEN);
	rig_judge(rig);
	rig_close(rig);
	return dead;
}

static void every_allocation_may_fail(void **state)
{
	unsigned nth = 1;
	int errors = dup(STDERR_FILENO);

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	print_message("skipped: AddressSanitizer does not follow a jump off a stack\n");
	skip();
#endif
	if (UNDER_VALGRIND) {
		print_message("skipped: valgrind calls what a dead process had in hand a leak\n");
		skip();
	}
	assert_true(errors >= 0 && freopen("/dev/null", "w", stderr));
	signal(SIGABRT, die);
	while (dies_at(nth))
		nth++;
	signal(SIGABRT, SIG_DFL);
	fflush(stderr);
	dup2(errors, STDERR_FILENO);
	close(errors);
	print_message("%u allocations\n", nth - 1);
	assert_true(nth > 50);
}

static void clocks_may_jump(void **state)
{
	static const wall_ns jumps[] = {INT64_C(-40) * 86400 * NS_PER_S,
		INT64_C(400) * 86400 * NS_PER_S, INT64_C(-3600) * NS_PER_S, 0};

	(void)state;
	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		struct rig *rig = rig_open(1);
		rig->no_damage = true;
		assert_int_equal(rig_start(rig), STORE_OPEN);
		rig_send(rig, 20);
		rig_kill(rig);
		assert_int_equal(rig_start(rig), STORE_OPEN);
		rig_deliver_but(rig, 3);
		rig->now += jumps[i];
		for (int tends = 0; tends < 12; tends++)
			rig_tend(rig);
		assert_int_equal(rig->messages[2].stored.copy, 0);
		rig_power_cut(rig);
		assert_int_equal(rig_start(rig), STORE_OPEN);
		assert_int_equal(store_count(rig->store).messages, 1);
		assert_int_equal(rig->messages[2].stored.copy, 1); /* it was moved all the same */
		rig_judge(rig);
		rig_close(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(clocks_may_jump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
