/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crashes by seed: the real store, writer and start-up over a disk in memory; the power is cut or
 * the process killed at any call, flushes and writes fail, start-up itself is cut.
 *
 * First with every rule on: nothing may be lost, altered or come back. CRASH_SEEDS sets how many
 * seeds; the one that failed is printed and CRASH_FIRST repeats it. Then with each rule off, one at
 * a time (mutation.h): a test that does not see this fail proves nothing about the rule.
 * CRASH_MUTANT_SEEDS sets how many seeds each may take, and adds those that need thousands.
 * CRASH_MUTATION=n tries one alone, and shows how it fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spool/mutation.h"
#include "spool/rig.h"
#include "spool/stories.h"

enum { SEEDS = 500, MUTANT_SEEDS = 0, MUTANT_ROUNDS = 40 };

static uint64_t number_of(const char *name, uint64_t usual)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : usual;
}

static void fault_choose(struct rig *rig, enum disk_call call, unsigned within)
{
	static const int errors[] = {EIO, ENOSPC, EIO, EDQUOT};

	if (rig_random(rig, 3) == 0)
		disk_memory_fail(rig->disk, call, 1 + (unsigned)rig_random(rig, within),
			errors[rig_random(rig, 4)]);
}

/* One stretch of work that the power may cut anywhere. */
static void work(struct rig *rig)
{
	for (uint64_t round = 1 + rig_random(rig, 5); round > 0; round--) {
		if (disk_memory_is_stopped(rig->disk) || rig->count + 16 > RIG_MESSAGES)
			return;
		rig_send(rig, rig_random(rig, 8));
		if (rig_random(rig, 6) == 0)
			rig_send_big(rig, rig_random(rig, 200000));
		if (rig_random(rig, 2))
			rig_deliver(rig, 1 + (unsigned)rig_random(rig, 3));
		if (rig_random(rig, 8) == 0) /* at recycling and copying */
			fault_choose(rig, DISK_FDATASYNC, 5);
		if (rig_random(rig, 3))
			rig_hear(rig);
		for (uint64_t i = rig_random(rig, 4); i > 0; i--)
			rig_tend(rig);
	}
}

static void faults_choose(struct rig *rig)
{
	fault_choose(rig, DISK_FDATASYNC, 30);
	fault_choose(rig, DISK_PWRITEV, 60);
	if (rig_random(rig, 4) == 0)
		fault_choose(rig, DISK_FSYNC, 6);
	/* Now and then the process does not live long enough to take anything back. */
	disk_memory_fatal(rig->disk, rig_random(rig, 6) == 0);
	disk_memory_disturb(rig->disk, rig_random(rig, 2));
}

static void end_somehow(struct rig *rig)
{
	if (rig_random(rig, 2))
		rig_power_cut(rig);
	else
		rig_kill(rig);
}

static void start_for_certain(struct rig *rig)
{
	enum store_open opened = rig_start(rig);

	/* With a rule switched off this counts as seen. */
	if (opened != STORE_OPEN && spool_mutation != NO_MUTATION)
		abort();
	if (opened != STORE_OPEN)
		fail_msg("seed %llu does not start: %.*s", (unsigned long long)rig->seed,
			SLICE_ARGS(text_slice(&rig->why)));
}

/* Start-up itself may be cut, any number of times; what comes up in between works as well. */
static void start_in_the_end(struct rig *rig)
{
	while (rig_random(rig, 3) == 0) {
		disk_memory_stop_at(rig->disk, 1 + rig_random(rig, 120));
		if (rig_random(rig, 3) == 0)
			faults_choose(rig);
		if (rig_start(rig) == STORE_OPEN)
			work(rig);
		end_somehow(rig);
	}
	start_for_certain(rig);
}

/* One copy of a header rots: once in a life, because two would be two. */
static void rot_one_header(struct rig *rig)
{
	char name[16];

	snprintf(name, sizeof name, "%06u", 1 + (unsigned)rig_random(rig, 6));
	disk_memory_flip(rig->disk, rig_random(rig, 6) ? "seg" : "big", name,
		rig_random(rig, 40 * 8) + (rig_random(rig, 2) ? SPOOL_BLOCK * 8 : 0));
}

static void life_choose(struct rig *rig)
{
	static const uint64_t segments[] = {40 << 10, 48 << 10, 64 << 10},
			      checkpoints[] = {12 << 10, 16 << 10, 32 << 10};

	rig->segment = segments[rig_random(rig, 3)];
	rig->checkpoint = checkpoints[rig_random(rig, 3)];
	rig->lazy = rig_random(rig, 2);
	rig->events = rig_random(rig, 2);
	rig->no_damage = rig_random(rig, 4) != 0;
	rig->forget =
		rig->seed % 4 == 3 ? 2 : 0; /* not by rig_random(): old seeds stay as they are */
}

/* What lives came to. */
struct tally {
	uint64_t acknowledged, crashes;
};

static void one_life(uint64_t seed, struct tally *tally)
{
	struct rig *rig = rig_open(seed);
	bool rots;

	life_choose(rig);
	rots = !rig->no_damage;
	for (uint64_t crash = 1 + rig_random(rig, 5); crash > 0; crash--) {
		start_in_the_end(rig);
		rig_judge(rig);
		faults_choose(rig);
		disk_memory_stop_at(rig->disk, 1 + rig_random(rig, rig_random(rig, 3) ? 500 : 40));
		work(rig);
		end_somehow(rig);
		if (rots && rig_random(rig, 2)) {
			rot_one_header(rig);
			rots = false;
		}
	}
	start_for_certain(rig);
	rig_judge(rig);
	tally->acknowledged += rig_acknowledged(rig);
	tally->crashes += rig->crashes;
	rig_close(rig);
}

static void nothing_acknowledged_is_lost_altered_or_resurrected(void **state)
{
	uint64_t first = number_of("CRASH_FIRST", 1), seeds = number_of("CRASH_SEEDS", SEEDS),
		 crashes = number_of("CRASH_POINTS", 0), seed = first;
	struct tally tally = {0};
	struct timespec began, ended;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &began);
	for (; crashes ? tally.crashes < crashes : seed < first + seeds; seed++)
		one_life(seed, &tally);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	print_message("%llu lives, %llu crashes, %llu messages acknowledged, %lld s\n",
		(unsigned long long)(seed - first), (unsigned long long)tally.crashes,
		(unsigned long long)tally.acknowledged, (long long)(ended.tv_sec - began.tv_sec));
	assert_true(seed - first < 100 || tally.acknowledged > seed - first);
}

/* With CRASH_STORY=n one alone, with CRASH_PLACE=m and CRASH_ROUND=k one place of it. */
static void stories_hold_with_faults_at_every_pair_of_places(void **state)
{
	(void)state;
	uint64_t rounds = number_of("CRASH_ROUNDS", 0);
	if (getenv("CRASH_STORY") && !getenv("CRASH_PLACE")) {
		story_tell_all((enum story_number)number_of("CRASH_STORY", 0), rounds, NULL);
		return;
	}
	if (getenv("CRASH_STORY")) {
		story_tell((struct told){(enum story_number)number_of("CRASH_STORY", 0),
			number_of("CRASH_PLACE", 0), number_of("CRASH_ROUND", 0)});
		return;
	}
	uint64_t lives = stories_tell(rounds, NULL);
	print_message("%llu lives\n", (unsigned long long)lives);
	assert_true(lives > 0);
}

/* Mutations */

/* Each rule, and the story that shows that it is needed. */
static const struct rule {
	const char *name;
	enum story_number story;
} rules[MUTATIONS] = {
	[HEADER_STANDS_ONCE] = {"the header stands once", STORY_SPENT},
	[HEADER_IS_NOT_REPAIRED] = {"an old copy of a header is left standing at start",
		STORY_SPENT},
	[UNUSED_HEADER_IS_TRUSTED] = {"a header without records is believed at start",
		STORY_HEADER_FAILS},
	[UNSURE_HEADER_IS_TRUSTED] = {"facts are forgotten for a header that could not be mended",
		STORY_MENDING_FAILS},
	[EPOCH_STAYS] = {"a segment keeps its epoch when it is used again", STORY_RESULTS},
	[BLOCK_IS_WRITTEN_AGAIN] = {"a block with acknowledged bytes is written again", STORY_MAIL},
	[FLUSH_IS_TRIED_AGAIN] = {"a failed flush is tried again", STORY_MAIL},
	[SUSPECT_IS_WRITTEN_ON] = {"a segment is written on after a failure", STORY_MAIL},
	[NOTHING_IS_VOIDED] = {"a failed batch is not taken back", STORY_MAIL},
	[ACKNOWLEDGED_BEFORE_FLUSH] = {"mail is acknowledged before the flush", STORY_MAIL},
	[DURABLE_TOLD_TOO_HIGH] = {"a header calls its own batch durable", STORY_MAIL},
	[RECYCLED_WITHOUT_FLUSH] = {"new headers are not flushed", STORY_RESULTS},
	[FAILED_HEADER_STAYS] = {"a header that could not be flushed stays visible",
		STORY_HEADER_FAILS},
	[RESULTS_FORGOTTEN_EARLY] = {"results are forgotten before the segment is used again",
		STORY_RESULTS},
	[REMOVED_WITHOUT_FLUSH] = {"a removal is not flushed", STORY_BIG_REMOVED},
	[COPY_WITHOUT_FLUSH] = {"a straggler's copy is not flushed", STORY_STRAGGLER_SHORT},
	[COPIES_SHARE_BLOCKS] = {"copies share blocks", STORY_SPENT},
	[COPIES_GIVEN_UP_EARLY] = {"copies are given up while none is proven",
		STORY_STRAGGLER_SHORT},
	[FAILED_FLUSH_AT_START_IS_FORGOTTEN] = {"a segment whose flush failed at start counts",
		STORY_STRAGGLER},
	[START_WITHOUT_FLUSH] = {"a segment is believed at start without a flush",
		STORY_STRAGGLER_SHORT},
	[FOLDERS_BELIEVED_WITHOUT_FLUSH] = {"names are believed at start without a flush",
		STORY_BIG},
	[NAME_WITHOUT_FLUSH] = {"a new segment's name is not flushed", STORY_MAIL},
	[RESULTS_BLOCK_IS_WRITTEN_AGAIN] = {"a flushed block of results is written again",
		STORY_RESULTS},
	[RESULTS_FLUSH_IS_TRIED_AGAIN] = {"a failed flush of results is tried again",
		STORY_RESULTS},
	[CHECKPOINT_WITHOUT_FLUSH] = {"a checkpoint is not flushed", STORY_RESULTS},
	[CHECKPOINT_FORGETS_EVENTS] = {"a checkpoint forgets the numbers of events", STORY_UNHEARD},
	[CHECKPOINT_MISSES_NEW_RESULTS] = {"results beside a checkpoint are not in it",
		STORY_CHECKPOINT},
	[NUMBER_IS_GIVEN_AGAIN] = {"the number of a segment that was given up is given again",
		STORY_NAME_RETURNS},
	[CUT_BEFORE_ITS_END] = {"a file is cut before a record says that it ends", STORY_ROOM},
	[END_IN_THE_HEADER] = {"the header of live mail is written anew", STORY_ROOM_ROTS},
	[CUT_AT_DURABLE] = {"a file is cut where the last `durable` is", STORY_ROOM},
	[RECYCLED_UNHEARD] = {"a segment is used again before its events are heard", STORY_UNHEARD},
};

/* Where a mutant is: what it dies of is read from here. */
struct progress {
	struct told told;
	uint64_t seed; /* 0: still at the stories */
};

/* A process of its own: it ends by abort() where a promise is broken. */
_Noreturn static void mutant_live(
	enum mutation mutation, uint64_t seeds, volatile struct progress *progress)
{
	struct tally tally = {0};

	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	if (!getenv("CRASH_MUTATION") && !freopen("/dev/null", "w", stderr))
		_exit(2);
	spool_mutation = mutation;
	story_tell_all(rules[mutation].story, MUTANT_ROUNDS, &progress->told);
	for (progress->seed = 1; progress->seed <= seeds; ++progress->seed)
		one_life(progress->seed, &tally);
	_exit(0);
}

static bool mutant_seen(enum mutation mutation, uint64_t seeds)
{
	int status = 0;
	struct progress *progress = mmap(
		NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(progress != MAP_FAILED);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0)
		mutant_live(mutation, seeds, progress);
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	const char *name = rules[mutation].name;
	if (!WIFSIGNALED(status))
		print_message("not seen: %s\n", name);
	else if (progress->seed)
		print_message("seed %llu: %s\n", (unsigned long long)progress->seed, name);
	else
		print_message("\"%s\", %llu: %s\n", story_name(progress->told.story),
			(unsigned long long)progress->told.place, name);
	munmap(progress, sizeof *progress);
	return WIFSIGNALED(status);
}

static void each_rule_switched_off_is_seen_to_fail(void **state)
{
	uint64_t seeds = number_of("CRASH_MUTANT_SEEDS", MUTANT_SEEDS);
	int only = (int)number_of("CRASH_MUTATION", NO_MUTATION);
	bool all = true;

	(void)state;
	for (int i = NO_MUTATION + 1; i < MUTATIONS; i++)
		if (!only || i == only)
			all = mutant_seen((enum mutation)i, seeds) && all;
	assert_true(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost_altered_or_resurrected),
		cmocka_unit_test(stories_hold_with_faults_at_every_pair_of_places),
		cmocka_unit_test(each_rule_switched_off_is_seen_to_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
