/* SPDX-License-Identifier: Apache-2.0 */
/* The directory over a real SQLite file: the test is an edge, and the one who changes accounts. */
#include "accounts/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "account/database.h"
#include "base/arena.h"
#include "base/testing.h"

struct scene {
	char folder[64], path[96];
	struct role role;
	struct directory *directory;
	struct directory_peer *peer;
	struct channel *ours, *theirs;
	unsigned answers, changes;
	struct signin_answer last;
	char texts[65536], because[400]; /* texts of all pieces, each with a comma */
	struct text said, words;
	char words_room[600];
};

static void edge_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct signin_changed changed;
	struct signin_text text;

	(void)channel, (void)fd;
	if (type == SIGNIN_CHANGED && signin_changed_read(body, &changed)) {
		scene->changes++;
		return;
	}
	assert_int_equal(type, SIGNIN_ANSWER);
	assert_true(signin_answer_read(body, &scene->last));
	struct reader in = reader_of(scene->last.texts);
	for (uint16_t i = 0; i < scene->last.count; i++) {
		assert_true(signin_text_read(&in, &text));
		text_put(&scene->said, text.text);
		text_char(&scene->said, ',');
	}
	snprintf(scene->because, sizeof scene->because, "%.*s", SLICE_ARGS(scene->last.because));
	scene->answers += !scene->last.more;
	loop_stop(scene->role.loop);
}

static void role_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;

	(void)channel, (void)fd;
	assert_true(directory_receive(scene->peer, type, body));
}

static void gone(void *owner, struct channel *channel)
{
	(void)owner, (void)channel;
}

static bool use(struct scene *scene, const char *text)
{
	struct arena *arena = arena_new();
	struct complaints complaints;
	struct bundle bundle;

	complaints_init(&complaints);
	bundle_of_text(SLICE("test"), slice_of(text), arena, &bundle);
	struct policy *policy = policy_load(&bundle, &complaints);
	assert_non_null(policy);
	scene->words = (struct text){.at = scene->words_room, .size = sizeof scene->words_room - 1};
	memset(scene->words_room, 0, sizeof scene->words_room);
	bool good = directory_prepare(scene->directory, policy, &scene->words);
	if (good)
		directory_switch_over(scene->directory);
	policy_unref(policy);
	complaints_free(&complaints);
	arena_free(arena);
	return good;
}

static const char *configuration(const struct scene *scene, const char *path, const char *more)
{
	static char text[400];

	(void)scene;
	snprintf(text, sizeof text, "accounts sqlite \"%s\" %s\n", path, more);
	return text;
}

static void scene_open(struct scene *scene, const char *more)
{
	int fds[2];

	memset(scene, 0, sizeof *scene);
	scene->said = (struct text){.at = scene->texts, .size = sizeof scene->texts - 1};
	assert_non_null(testing_folder(scene->folder, sizeof scene->folder, "directory-test"));
	snprintf(scene->path, sizeof scene->path, "%s/a.db", scene->folder);
	scene->role.loop = loop_open();
	scene->directory = directory_open(&scene->role);
	if (!use(scene, configuration(scene, scene->path, more)))
		fail_msg("%s", scene->words_room);
	assert_true(channel_pair(fds));
	scene->ours = channel_open(
		scene->role.loop, fds[0], (struct channel_user){edge_receive, gone, NULL, scene});
	scene->theirs = channel_open(
		scene->role.loop, fds[1], (struct channel_user){role_receive, gone, NULL, scene});
	scene->peer = directory_peer_open(scene->directory, scene->theirs);
}

static void close_task(struct task *task, void *arg)
{
	struct scene *scene = arg;

	directory_close(task, scene->directory);
	loop_stop(scene->role.loop);
}

static void scene_close(struct scene *scene)
{
	char command[128];

	directory_peer_close(scene->peer);
	channel_close(scene->ours);
	channel_close(scene->theirs);
	assert_true(task_start(scene->role.loop, "close", close_task, scene));
	while (task_count(scene->role.loop) > 0)
		loop_run(scene->role.loop);
	loop_close(scene->role.loop);
	snprintf(command, sizeof command, "rm -rf %s", scene->folder);
	assert_int_equal(system(command), 0);
}

static enum signin_found ask(
	struct scene *scene, enum signin_question question, const char *subject)
{
	char body[600];
	struct writer out = writer_over(body, sizeof body);
	unsigned before = scene->answers;

	text_clear(&scene->said);
	memset(scene->texts, 0, sizeof scene->texts);
	signin_ask_write(&out,
		&(struct signin_ask){
			.request = 7, .question = (uint8_t)question, .subject = slice_of(subject)});
	assert_int_equal(channel_send(scene->ours, SIGNIN_ASK, writer_slice(&out), -1), SENT);
	while (scene->answers == before)
		loop_run(scene->role.loop);
	assert_int_equal(scene->last.request, 7);
	return (enum signin_found)scene->last.found;
}

struct doing {
	struct scene *scene;
	const char *question;
	char answer[1000];
};

static void user_task(struct task *task, void *arg)
{
	struct doing *doing = arg;
	json_t *question = json_loads(doing->question, 0, NULL);
	struct text out = TEXT_GROWING;

	assert_non_null(question);
	directory_user(task, doing->scene->directory, question, &out);
	snprintf(doing->answer, sizeof doing->answer, "%.*s", SLICE_ARGS(text_slice(&out)));
	text_free(&out);
	json_decref(question);
	loop_stop(doing->scene->role.loop);
}

/* The answer, until the next call. */
static const char *user(struct scene *scene, const char *question)
{
	static struct doing doing;

	doing = (struct doing){.scene = scene, .question = question};
	assert_true(task_start(scene->role.loop, "user", user_task, &doing));
	while (task_count(scene->role.loop) > 0)
		loop_run(scene->role.loop);
	return doing.answer;
}

static void add_alice(struct scene *scene)
{
	assert_string_equal(
		user(scene,
			"{\"act\":\"add\",\"login\":\"Alice@a.example\",\"password\":\"secret\","
			"\"owns\":[\"Sales@a.example\",\"*@b.example\"],\"groups\":[\"staff\"]}"),
		"{\"act\":\"add\",\"login\":\"alice@a.example\",\"changed\":true}\n");
}

static void questions_are_answered_from_the_database(void **state)
{
	struct scene *scene = malloc(sizeof *scene);

	(void)state;
	scene_open(scene, "");
	add_alice(scene);
	assert_int_equal(ask(scene, ASK_STANDS, "alice@a.example"), ANSWER_FOUND);
	assert_string_equal(scene->because, "sqlite: found");
	assert_int_equal(ask(scene, ASK_STANDS, "ALICE@a.example"), ANSWER_FOUND);
	assert_int_equal(ask(scene, ASK_STANDS, "bob@a.example"), ANSWER_NOT_FOUND);
	assert_int_equal(ask(scene, ASK_GROUPS, "alice@a.example"), ANSWER_FOUND);
	assert_string_equal(scene->texts, "staff,");
	assert_int_equal(ask(scene, ASK_OWNED, "alice@a.example"), ANSWER_FOUND);
	assert_string_equal(scene->texts, "*@b.example,Sales@a.example,alice@a.example,");
	assert_int_equal(ask(scene, ASK_MAILBOX, "sales@a.example"), ANSWER_FOUND);
	assert_int_equal(ask(scene, ASK_MAILBOX, "alice+tag@a.example"), ANSWER_FOUND);
	assert_int_equal(ask(scene, ASK_MAILBOX, "any@b.example"), ANSWER_NOT_FOUND);
	assert_int_equal(ask(scene, ASK_MAILBOX, "no address"), ANSWER_NOT_FOUND);
	scene_close(scene);
	free(scene);
}

static void a_change_is_true_at_once_and_told(void **state)
{
	struct scene *scene = malloc(sizeof *scene);

	(void)state;
	scene_open(scene, "");
	assert_int_equal(ask(scene, ASK_STANDS, "alice@a.example"), ANSWER_NOT_FOUND);
	add_alice(scene);
	assert_int_equal(ask(scene, ASK_STANDS, "alice@a.example"), ANSWER_FOUND);
	assert_int_equal(scene->changes, 1);
	user(scene, "{\"act\":\"disable\",\"login\":\"alice@a.example\"}");
	assert_int_equal(ask(scene, ASK_STANDS, "alice@a.example"), ANSWER_NOT_FOUND);
	assert_string_equal(scene->because, "sqlite: found, disabled");
	assert_int_equal(ask(scene, ASK_MAILBOX, "alice@a.example"), ANSWER_FOUND);
	user(scene, "{\"act\":\"enable\",\"login\":\"alice@a.example\"}");
	assert_int_equal(ask(scene, ASK_STANDS, "alice@a.example"), ANSWER_FOUND);
	user(scene, "{\"act\":\"remove\",\"login\":\"alice@a.example\"}");
	assert_int_equal(ask(scene, ASK_MAILBOX, "sales@a.example"), ANSWER_NOT_FOUND);
	user(scene, "{\"act\":\"show\",\"login\":\"alice@a.example\"}");
	assert_int_equal(ask(scene, ASK_STANDS, "alice@a.example"), ANSWER_NOT_FOUND);
	assert_int_equal(scene->changes, 4);
	scene_close(scene);
	free(scene);
}

static void a_long_list_comes_in_several_packets(void **state)
{
	struct scene *scene = malloc(sizeof *scene);
	char question[200];
	size_t commas = 0;

	(void)state;
	scene_open(scene, "");
	add_alice(scene);
	for (int i = 0; i < 200; i++) {
		snprintf(question, sizeof question,
			"{\"act\":\"own\",\"login\":\"alice@a.example\",\"owns\":"
			"[\"a-rather-long-name-%d@a-rather-long-domain.example\"]}",
			i);
		assert_non_null(strstr(user(scene, question), "true"));
	}
	assert_int_equal(ask(scene, ASK_OWNED, "alice@a.example"), ANSWER_FOUND);
	for (const char *at = scene->texts; (at = strchr(at, ',')); at++)
		commas++;
	assert_int_equal(commas, 203);
	assert_int_equal(ask(scene, ASK_OWNED, "alice@a.example"), ANSWER_FOUND); /* kept */
	assert_non_null(strstr(scene->texts, "a-rather-long-name-199@"));
	scene_close(scene);
	free(scene);
}

static void names_without_a_domain_have_the_one_that_is_configured(void **state)
{
	struct scene *scene = malloc(sizeof *scene);

	(void)state;
	scene_open(scene, "domain a.example");
	user(scene, "{\"act\":\"add\",\"login\":\"bob\",\"password\":\"secret\"}");
	assert_int_equal(ask(scene, ASK_OWNED, "bob"), ANSWER_FOUND);
	assert_string_equal(scene->texts, "bob@a.example,");
	assert_int_equal(ask(scene, ASK_STANDS, "bob@a.example"), ANSWER_FOUND);
	assert_int_equal(ask(scene, ASK_STANDS, "bob@b.example"), ANSWER_NOT_FOUND);
	assert_int_equal(ask(scene, ASK_MAILBOX, "Bob+x@a.example"), ANSWER_FOUND);
	assert_int_equal(ask(scene, ASK_MAILBOX, "bob@b.example"), ANSWER_NOT_FOUND);
	scene_close(scene);
	free(scene);
}

/* Nothing that was known is forgotten into a refusal. */
static void a_database_that_is_gone_or_damaged_cannot_tell(void **state)
{
	struct scene *scene = malloc(sizeof *scene);
	char other[128];

	(void)state;
	scene_open(scene, "");
	add_alice(scene);
	snprintf(other, sizeof other, "%s/elsewhere.db", scene->folder);
	assert_int_equal(rename(scene->path, other), 0);
	assert_int_equal(ask(scene, ASK_STANDS, "alice@a.example"), ANSWER_CANNOT_TELL);
	assert_non_null(strstr(scene->because, "sqlite: cannot open"));
	assert_int_equal(ask(scene, ASK_MAILBOX, "bob@a.example"), ANSWER_CANNOT_TELL);
	assert_int_equal(rename(other, scene->path), 0);
	assert_int_equal(ask(scene, ASK_MAILBOX, "alice@a.example"), ANSWER_FOUND);
	scene_close(scene);
	free(scene);
}

static void what_can_never_work_is_refused_when_it_is_configured(void **state)
{
	struct scene *scene = malloc(sizeof *scene);
	char path[128];

	(void)state;
	scene_open(scene, "");
	add_alice(scene);
	assert_false(use(scene, configuration(scene, "/no/such/folder/a.db", "")));
	assert_non_null(strstr(scene->words_room, "the accounts' folder /no/such/folder cannot be "
						  "written by the daemon's user"));
	snprintf(path, sizeof path, "%s/newer.db", scene->folder);
	struct text why = TEXT_FIXED(scene->words_room);
	database_close(database_open(path, DATABASE_MAKE, NULL, &why));
	char command[300];
	snprintf(command, sizeof command,
		"python3 -c \"import sqlite3; sqlite3.connect('%s').execute('PRAGMA "
		"user_version=9')\"",
		path);
	assert_int_equal(system(command), 0);
	assert_false(use(scene, configuration(scene, path, "")));
	assert_non_null(strstr(scene->words_room, "has format 9"));
	/* The one before is still used. */
	assert_int_equal(ask(scene, ASK_STANDS, "alice@a.example"), ANSWER_FOUND);
	scene_close(scene);
	free(scene);
}

static void without_accounts_nobody_is_found(void **state)
{
	struct scene *scene = malloc(sizeof *scene);

	(void)state;
	scene_open(scene, "");
	add_alice(scene);
	assert_true(use(scene, "message size 50 MB\n"));
	assert_int_equal(ask(scene, ASK_STANDS, "alice@a.example"), ANSWER_NOT_FOUND);
	assert_null(directory_store(scene->directory));
	assert_string_equal(user(scene, "{\"act\":\"list\"}"),
		"{\"error\":\"the running configuration names no accounts\"}\n");
	scene_close(scene);
	free(scene);
}

static void the_last_use_is_written(void **state)
{
	struct scene *scene = malloc(sizeof *scene);

	(void)state;
	scene_open(scene, "");
	add_alice(scene);
	store_used(directory_store(scene->directory), SLICE("alice@a.example"),
		INT64_C(1700000000) * NS_PER_S);
	assert_true(use(scene, "message size 50 MB\n")); /* closes the store */
	assert_true(use(scene, configuration(scene, scene->path, "")));
	assert_non_null(strstr(
		user(scene, "{\"act\":\"list\"}"), "\"last_used\":\"2023-11-14T22:13:20.000Z\""));
	scene_close(scene);
	free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_are_answered_from_the_database),
		cmocka_unit_test(a_change_is_true_at_once_and_told),
		cmocka_unit_test(a_long_list_comes_in_several_packets),
		cmocka_unit_test(names_without_a_domain_have_the_one_that_is_configured),
		cmocka_unit_test(a_database_that_is_gone_or_damaged_cannot_tell),
		cmocka_unit_test(what_can_never_work_is_refused_when_it_is_configured),
		cmocka_unit_test(without_accounts_nobody_is_found),
		cmocka_unit_test(the_last_use_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
