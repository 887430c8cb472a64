/* SPDX-License-Identifier: Apache-2.0 */
/* Power cuts and kills at every disk call, in the simulated loop over a disk in memory: nothing
 * acknowledged is lost or altered, nothing done and flushed comes back. CRASH_SEEDS sets how many
 * seeds; the one that failed is printed and CRASH_FIRST repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "spool/rig.h"

enum { SEEDS = 1500 };

static uint64_t number_of(const char *name, uint64_t usual)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : usual;
}

/* One stretch of work that the power may cut anywhere. */
static void work(struct rig *rig)
{
	for (uint64_t round = 1 + rig_random(rig, 4); round > 0; round--) {
		if (disk_memory_is_stopped(rig->disk) || rig->count + 16 > RIG_MESSAGES)
			return;
		rig_send(rig, rig_random(rig, 8));
		if (rig_random(rig, 6) == 0)
			rig_send_big(rig, rig_random(rig, 200000));
		if (rig_random(rig, 2))
			rig_deliver(rig, 1 + (unsigned)rig_random(rig, 3));
		if (rig_random(rig, 2))
			rig_tend(rig);
	}
}

static void faults_choose(struct rig *rig)
{
	static const int errors[] = {EIO, ENOSPC, EIO, EDQUOT};

	if (rig_random(rig, 3) == 0)
		disk_memory_fail(rig->disk, DISK_FDATASYNC, 1 + (unsigned)rig_random(rig, 30),
			errors[rig_random(rig, 4)]);
	if (rig_random(rig, 3) == 0)
		disk_memory_fail(rig->disk, DISK_PWRITEV, 1 + (unsigned)rig_random(rig, 60),
			errors[rig_random(rig, 4)]);
	disk_memory_disturb(rig->disk, rig_random(rig, 2));
}

static void end_somehow(struct rig *rig)
{
	if (rig_random(rig, 4))
		rig_power_cut(rig);
	else
		rig_kill(rig);
}

static void start_for_certain(struct rig *rig)
{
	if (rig_start(rig) != STORE_OPEN)
		fail_msg("seed %llu does not start: %.*s", (unsigned long long)rig->seed,
			SLICE_ARGS(text_slice(&rig->why)));
}

/* Start-up itself may be cut, any number of times. */
static void start_in_the_end(struct rig *rig)
{
	while (rig_random(rig, 3) == 0) {
		disk_memory_stop_at(rig->disk, 1 + rig_random(rig, 120));
		if (rig_start(rig) == STORE_OPEN)
			work(rig);
		end_somehow(rig);
	}
	start_for_certain(rig);
}

static size_t one_life(uint64_t seed)
{
	struct rig *rig = rig_open(seed);

	for (uint64_t crash = 1 + rig_random(rig, 4); crash > 0; crash--) {
		start_in_the_end(rig);
		rig_judge(rig);
		faults_choose(rig);
		disk_memory_stop_at(rig->disk, 1 + rig_random(rig, 400));
		work(rig);
		end_somehow(rig);
	}
	start_for_certain(rig);
	rig_judge(rig);
	size_t acknowledged = rig_acknowledged(rig);
	rig_close(rig);
	return acknowledged;
}

static void nothing_acknowledged_is_lost_altered_or_resurrected(void **state)
{
	uint64_t first = number_of("CRASH_FIRST", 1), seeds = number_of("CRASH_SEEDS", SEEDS);
	size_t acknowledged = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + seeds; seed++)
		acknowledged += one_life(seed);
	print_message(
		"%llu lives, %zu messages acknowledged\n", (unsigned long long)seeds, acknowledged);
	assert_true(seeds < 100 || acknowledged > seeds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost_altered_or_resurrected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
