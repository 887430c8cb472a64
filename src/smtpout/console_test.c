/* SPDX-License-Identifier: Apache-2.0 */
/* What control asks out about mailboxes: the two forms, and the way of a question through told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dns/fake.h"
#include "packets/report.h"
#include "run/sim.h"
#include "smtpout/console.h"

static void a_question_about_a_mailbox_is_told_from_others(void **state)
{
	static const struct {
		const char *question;
		bool is_ours;
		const char *address;
	} rows[] = {
		{"{\"ask\":\"mailbox\",\"address\":\"bob@a.example\"}", true, "bob@a.example"},
		{"{\"address\":\"b\\u00fcrger@a.example\",\"ask\":\"mailbox\"}", true,
			"b\xc3\xbcrger@a.example"},
		{"{\"ask\":\"mailbox\"}", true, ""},
		{"{\"ask\":\"mailbox\",\"address\":7}", true, ""},
		{"{\"ask\":\"status\",\"address\":\"bob@a.example\"}", false, ""},
		{"{\"ask\":[\"mailbox\"]}", false, ""},
		{"{\"ask\":\"mailbox\",\"ask\":\"mailbox\"}", false, ""},
		{"[\"ask\",\"mailbox\"]", false, ""},
		{"{\"ask\":\"mailbox\"", false, ""},
		{"", false, ""},
	};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice address;
		assert_int_equal(
			console_read(slice_of(rows[i].question), arena, &address), rows[i].is_ours);
		assert_true(slice_is(address, slice_of(rows[i].address)));
	}
	assert_false(console_read(SLICE_NONE, arena, &(struct slice){0}));
	arena_free(arena);
}

static void the_answer_says_yes_no_or_that_nobody_can_tell(void **state)
{
	static const struct {
		enum asking_found found;
		const char *json;
	} rows[] = {
		{ASKING_KNOWN, "{\"address\":\"a\\\"@b\",\"known\":true,\"because\":\"said so\"}"},
		{ASKING_UNKNOWN,
			"{\"address\":\"a\\\"@b\",\"known\":false,\"because\":\"said so\"}"},
		{ASKING_CANNOT_TELL,
			"{\"address\":\"a\\\"@b\",\"known\":null,\"because\":\"said so\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct asking_answer answer = {
			.found = (uint8_t)rows[i].found, .because = SLICE("said so")};
		struct text json = TEXT_GROWING;
		console_write(&json, SLICE("a\"@b"), &answer);
		text_char(&json, '\0');
		assert_string_equal(json.at, rows[i].json);
		text_free(&json);
	}
}

/* ---- through told ---- */

struct scene {
	struct loop *loop;
	struct arena *arena;
	struct asked *asked;
	struct told told;
	struct channel *control;
	struct text heard; /* answers: their numbers and what they say */
};

static void say(void *owner, bool is_trouble, const char *event, struct slice words)
{
	(void)owner, (void)is_trouble, (void)event, (void)words;
}

static void nothing(void *owner)
{
	(void)owner;
}

static void answer_else(void *owner, struct slice question, struct text *out)
{
	(void)owner, (void)question;
	text_put(out, SLICE("another"));
}

static bool take(void *owner, struct slice question, uint32_t request, uint64_t asker)
{
	struct scene *scene = owner;

	return console_ask(scene->asked, &scene->told, question, request, asker);
}

static void control_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct report_answer answer;

	(void)channel;
	assert_int_equal(fd, -1);
	assert_int_equal(type, REPORT_ANSWER);
	assert_true(report_answer_read(body, &answer));
	assert_true(answer.last);
	text_format(&scene->heard, "%u %.*s\n", answer.request, SLICE_ARGS(answer.piece));
}

static void control_gone(void *owner, struct channel *channel)
{
	struct scene *scene = owner;

	channel_close(channel);
	scene->control = NULL;
}

static void control_ask(struct scene *scene, uint32_t request, const char *question)
{
	char body[512];
	struct writer out = writer_over(body, sizeof body);

	report_ask_write(&out, &(struct report_ask){request, slice_of(question)});
	assert_int_equal(channel_send(scene->control, REPORT_ASK, writer_slice(&out), -1), SENT);
}

static void a_mailbox_is_answered_for_and_everything_else_by_the_role(void **state)
{
	struct scene scene = {.loop = sim_open(0), .arena = arena_new(), .heard = TEXT_GROWING};
	int fds[2];

	(void)state;
	scene.asked = asked_open(scene.loop, dns_fake_new(scene.arena, SLICE("")), NULL, NULL,
		(struct asked_link){say, nothing, NULL});
	told_init(&scene.told, scene.loop, &(struct told_user){answer_else, take, &scene});
	assert_true(channel_pair(fds));
	scene.control = channel_open(scene.loop, fds[0],
		(struct channel_user){
			.receive = control_receive, .gone = control_gone, .owner = &scene});
	told_open(&scene.told, fds[1]);
	control_ask(&scene, 7, "{\"ask\":\"mailbox\",\"address\":\"bob@a.example\"}");
	control_ask(&scene, 8, "{\"ask\":\"status\"}");
	loop_run(scene.loop);
	text_char(&scene.heard, '\0');
	assert_true(slice_matches(slice_of(scene.heard.at),
		SLICE("7 {\"address\":\"bob@a.example\",\"known\":null,*}\n8 another\n")));
	told_close(&scene.told);
	loop_run(scene.loop);
	channel_close(scene.control);
	asked_stop(scene.asked);
	asked_close(scene.asked);
	text_free(&scene.heard);
	loop_close(scene.loop);
	arena_free(scene.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_about_a_mailbox_is_told_from_others),
		cmocka_unit_test(the_answer_says_yes_no_or_that_nobody_can_tell),
		cmocka_unit_test(a_mailbox_is_answered_for_and_everything_else_by_the_role),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
