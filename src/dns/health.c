/* SPDX-License-Identifier: Apache-2.0 */
/* When lists are tested. The contract is in health.h. */
#include "dns/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/text.h"
#include "dns/list.h"

enum { WHY_MAX = 300 };
static const mono_ns again_healthy = 3600 * NS_PER_S;
static const mono_ns again_unhealthy = 60 * NS_PER_S;
static const mono_ns patience = 10 * NS_PER_S; /* for one list */

struct tested {
	struct list_state state;
	char *zone;
	char why[WHY_MAX];
	mono_ns due;
};

struct list_tests {
	struct loop *loop;
	struct dns *dns;
	void (*changed)(void *owner, const struct list_state *state);
	void (*done)(void *owner);
	void *owner;
	struct tested *lists;
	size_t count;
	uint64_t generation; /* of the set: a pointer into it does not survive a wait */
	bool running, closing;
	struct task *task;
	struct gate stir;
};

static void set_free(struct tested *lists, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(lists[i].zone);
	free(lists);
}

/* ---- one round ---- */

/* One list under test, by its own task. */
struct trial {
	struct list_tests *tests;
	size_t number;
	struct arena *arena;
	struct list_name name;
	bool told, believed;
	struct slice why;
};

static void trial_run(struct task *task, void *arg)
{
	struct trial *trial = arg;

	task_limit(task, patience);
	trial->told = list_test(task, trial->tests->dns, trial->name.zone, trial->name.of_domains,
			      trial->arena, &trial->believed, &trial->why) == WAIT_READY;
}

static void conclude(struct list_tests *tests, const struct trial *trial)
{
	struct tested *tested = &tests->lists[trial->number];
	enum list_health before = tested->state.health;
	struct text why = TEXT_FIXED(tested->why);

	text_escaped(&why, trial->why);
	tested->state.why = text_slice(&why);
	tested->state.health = trial->believed ? LIST_BELIEVED : LIST_NOT_BELIEVED;
	tested->state.tested = loop_wall(tests->loop);
	tested->due = loop_mono(tests->loop) + (trial->believed ? again_healthy : again_unhealthy);
	if (tested->state.health != before)
		tests->changed(tests->owner, &tested->state);
}

static size_t choose_due(struct list_tests *tests, struct trial *trials, struct arena *arena)
{
	mono_ns now = loop_mono(tests->loop);
	size_t count = 0;

	for (size_t i = 0; i < tests->count; i++) {
		const struct list_name *name = &tests->lists[i].state.name;
		if (tests->lists[i].due > now)
			continue;
		trials[count++] = (struct trial){.tests = tests,
			.number = i,
			.arena = arena,
			.name = {arena_slice(arena, name->zone), name->of_domains}};
	}
	return count;
}

/* All that are due, at once. A reload in the meantime throws the findings away. */
static void test_due(struct task *task, struct list_tests *tests)
{
	struct arena *arena = arena_new();
	struct trial *trials = ARENA_ARRAY(arena, struct trial, tests->count);
	size_t count = choose_due(tests, trials, arena);
	uint64_t generation = tests->generation;
	struct task_group group;

	group_init(&group, tests->loop);
	for (size_t i = 0; i < count; i++)
		if (!group_start(&group, "list test", trial_run, &trials[i]))
			trials[i].told = false;
	if (group_wait(task, &group) == WAIT_CANCELLED)
		count = 0;
	for (size_t i = 0; i < count && generation == tests->generation && !tests->closing; i++)
		if (trials[i].told)
			conclude(tests, &trials[i]);
		else
			tests->lists[trials[i].number].due =
				loop_mono(tests->loop) + again_unhealthy;
	arena_free(arena);
}

static mono_ns next_due(const struct list_tests *tests)
{
	mono_ns next = NEVER;

	for (size_t i = 0; i < tests->count; i++)
		if (tests->lists[i].due < next)
			next = tests->lists[i].due;
	return next;
}

static void wait_for_due(struct task *task, struct list_tests *tests)
{
	mono_ns next = next_due(tests), now = loop_mono(tests->loop);
	mono_ns outer = task_limit(task, next == NEVER ? NEVER - now : next > now ? next - now : 0);

	if (next > now &&
		gate_wait(task, &tests->stir, "the next test of a list") == WAIT_CANCELLED)
		tests->closing = true;
	task_restore(task, outer);
}

static void tests_run(struct task *task, void *arg)
{
	struct list_tests *tests = arg;

	tests->task = task;
	while (!tests->closing) {
		wait_for_due(task, tests);
		if (!tests->closing)
			test_due(task, tests);
	}
	void (*done)(void *) = tests->done;
	void *owner = tests->owner;
	set_free(tests->lists, tests->count);
	free(tests);
	done(owner);
}

/* ---- the set ---- */

struct list_tests *list_tests_open(struct loop *loop, struct dns *dns,
	void (*changed)(void *owner, const struct list_state *state), void *owner)
{
	struct list_tests *tests = calloc(1, sizeof *tests);

	panic_if(!tests, "out of memory");
	*tests = (struct list_tests){.loop = loop, .dns = dns, .changed = changed, .owner = owner};
	gate_init(&tests->stir);
	panic_if(!task_start(loop, "list tests", tests_run, tests), "no memory for a task");
	return tests;
}

static const struct tested *find(const struct list_tests *tests, const struct list_name *name)
{
	for (size_t i = 0; i < tests->count; i++) {
		const struct list_name *there = &tests->lists[i].state.name;
		if (there->of_domains == name->of_domains && slice_is(there->zone, name->zone))
			return &tests->lists[i];
	}
	return NULL;
}

static void tested_begin(
	struct tested *tested, const struct list_name *name, const struct tested *before)
{
	tested->zone = malloc(name->zone.len + 1);
	panic_if(!tested->zone, "out of memory");
	if (name->zone.len)
		memcpy(tested->zone, name->zone.at, name->zone.len);
	tested->state.name = (struct list_name){{tested->zone, name->zone.len}, name->of_domains};
	if (!before)
		return;
	memcpy(tested->why, before->why, sizeof tested->why);
	tested->state.health = before->state.health;
	tested->state.tested = before->state.tested;
	tested->state.why = (struct slice){tested->why, before->state.why.len};
}

void list_tests_use(struct list_tests *tests, const struct list_name *names, size_t count)
{
	struct tested *lists = calloc(count + 1, sizeof *lists);

	panic_if(!lists, "out of memory");
	for (size_t i = 0; i < count; i++)
		tested_begin(&lists[i], &names[i], find(tests, &names[i]));
	set_free(tests->lists, tests->count);
	tests->lists = lists;
	tests->count = count;
	tests->generation++;
	gate_open(&tests->stir);
}

size_t list_tests_count(const struct list_tests *tests)
{
	return tests->count;
}

const struct list_state *list_tests_state(const struct list_tests *tests, size_t number)
{
	return &tests->lists[number].state;
}

void list_tests_close(struct list_tests *tests, void (*done)(void *owner))
{
	tests->closing = true;
	tests->done = done;
	if (tests->task)
		task_cancel(tests->task);
}
