/* SPDX-License-Identifier: Apache-2.0 */
#include "role/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "packets/report.h"
#include "run/task.h"

/* A role and control, over a channel in one loop. */
struct scene {
	struct loop *loop;
	struct told told;
	struct channel *control;
	struct text lines, answers; /* as control has them; lines end in LF */
	uint64_t dropped;
	size_t last; /* answers that were whole */
	uint32_t taken;
	uint64_t asker;
	bool takes;
};

static void answer(void *owner, struct slice question, struct text *out)
{
	(void)owner;
	for (unsigned i = 0; i < 10000; i++) /* more than a channel takes at once */
		text_format(out, "%.*s %u\n", SLICE_ARGS(question), i);
}

static bool take(void *owner, struct slice question, uint32_t request, uint64_t asker)
{
	struct scene *scene = owner;

	(void)question;
	scene->taken = request;
	scene->asker = asker;
	return scene->takes;
}

static void control_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct report_answer piece;
	uint64_t count;

	(void)channel, (void)fd;
	if (type == REPORT_LINE) {
		text_put(&scene->lines, body);
		text_char(&scene->lines, '\n');
	} else if (type == REPORT_DROPPED && report_count_read(body, &count)) {
		scene->dropped += count;
	} else if (type == REPORT_ANSWER && report_answer_read(body, &piece)) {
		text_put(&scene->answers, piece.piece);
		scene->last += piece.last;
	}
}

static void control_gone(void *owner, struct channel *channel)
{
	struct scene *scene = owner;

	channel_close(channel);
	scene->control = NULL;
}

static void control_begin(struct scene *scene)
{
	int fds[2];

	assert_true(channel_pair(fds));
	scene->control = channel_open(scene->loop, fds[0],
		(struct channel_user){
			.receive = control_receive, .gone = control_gone, .owner = scene});
	told_open(&scene->told, fds[1]);
}

static void control_end(struct scene *scene)
{
	channel_close(scene->control);
	scene->control = NULL;
}

/* Several turns of the loop, however late each is: what waited for company leaves in one, arrives
 * in the next and is answered in a third. */
static void a_while(struct task *task, void *arg)
{
	(void)arg;
	for (int turns = 0; turns < 8; turns++)
		assert_int_equal(task_sleep(task, 3 * NS_PER_MS), WAIT_READY);
	loop_stop(task_loop(task));
}

static void run(struct scene *scene)
{
	assert_true(task_start(scene->loop, "a while", a_while, NULL));
	loop_run(scene->loop);
}

static void ask(struct scene *scene, const char *question)
{
	char body[100];
	struct writer out = writer_over(body, sizeof body);

	report_ask_write(&out, &(struct report_ask){7, slice_of(question)});
	assert_int_equal(channel_send(scene->control, REPORT_ASK, writer_slice(&out), -1), SENT);
}

static void scene_open(struct scene *scene)
{
	*scene =
		(struct scene){.loop = loop_open(), .lines = TEXT_GROWING, .answers = TEXT_GROWING};
	told_init(&scene->told, scene->loop, &(struct told_user){answer, take, scene});
}

static void scene_close(struct scene *scene)
{
	told_close(&scene->told);
	channel_close(scene->control);
	text_free(&scene->lines);
	text_free(&scene->answers);
	loop_close(scene->loop);
}

static void lines_wait_for_control_in_order_and_are_counted_where_there_is_no_room(void **state)
{
	static const char long_line[2000];
	struct scene scene;
	unsigned most = CHANNEL_QUEUE_MAX / 2 / (sizeof long_line + sizeof(uint16_t));

	(void)state;
	scene_open(&scene);
	told_record(&scene.told, SLICE("first"));
	told_record(&scene.told, SLICE("second"));
	control_begin(&scene);
	told_record(&scene.told, SLICE("third"));
	run(&scene);
	assert_true(slice_is(text_slice(&scene.lines), SLICE("first\nsecond\nthird\n")));
	control_end(&scene);
	run(&scene);
	for (unsigned i = 0; i < most + 5; i++)
		told_record(&scene.told, (struct slice){long_line, sizeof long_line});
	control_begin(&scene);
	told_record(&scene.told, SLICE("last"));
	run(&scene);
	assert_int_equal(scene.dropped, 5);
	assert_true(scene.lines.len > most * sizeof long_line);
	scene_close(&scene);
}

static void a_long_answer_leaves_in_pieces(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	control_begin(&scene);
	ask(&scene, "status");
	run(&scene);
	assert_int_equal(scene.last, 1);
	assert_int_equal(scene.taken, 7);
	assert_true(slice_starts(text_slice(&scene.answers), SLICE("status 0\nstatus 1\n")));
	assert_true(slice_ends_nocase(text_slice(&scene.answers), SLICE("\nstatus 9999\n")));
	scene_close(&scene);
}

static void what_is_answered_later_is_for_who_asked_alone(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.takes = true;
	control_begin(&scene);
	ask(&scene, "user");
	run(&scene);
	assert_int_equal(scene.last, 0);
	told_later(&scene.told, scene.taken, scene.asker, SLICE("made"));
	run(&scene);
	assert_true(slice_is(text_slice(&scene.answers), SLICE("made")));
	control_end(&scene);
	run(&scene);
	told_later(&scene.told, scene.taken, scene.asker, SLICE("nobody"));
	control_begin(&scene);
	told_later(&scene.told, scene.taken, scene.asker, SLICE("another"));
	run(&scene);
	assert_true(slice_is(text_slice(&scene.answers), SLICE("made")));
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			lines_wait_for_control_in_order_and_are_counted_where_there_is_no_room),
		cmocka_unit_test(a_long_answer_leaves_in_pieces),
		cmocka_unit_test(what_is_answered_later_is_for_who_asked_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
