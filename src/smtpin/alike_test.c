/* SPDX-License-Identifier: Apache-2.0 */
/* Equal refusals share lines of the journal; the time is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "journal/read.h"
#include "run/sim.h"
#include "smtpin/alike.h"
#include "run/task.h"

enum { LINES_MOST = 4000 };

struct scene {
	struct arena *arena;
	struct loop *loop;
	struct policy *policy;
	struct alike *alike;
	struct text room;
	struct id_source ids;
	struct journal_line lines[LINES_MOST];
	size_t count;
};

static void take_line(void *owner, struct slice line)
{
	struct scene *scene = owner;

	assert_true(scene->count < LINES_MOST);
	assert_true(journal_line_read(
		arena_slice(scene->arena, line), scene->arena, &scene->lines[scene->count++]));
}

static int scene_make(void **state)
{
	struct scene *scene = calloc(1, sizeof *scene);
	struct complaints complaints;
	struct bundle bundle;

	scene->arena = arena_new();
	scene->loop = sim_open(civil_to_wall((struct civil){2026, 1, 1, 9, 0, 0, 0}));
	scene->room = TEXT_GROWING;
	scene->ids.slot = 3;
	bundle_of_text(SLICE("test.conf"),
		SLICE("hostname mx.example.org\nlisten smtp \"127.0.0.1:0\"\n"
		      "domain example.org any recipient deliver via mx\n"),
		scene->arena, &bundle);
	complaints_init(&complaints);
	scene->policy = policy_load(&bundle, &complaints);
	complaints_free(&complaints);
	assert_non_null(scene->policy);
	scene->alike = alike_open(scene->loop, 1, take_line, scene);
	*state = scene;
	return 0;
}

static int scene_break(void **state)
{
	struct scene *scene = *state;

	alike_close(scene->alike);
	loop_close(scene->loop);
	policy_unref(scene->policy);
	text_free(&scene->room);
	arena_free(scene->arena);
	free(scene);
	return 0;
}

/* Gives back its id. */
static uint64_t refuse(struct scene *scene, const char *client, const char *recipient,
	enum verdict verdict, enum stage stage)
{
	struct facts facts = {.has_client = true, .listener = SLICE("smtp"), .has_recipient = true};
	struct decision decision = {.verdict = verdict,
		.reason = verdict == VERDICT_ACCEPT ? REASON_NONE : REASON_RELAY_DENIED,
		.code = 550,
		.words = SLICE("no"),
		.stage = stage,
		.possible = 1u << verdict};
	struct journal_decision line = {.policy = scene->policy,
		.facts = &facts,
		.decision = &decision,
		.id = id_next(&scene->ids, loop_wall(scene->loop)),
		.time = loop_wall(scene->loop)};

	if (stage != STAGE_CONNECT)
		line.session = SLICE("7K3Q-9MZD-2C4T");
	assert_true(address_parse(slice_of(client), &facts.client));
	facts.recipient.text = slice_of(recipient);
	alike_record(scene->alike, &line, &scene->room);
	return line.id;
}

static void sleep_a_while(struct task *task, void *arg)
{
	(void)arg;
	assert_int_equal(task_sleep(task, 2 * NS_PER_S), WAIT_READY);
}

static void pass_time(struct scene *scene)
{
	assert_true(task_start(scene->loop, "time", sleep_a_while, NULL));
	loop_run(scene->loop);
}

static bool finds(const struct journal_line *line, uint64_t id)
{
	return journal_query_matches(&(struct journal_query){.id = id}, line);
}

static void the_first_has_a_line_at_once_and_the_others_of_its_second_one_together(void **state)
{
	struct scene *scene = *state;
	uint64_t ids[50];

	for (size_t i = 0; i < 50; i++)
		ids[i] = refuse(scene, "192.0.2.7", "a@far.example", VERDICT_REFUSE, STAGE_RCPT);
	assert_int_equal(scene->count, 1);
	pass_time(scene);
	assert_int_equal(scene->count, 2);
	assert_int_equal(scene->lines[0].repeats, 0);
	assert_int_equal(scene->lines[1].repeats, 49);
	assert_true(scene->lines[1].id == ids[1] && scene->lines[1].first_id == ids[1]);
	assert_true(scene->lines[1].last_id == ids[49]);
	assert_true(finds(&scene->lines[0], ids[0]) && !finds(&scene->lines[0], ids[1]));
	assert_false(finds(&scene->lines[1], ids[0]));
	for (size_t i = 1; i < 50; i++)
		assert_true(finds(&scene->lines[1], ids[i]));
	struct id_source other = {.slot = 4};
	assert_false(finds(&scene->lines[1], id_next(&other, id_time(ids[25]))));
	(void)refuse(scene, "192.0.2.7", "a@far.example", VERDICT_REFUSE, STAGE_RCPT);
	assert_int_equal(scene->count, 3); /* a new second */
}

static void one_repetition_has_an_ordinary_line(void **state)
{
	struct scene *scene = *state;

	(void)refuse(scene, "192.0.2.7", "a@far.example", VERDICT_DEFER, STAGE_RCPT);
	uint64_t id = refuse(scene, "192.0.2.7", "a@far.example", VERDICT_DEFER, STAGE_RCPT);
	alike_flush(scene->alike);
	assert_int_equal(scene->count, 2);
	assert_true(scene->lines[1].id == id && scene->lines[1].repeats == 0);
}

static void what_differs_or_is_accepted_or_a_message_has_a_line_of_its_own(void **state)
{
	struct scene *scene = *state;

	(void)refuse(scene, "192.0.2.7", "a@far.example", VERDICT_REFUSE, STAGE_RCPT);
	(void)refuse(scene, "192.0.2.8", "a@far.example", VERDICT_REFUSE, STAGE_RCPT);
	(void)refuse(scene, "192.0.2.7", "b@far.example", VERDICT_REFUSE, STAGE_RCPT);
	(void)refuse(scene, "192.0.2.7", "a@far.example", VERDICT_REFUSE, STAGE_MAIL);
	assert_int_equal(scene->count, 4);
	for (int i = 0; i < 3; i++) {
		(void)refuse(scene, "192.0.2.7", "a@far.example", VERDICT_ACCEPT, STAGE_RCPT);
		(void)refuse(scene, "192.0.2.7", "a@far.example", VERDICT_REFUSE, STAGE_END);
	}
	assert_int_equal(scene->count, 10);
}

static void a_crowd_that_is_turned_away_is_counted_and_not_named(void **state)
{
	struct scene *scene = *state;
	uint64_t all = 0;

	for (unsigned i = 0; i < 3000; i++) {
		char client[32];
		struct text text = TEXT_FIXED(client);
		text_format(&text, "192.0.%u.%u", i / 200, i % 200);
		text_char(&text, '\0');
		(void)refuse(scene, client, "", VERDICT_DEFER, STAGE_CONNECT);
	}
	alike_flush(scene->alike);
	assert_int_equal(scene->count, 101);
	for (size_t i = 0; i < scene->count; i++)
		all += scene->lines[i].repeats ? scene->lines[i].repeats : 1;
	assert_int_equal(all, 3000);
	assert_int_equal(scene->lines[100].client.len, 0);
}

static void no_number_of_kinds_takes_more_than_so_much_memory(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < 3000; i++) {
		char recipient[32];
		struct text text = TEXT_FIXED(recipient);
		text_format(&text, "a%u@far.example", i);
		text_char(&text, '\0');
		(void)refuse(scene, "192.0.2.7", recipient, VERDICT_REFUSE, STAGE_RCPT);
	}
	assert_int_equal(scene->count, 3000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_make, scene_break)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_has_a_line_at_once_and_the_others_of_its_second_one_together),
		TEST(one_repetition_has_an_ordinary_line),
		TEST(what_differs_or_is_accepted_or_a_message_has_a_line_of_its_own),
		TEST(a_crowd_that_is_turned_away_is_counted_and_not_named),
		TEST(no_number_of_kinds_takes_more_than_so_much_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
