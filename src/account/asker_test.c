/* SPDX-License-Identifier: Apache-2.0 */
/* The way to accounts, over a channel to a peer that the test plays. */
#include "account/asker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

struct scene {
	struct loop *loop;
	struct asker *asker;
	struct channel *peer;
	unsigned asked, changed, packets; /* packets: of an answer */
	bool mute, changes;               /* changes: one before each answer */
	struct asker_answer answer;
	enum signin_found found;
};

static void say_answer(struct scene *scene, uint32_t request, bool more)
{
	static char body[CHANNEL_BODY_MAX], packed[SIGNIN_TEXTS_MAX];
	struct writer out = writer_over(body, sizeof body),
		      texts = writer_over(packed, sizeof packed);

	for (unsigned i = 0; i < 50; i++)
		signin_text_write(&texts, &(struct signin_text){SLICE("a@b.example"), 7});
	signin_answer_write(&out, &(struct signin_answer){.request = request,
					  .found = ANSWER_FOUND,
					  .more = more,
					  .count = 50,
					  .texts = writer_slice(&texts),
					  .because = SLICE("the test")});
	assert_int_equal(channel_send(scene->peer, SIGNIN_ANSWER, writer_slice(&out), -1), SENT);
}

static struct slice changed_body(char *body, size_t size)
{
	struct writer out = writer_over(body, size);

	signin_changed_write(&out, &(struct signin_changed){SLICE("alice")});
	return writer_slice(&out);
}

static void say_changed(struct scene *scene)
{
	char body[64];

	assert_int_equal(
		channel_send(scene->peer, SIGNIN_CHANGED, changed_body(body, sizeof body), -1),
		SENT);
}

static void peer_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct signin_ask ask;

	(void)channel, (void)fd;
	if (type != SIGNIN_ASK)
		return;
	assert_true(signin_ask_read(body, &ask));
	scene->asked++;
	if (scene->changes)
		say_changed(scene);
	for (unsigned i = 1; !scene->mute && i <= scene->packets; i++)
		say_answer(scene, ask.request, i < scene->packets);
}

static void peer_gone(void *owner, struct channel *channel)
{
	(void)owner, (void)channel;
}

static void note_changed(void *owner, struct slice account)
{
	struct scene *scene = owner;

	(void)account;
	scene->changed++;
}

static int setup(void **state)
{
	static struct scene scene;
	int fds[2];

	scene = (struct scene){.loop = loop_open(), .packets = 1};
	scene.asker = asker_open(scene.loop);
	asker_watch(scene.asker, note_changed, &scene);
	assert_true(channel_pair(fds));
	scene.peer = channel_open(scene.loop, fds[1],
		(struct channel_user){.receive = peer_receive, .gone = peer_gone, .owner = &scene});
	asker_connect(scene.asker, fds[0]);
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	asker_close(scene->asker);
	channel_close(scene->peer);
	loop_close(scene->loop);
	return 0;
}

static void ask_with(struct scene *scene, void (*run)(struct task *, void *))
{
	assert_true(task_start(scene->loop, "ask", run, scene));
	loop_run(scene->loop);
}

static void stands_run(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct arena *arena = arena_new();

	assert_int_equal(asker_ask(task, scene->asker, ASK_STANDS, SLICE("alice"), NULL, arena,
				 &scene->answer),
		WAIT_READY);
	scene->found = scene->answer.found;
	arena_free(arena);
	loop_stop(scene->loop);
}

static void owned_run(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct arena *arena = arena_new();

	assert_int_equal(asker_ask(task, scene->asker, ASK_OWNED, SLICE("alice"), NULL, arena,
				 &scene->answer),
		WAIT_READY);
	scene->found = scene->answer.found;
	for (size_t i = 0; i < scene->answer.count; i++) {
		assert_true(slice_is(scene->answer.texts[i], SLICE("a@b.example")));
		assert_int_equal(scene->answer.times[i], 7);
	}
	arena_free(arena);
	loop_stop(scene->loop);
}

static void that_an_account_stands_is_asked_once_until_it_changes(void **state)
{
	struct scene *scene = *state;
	char body[64];

	for (unsigned i = 0; i < 5; i++) {
		ask_with(scene, stands_run);
		assert_int_equal(scene->found, ANSWER_FOUND);
	}
	assert_int_equal(scene->asked, 1);
	asker_receive(scene->asker, SIGNIN_CHANGED, changed_body(body, sizeof body));
	assert_int_equal(scene->changed, 1);
	ask_with(scene, stands_run);
	assert_int_equal(scene->asked, 2);
}

/* The store was read before the change, and the answer left after it. */
static void what_an_account_was_before_a_change_is_not_kept(void **state)
{
	struct scene *scene = *state;

	scene->changes = true;
	ask_with(scene, stands_run);
	assert_int_equal(scene->found, ANSWER_FOUND);
	scene->changes = false;
	ask_with(scene, stands_run);
	assert_int_equal(scene->asked, 2);
	ask_with(scene, stands_run);
	assert_int_equal(scene->asked, 2);
}

static void long_answers_come_in_many_packets(void **state)
{
	struct scene *scene = *state;

	scene->packets = 20;
	ask_with(scene, owned_run);
	assert_int_equal(scene->found, ANSWER_FOUND);
	assert_int_equal(scene->answer.count, 1000);
}

static void an_answer_without_end_is_none(void **state)
{
	struct scene *scene = *state;

	scene->packets = ANSWER_TEXTS_MOST / 50 + 2;
	ask_with(scene, owned_run);
	assert_int_equal(scene->found, ANSWER_CANNOT_TELL);
	assert_int_equal(scene->answer.count, 0);
}

static void die_run(struct task *task, void *arg)
{
	struct scene *scene = arg;

	assert_int_equal(task_sleep(task, 20 * NS_PER_MS), WAIT_READY);
	channel_close(scene->peer);
	scene->peer = NULL;
}

static void who_dies_while_asked_cannot_tell_at_once(void **state)
{
	struct scene *scene = *state;

	scene->mute = true;
	assert_true(task_start(scene->loop, "die", die_run, scene));
	ask_with(scene, owned_run);
	assert_int_equal(scene->found, ANSWER_CANNOT_TELL);
	assert_false(asker_is_there(scene->asker));
	assert_int_equal(scene->changed, 1); /* nothing that it said is believed any longer */
	ask_with(scene, stands_run);
	assert_int_equal(scene->found, ANSWER_CANNOT_TELL);
}

static void without_an_asker_nobody_can_tell(void **state)
{
	struct scene *scene = *state;

	asker_close(scene->asker);
	scene->asker = NULL;
	ask_with(scene, owned_run);
	assert_int_equal(scene->found, ANSWER_CANNOT_TELL);
	assert_int_equal(asker_offered(NULL).len, 0);
	assert_false(asker_is_there(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(that_an_account_stands_is_asked_once_until_it_changes),
		TEST(what_an_account_was_before_a_change_is_not_kept),
		TEST(long_answers_come_in_many_packets),
		TEST(an_answer_without_end_is_none),
		TEST(who_dies_while_asked_cannot_tell_at_once),
		TEST(without_an_asker_nobody_can_tell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
