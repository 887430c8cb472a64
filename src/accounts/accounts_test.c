/* SPDX-License-Identifier: Apache-2.0 */
/* The role over real channels and a real folder: the test is its supervisor, its edges and its
 * control. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "accounts/accounts.h"
#include "base/arena.h"
#include "base/testing.h"
#include "packets/counting.h"
#include "packets/report.h"
#include "packets/signin.h"
#include "run/task.h"

enum { EDGES = 2 };

struct scene {
	struct loop *loop;
	struct role *role;
	struct channel *supervisor, *edges[EDGES], *control;
	char folder[64];
	bool answered, ended;
	int status;                  /* it ended with */
	struct counting_state state; /* of the last answer's first counter */
	struct text told;
};

static void supervisor_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct setup_ended ended;

	(void)channel, (void)fd;
	if (type != SETUP_ENDED || !setup_ended_read(body, &ended))
		return;
	scene->ended = true;
	scene->status = ended.status;
	loop_stop(scene->loop);
}

static void edge_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct counting_answer answer;

	(void)channel, (void)fd;
	if (type == SIGNIN_OFFERED) /* at the start */
		return;
	assert_int_equal(type, COUNTING_ANSWER);
	assert_true(counting_answer_read(body, &answer));
	struct reader in = reader_of(answer.states);
	assert_true(counting_state_read(&in, &scene->state));
	scene->answered = true;
	loop_stop(scene->loop);
}

static void control_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct report_answer answer;

	(void)channel, (void)fd;
	assert_int_equal(type, REPORT_ANSWER);
	assert_true(report_answer_read(body, &answer));
	text_put(&scene->told, answer.piece);
	if (answer.last)
		loop_stop(scene->loop);
}

static void gone(void *owner, struct channel *channel)
{
	(void)owner, (void)channel;
}

static struct channel *join(struct scene *scene, enum role_name name,
	void (*receive)(void *, struct channel *, uint16_t, struct slice, int))
{
	int fds[2];

	assert_true(channel_pair(fds));
	accounts_role.peer(scene->role->state, name, 0, fds[1]);
	return channel_open(scene->loop, fds[0], (struct channel_user){receive, gone, NULL, scene});
}

static const struct setup_grant grant = {.what = GRANT_ACCOUNTS_FOLDER};

static void scene_start(struct scene *scene)
{
	int fds[2];

	scene->loop = loop_open();
	scene->ended = false;
	assert_true(channel_pair(fds));
	scene->supervisor = channel_open(
		scene->loop, fds[0], (struct channel_user){supervisor_receive, gone, NULL, scene});
	scene->role = role_attach(scene->loop, &accounts_role, 0, fds[1]);
	accounts_role.grant(scene->role->state, &grant,
		open(scene->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	for (size_t i = 0; i < EDGES; i++)
		scene->edges[i] = join(scene, ROLE_EDGE, edge_receive);
	scene->control = join(scene, ROLE_CONTROL, control_receive);
}

static void scene_open(struct scene *scene)
{
	*scene = (struct scene){.told = TEXT_GROWING};
	assert_non_null(testing_folder(scene->folder, sizeof scene->folder, "accounts-test"));
	scene_start(scene);
	accounts_role.go(scene->role->state);
}

/* What the role left to tasks of its own comes to its end. */
static void finish(struct task *task, void *arg)
{
	struct loop *loop = arg;

	while (task_count(loop) > 1)
		assert_int_equal(task_yield(task), WAIT_READY);
	loop_stop(loop);
}

static void scene_stop(struct scene *scene)
{
	accounts_role.stop(scene->role->state);
	assert_true(task_start(scene->loop, "finish", finish, scene->loop));
	while (task_count(scene->loop) > 0)
		loop_run(scene->loop);
	role_detach(scene->role);
	for (size_t i = 0; i < EDGES; i++)
		channel_close(scene->edges[i]);
	channel_close(scene->control);
	channel_close(scene->supervisor);
	loop_close(scene->loop);
}

static void scene_restart(struct scene *scene)
{
	scene_stop(scene);
	scene_start(scene);
	accounts_role.go(scene->role->state);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status, (void)kind, (void)walk;
	return remove(path);
}

static void scene_close(struct scene *scene)
{
	scene_stop(scene);
	text_free(&scene->told);
	nftw(scene->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- an edge's words ---- */

static struct slice pack(char *room, size_t size, uint64_t most)
{
	struct writer out = writer_over(room, size);

	counting_counter_write(&out,
		&(struct counting_counter){.key = SLICE("network office 192.0.2.1 recipients 1"),
			.period = 3600 * NS_PER_S,
			.most = most,
			.places = 1});
	return writer_slice(&out);
}

static bool reserve(struct scene *scene, size_t edge, uint64_t holder, uint64_t most)
{
	char counter[128], body[256];
	struct writer out = writer_over(body, sizeof body);

	counting_reserve_write(&out, &(struct counting_reserve){.request = 1,
					     .holder = holder,
					     .count = 1,
					     .counters = pack(counter, sizeof counter, most)});
	assert_int_equal(
		channel_send(scene->edges[edge], COUNTING_RESERVE, writer_slice(&out), -1), SENT);
	scene->answered = false;
	while (!scene->answered)
		loop_run(scene->loop);
	return !scene->state.full;
}

static void keep(struct scene *scene, size_t edge, uint64_t holder)
{
	char counter[128], body[256];
	struct writer out = writer_over(body, sizeof body);

	counting_keep_write(&out, &(struct counting_keep){.holder = holder,
					  .last = true,
					  .count = 1,
					  .counters = pack(counter, sizeof counter, 1)});
	assert_int_equal(
		channel_send(scene->edges[edge], COUNTING_KEEP, writer_slice(&out), -1), SENT);
}

static void drop(struct scene *scene, size_t edge, uint64_t holder)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	counting_drop_write(&out, &(struct counting_drop){holder});
	assert_int_equal(
		channel_send(scene->edges[edge], COUNTING_DROP, writer_slice(&out), -1), SENT);
}

static void release(struct scene *scene, size_t edge, uint64_t holder)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	counting_release_write(&out, &(struct counting_release){holder, 1});
	assert_int_equal(
		channel_send(scene->edges[edge], COUNTING_RELEASE, writer_slice(&out), -1), SENT);
}

/* ---- the tests ---- */

static void two_edges_cannot_both_take_the_last_place(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_true(reserve(&scene, 0, 1, 1));
	assert_false(reserve(&scene, 1, 2, 1));
	drop(&scene, 0, 1);
	assert_true(reserve(&scene, 0, 3, 1)); /* behind DROP in its channel */
	assert_false(reserve(&scene, 1, 2, 1));
	release(&scene, 0, 3);
	assert_true(reserve(&scene, 0, 4, 1));
	scene_close(&scene);
}

static void what_an_edge_had_reserved_is_given_back_when_it_dies(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_true(reserve(&scene, 0, 1, 1));
	channel_close(scene.edges[0]);
	scene.edges[0] = NULL;
	for (unsigned i = 0; i < 1000 && !reserve(&scene, 1, 2, 1); i++)
		usleep(1000);
	assert_false(scene.state.full);
	scene_close(&scene);
}

static void counters_survive_a_restart(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_true(reserve(&scene, 0, 1, 2));
	keep(&scene, 0, 1);
	assert_true(reserve(&scene, 0, 2, 2)); /* reserved, never accepted: not kept */
	scene_restart(&scene);
	assert_true(reserve(&scene, 1, 1, 2));
	assert_int_equal(scene.state.used, 1);
	drop(&scene, 1, 1);
	assert_false(reserve(&scene, 1, 3, 1));
	assert_true(scene.state.free_in > 3590 * NS_PER_S);
	scene_restart(&scene);
	assert_false(reserve(&scene, 1, 1, 1));
	scene_close(&scene);
}

/* The edge accepted while accounts was being started anew. */
static void what_was_reserved_of_another_life_is_counted(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_true(reserve(&scene, 0, 7, 1));
	scene_restart(&scene);
	keep(&scene, 0, 7);
	assert_false(reserve(&scene, 0, 8, 1));
	scene_close(&scene);
}

static void ask(struct scene *scene, struct slice question)
{
	char body[256];
	struct writer out = writer_over(body, sizeof body);

	report_ask_write(&out, &(struct report_ask){1, question});
	assert_int_equal(channel_send(scene->control, REPORT_ASK, writer_slice(&out), -1), SENT);
	text_clear(&scene->told);
	loop_run(scene->loop);
}

static bool was_told(const struct scene *scene, const char *part)
{
	return memmem(scene->told.at, scene->told.len, part, strlen(part)) != NULL;
}

static void control_is_told(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_true(reserve(&scene, 0, 1, 5));
	keep(&scene, 0, 1);
	assert_true(reserve(&scene, 0, 2, 5));
	ask(&scene, SLICE("{\"ask\":\"limits\"}"));
	assert_true(was_told(&scene, "{\"counter\":\"network office 192.0.2.1 recipients 1\","
				     "\"used\":2,\"reserved\":1,\"most\":5,\"period\":3600,"
				     "\"next_free\":\"2"));
	ask(&scene, SLICE("{\"ask\":\"limits\",\"of\":\"192.0.2.1\"}"));
	assert_true(was_told(&scene, "office"));
	ask(&scene, SLICE("{\"ask\":\"limits\",\"of\":\"192.0.2\"}"));
	assert_int_equal(scene.told.len, 0);
	ask(&scene, SLICE("{\"ask\":\"status\"}"));
	assert_true(was_told(&scene, "\"counters\":1,\"reserved\":2,\"full\":0,\"kept\":1"));
	ask(&scene, SLICE("nonsense"));
	assert_true(was_told(&scene, "error"));
	scene_close(&scene);
}

static void file_put(const struct scene *scene, struct slice bytes)
{
	char path[128];

	snprintf(path, sizeof path, "%s/limits", scene->folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes.at, 1, bytes.len, file), bytes.len);
	fclose(file);
}

static void a_file_of_a_newer_format_ends_the_program(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_stop(&scene);
	file_put(&scene, SLICE("postlim\n"
			       "\x02\x00\x00\x00\xa2\xf2\xa2\x25"));
	scene_start(&scene);
	while (!scene.ended)
		loop_run(scene.loop);
	assert_int_equal(scene.status, 78);
	scene_close(&scene);
}

static void a_damaged_file_is_lived_with(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_stop(&scene);
	file_put(&scene, SLICE("what is this"));
	scene_start(&scene);
	accounts_role.go(scene.role->state);
	assert_true(reserve(&scene, 0, 1, 1));
	keep(&scene, 0, 1);
	assert_false(reserve(&scene, 0, 2, 1));
	scene_restart(&scene);
	assert_false(reserve(&scene, 0, 1, 1));
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_edges_cannot_both_take_the_last_place),
		cmocka_unit_test(what_an_edge_had_reserved_is_given_back_when_it_dies),
		cmocka_unit_test(counters_survive_a_restart),
		cmocka_unit_test(what_was_reserved_of_another_life_is_counted),
		cmocka_unit_test(control_is_told),
		cmocka_unit_test(a_file_of_a_newer_format_ends_the_program),
		cmocka_unit_test(a_damaged_file_is_lived_with),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
