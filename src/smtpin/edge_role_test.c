/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge as a process, over real sockets and real channels: the test is its supervisor, its
 * queue, its control and its client.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "packets/report.h"
#include "run/stream.h"
#include "smtpin/edge.h"

struct scene {
	struct loop *loop;
	struct role *role;
	struct channel *supervisor, *queue, *control;
	struct address address; /* where the edge listens */
	struct arena *arena;
	uint32_t segments;
	uint64_t durable; /* as the queue heard */
	bool done;        /* segments given back */
	bool ended;       /* the role */
	size_t lines, refusals;
	struct text answer; /* to a question */
	bool answered;
	struct text heard; /* by the client */
};

static const char configuration[] =
	"hostname mx.example.org\n"
	"listen smtp \"127.0.0.1:2525\"\n"
	"domain example.org any recipient deliver smtp \"127.0.0.1:26\"\n";

/* ---- supervisor, queue, control ---- */

static void stop_when_all_is_told(struct scene *scene)
{
	if (scene->ended && scene->done && scene->lines == 4)
		loop_stop(scene->loop);
}

static void supervisor_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;

	(void)channel, (void)body, (void)fd;
	scene->ended |= type == SETUP_ENDED;
	stop_when_all_is_told(scene);
}

static void give(struct scene *scene, const struct spooling_want *want)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);
	int fd = memfd_create("segment", MFD_CLOEXEC);

	spooling_give_write(&out, &(struct spooling_give){.segment_class = want->segment_class,
					  .request = want->request,
					  .number = scene->segments++,
					  .epoch = 7,
					  .size = SEGMENT_SIZE});
	assert_int_equal(channel_send(scene->queue, SPOOLING_GIVE, writer_slice(&out), fd), SENT);
	close(fd);
}

static void queue_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct spooling_want want;
	struct spooling_committed committed;

	(void)channel, (void)fd;
	if (type == SPOOLING_WANT && spooling_want_read(body, &want))
		give(scene, &want);
	if (type == SPOOLING_COMMITTED && spooling_committed_read(body, &committed))
		scene->durable = committed.durable;
	if (type == SPOOLING_DONE)
		scene->done = true;
	stop_when_all_is_told(scene);
}

static void control_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;
	struct report_answer answer;

	(void)channel, (void)fd;
	if (type == REPORT_LINE) {
		struct slice text = arena_slice(scene->arena, body);
		scene->lines++;
		scene->refusals += strstr(arena_string(scene->arena, text), "relay-denied") != NULL;
	}
	if (type == REPORT_ANSWER && report_answer_read(body, &answer)) {
		text_put(&scene->answer, answer.piece);
		scene->answered = answer.last;
	}
	stop_when_all_is_told(scene);
}

static void gone(void *owner, struct channel *channel)
{
	(void)owner, (void)channel;
}

static struct channel *neighbour(struct scene *scene,
	void (*receive)(void *, struct channel *, uint16_t, struct slice, int), int *theirs)
{
	int fds[2];

	assert_true(channel_pair(fds));
	*theirs = fds[1];
	return channel_open(scene->loop, fds[0], (struct channel_user){receive, gone, NULL, scene});
}

/* ---- the scene ---- */

static void prepare(struct scene *scene)
{
	struct bundle bundle;
	struct text why = TEXT_GROWING;

	bundle_of_text(SLICE("test.conf"), SLICE(configuration), scene->arena, &bundle);
	assert_true(edge_role.prepare(scene->role->state, bundle.bytes, &why));
	edge_role.switch_over(scene->role->state);
	assert_false(edge_role.prepare(scene->role->state, SLICE("nonsense"), &why));
	assert_true(why.len > 0);
	text_free(&why);
}

static const struct setup_grant grant = {GRANT_LISTENER, SLICE("smtp"), SLICE("127.0.0.1:0")};

static void open_control(struct scene *scene)
{
	int fd;

	scene->control = neighbour(scene, control_receive, &fd);
	edge_role.peer(scene->role->state, ROLE_CONTROL, 0, fd);
}

static void scene_open(struct scene *scene)
{
	int fd;

	*scene = (struct scene){.loop = loop_open(),
		.arena = arena_new(),
		.answer = TEXT_GROWING,
		.heard = TEXT_GROWING};
	scene->supervisor = neighbour(scene, supervisor_receive, &fd);
	scene->role = role_attach(scene->loop, &edge_role, 0, fd);
	prepare(scene);
	scene->queue = neighbour(scene, queue_receive, &fd);
	edge_role.peer(scene->role->state, ROLE_QUEUE, 0, fd);
	open_control(scene);
	assert_true(address_parse_port(SLICE("127.0.0.1:0"), &scene->address));
	fd = listen_open(&scene->address, false);
	assert_true(fd >= 0 && listen_address(fd, &scene->address));
	edge_role.grant(scene->role->state, &grant, fd);
	static const struct setup_grant census = {.what = GRANT_CENSUS};
	edge_role.grant(scene->role->state, &census, census_new(1));
	edge_role.go(scene->role->state);
}

static void scene_close(struct scene *scene)
{
	channel_close(scene->supervisor);
	channel_close(scene->queue);
	channel_close(scene->control);
	role_detach(scene->role);
	loop_close(scene->loop);
	text_free(&scene->answer);
	text_free(&scene->heard);
	arena_free(scene->arena);
}

/* ---- the client ---- */

static void say(struct task *task, struct scene *scene, struct stream *stream, struct slice line)
{
	struct slice reply;

	if (line.len) {
		stream_put(stream, line);
		stream_put(stream, SLICE("\r\n"));
	}
	do {
		assert_int_equal(stream_line(task, stream, 512, &reply), LINE_WHOLE);
		text_put(&scene->heard, reply);
		text_char(&scene->heard, '\n');
	} while (reply.len > 3 && reply.at[3] == '-');
}

static void ask(struct task *task, struct scene *scene, struct slice question)
{
	char body[128];
	struct writer out = writer_over(body, sizeof body);

	text_clear(&scene->answer);
	scene->answered = false;
	report_ask_write(&out, &(struct report_ask){.request = 1, .question = question});
	assert_int_equal(channel_send(scene->control, REPORT_ASK, writer_slice(&out), -1), SENT);
	while (!scene->answered)
		assert_int_equal(task_sleep(task, NS_PER_MS), WAIT_READY);
}

static bool answer_has(struct scene *scene, const char *words)
{
	return strstr(arena_string(scene->arena, text_slice(&scene->answer)), words) != NULL;
}

static struct stream *greet(struct task *task, struct scene *scene)
{
	struct io *io;

	assert_int_equal(io_connect(task, &scene->address, &io), IO_DONE);
	struct stream *stream = stream_open(io);
	say(task, scene, stream, SLICE_NONE);
	say(task, scene, stream, SLICE("EHLO a.example"));
	return stream;
}

static void send_one(struct task *task, struct scene *scene, struct stream *stream)
{
	say(task, scene, stream, SLICE("MAIL FROM:<a@sender.example>"));
	say(task, scene, stream, SLICE("RCPT TO:<friend@far.example>"));
	say(task, scene, stream, SLICE("RCPT TO:<bob@example.org>"));
	say(task, scene, stream, SLICE("DATA"));
	say(task, scene, stream, SLICE("From: a@sender.example\r\n\r\nx\r\n."));
}

/* The edge is stopped, says so to its last client, and ends. */
static void leave(struct task *task, struct scene *scene, struct stream *stream)
{
	edge_role.revoke(scene->role->state, &grant);
	edge_role.stop(scene->role->state);
	say(task, scene, stream, SLICE_NONE);
	stream_close(stream);
}

static void client_run(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct stream *stream = greet(task, scene);

	send_one(task, scene, stream);
	ask(task, scene, SLICE("{\"ask\":\"status\"}"));
	assert_true(answer_has(scene, "\"messages\":1"));
	assert_true(answer_has(scene, "\"relay-denied\":1"));
	ask(task, scene, SLICE("{\"ask\":\"sessions\"}"));
	assert_true(answer_has(scene, "\"client\":\"127.0.0.1\""));
	ask(task, scene, SLICE("{\"ask\":\"weather\"}"));
	assert_true(answer_has(scene, "error"));
	leave(task, scene, stream);
}

/* The loop ends with the role, or once all its last words have been read. */
static void test_an_edge_takes_a_message_tells_its_neighbours_and_ends_in_order(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_true(task_start(scene.loop, "client", client_run, &scene));
	loop_run(scene.loop);
	const char *words = arena_string(scene.arena, text_slice(&scene.heard));
	assert_non_null(strstr(words, "550 5.7.1 "));
	assert_non_null(strstr(words, "250 2.0.0 kept ["));
	assert_non_null(strstr(words, "421 4.3.2 "));
	assert_true(scene.durable > SEGMENT_DATA_AT);
	assert_true(scene.done);
	assert_int_equal(scene.refusals, 1);
	assert_int_equal(scene.lines, 4); /* two recipients, the message, the stop */
	scene_close(&scene);
}

/* Control ends, and comes back after a message was taken. */
static void client_of_a_broken_control(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct stream *stream = greet(task, scene);

	channel_close(scene->control);
	assert_int_equal(task_sleep(task, 10 * NS_PER_MS), WAIT_READY); /* the edge hears of it */
	send_one(task, scene, stream);
	assert_int_equal(scene->lines, 0);
	open_control(scene);
	ask(task, scene, SLICE("{\"ask\":\"sessions\"}"));
	assert_int_equal(scene->lines, 3);
	assert_int_equal(scene->refusals, 1);
	leave(task, scene, stream);
}

static void test_lines_are_kept_while_control_is_away(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	assert_true(task_start(scene.loop, "client", client_of_a_broken_control, &scene));
	loop_run(scene.loop);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_an_edge_takes_a_message_tells_its_neighbours_and_ends_in_order),
		cmocka_unit_test(test_lines_are_kept_while_control_is_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
