/* SPDX-License-Identifier: Apache-2.0 */
/* The out role, with the test as its queue, on the simulated loop and a real disk: a segment given,
 * jobs for a Maildir and for another host, outcomes back. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/crc32c.h"
#include "base/testing.h"
#include "packets/delivery.h"
#include "smtpout/client_scene.h"
#include "smtpout/out.h"

enum { SEGMENT = 7, EPOCH = 99, ORIGIN = 98, ID = 5 };

struct scene {
	struct loop *loop;
	struct role *role;
	struct channel *supervisor, *queue;
	char root[64];
	int segment; /* descriptor */
	struct text story;
	unsigned reason; /* of the last outcome */
	size_t ended;
	struct scene_server server;
	struct io *listener;
	const char *script;
};

/* ---- the queue's side ---- */

static void queue_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	static const char *const names[] = {"delivered", "deferred", "failed"};
	struct scene *scene = owner;
	struct delivery_outcome outcome;

	(void)channel;
	assert_int_equal(fd, -1);
	if (type == DELIVERY_END) {
		scene->ended++;
		return;
	}
	assert_int_equal(type, DELIVERY_OUTCOME);
	assert_true(delivery_outcome_read(body, &outcome));
	scene->reason = outcome.reason;
	text_format(&scene->story, "%llu/%u %s %u %.*s %.*s\n", (unsigned long long)outcome.job,
		outcome.recipient, names[outcome.outcome], outcome.code,
		SLICE_ARGS(outcome.enhanced), SLICE_ARGS(outcome.words));
}

static void supervisor_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct scene *scene = owner;

	(void)channel, (void)body, (void)fd;
	if (type == SETUP_ENDED)
		text_put(&scene->story, SLICE("ended\n"));
}

static void gone(void *owner, struct channel *channel)
{
	struct scene *scene = owner;

	if (channel == scene->queue)
		scene->queue = NULL;
	else
		scene->supervisor = NULL;
	channel_close(channel);
}

static void send_segment(struct scene *scene)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	delivery_segment_write(&out, &(struct delivery_segment){.number = SEGMENT, .epoch = EPOCH});
	assert_int_equal(
		channel_send(scene->queue, DELIVERY_SEGMENT, writer_slice(&out), scene->segment),
		SENT);
}

static void send_job(struct scene *scene, uint64_t number, enum route_kind route, struct slice to,
	uint64_t id, enum route_tls tls)
{
	char body[512];
	struct writer out = writer_over(body, sizeof body);

	delivery_job_write(&out, &(struct delivery_job){.job = number,
					 .segment = SEGMENT,
					 .offset = SEGMENT_DATA_AT,
					 .id = id,
					 .origin = ORIGIN,
					 .route = (uint8_t)route,
					 .tls = (uint8_t)tls,
					 .port = 25,
					 .target = to,
					 .recipients = {"\0\0\1\0", 4}});
	assert_int_equal(channel_send(scene->queue, DELIVERY_JOB, writer_slice(&out), -1), SENT);
}

/* ---- the segment ---- */

static void segment_make(struct scene *scene, bool damaged)
{
	static const struct envelope_recipient recipients[] = {
		{.address = {"Alice+x@a.example", 17}}, {.address = {"postmaster", 10}}};
	struct text payload = TEXT_GROWING;
	struct slice body = SLICE("Subject: x\r\n\r\nhello\r\n");
	char header[RECORD_HEADER], path[128];
	struct message message = {.envelope = {.sender = SLICE("s@x.example"),
					  .recipients = recipients,
					  .recipient_count = 2},
		.trace = SLICE("Received: by us\r\n"),
		.body = body,
		.body_size = body.len};

	message_encode(&payload, &message, body.len);
	text_put(&payload, body);
	struct record record = {.type = RECORD_MESSAGE,
		.version = 1,
		.epoch = EPOCH,
		.id = ID,
		.origin = ORIGIN,
		.length = (uint32_t)payload.len,
		.payload_crc = crc32c(0, text_slice(&payload)) ^ damaged};
	record_encode(&record, SEGMENT, SEGMENT_DATA_AT, header);
	snprintf(path, sizeof path, "%s/segment", scene->root);
	FILE *file = fopen(path, "w+");
	assert_non_null(file);
	assert_int_equal(fseek(file, SEGMENT_DATA_AT, SEEK_SET), 0);
	assert_int_equal(fwrite(header, sizeof header, 1, file), 1);
	assert_int_equal(fwrite(payload.at, payload.len, 1, file), 1);
	assert_int_equal(fflush(file), 0);
	scene->segment = dup(fileno(file));
	fclose(file);
	text_free(&payload);
}

/* ---- the scene ---- */

static void server_accept(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct address from;

	if (io_accept(task, scene->listener, &scene->server.io, &from) == IO_DONE) {
		scene->server.script = slice_of(scene->script);
		scene_serve(task, &scene->server);
	}
	io_close(scene->listener);
}

static void scene_open(struct scene *scene, bool damaged, const char *script)
{
	int supervisor[2], queue[2];
	struct address at;

	*scene = (struct scene){.loop = sim_open(INT64_C(1764000000) * NS_PER_S), .script = script};
	scene->story = scene->server.said = scene->server.fault = TEXT_GROWING;
	assert_non_null(testing_folder(scene->root, sizeof scene->root, "out-test"));
	segment_make(scene, damaged);
	assert_true(channel_pair(supervisor) && channel_pair(queue));
	struct channel_user user = {.gone = gone, .owner = scene};
	user.receive = supervisor_receive;
	scene->supervisor = channel_open(scene->loop, supervisor[1], user);
	scene->role = role_attach(scene->loop, &out_role, 0, supervisor[0]);
	user.receive = queue_receive;
	scene->queue = channel_open(scene->loop, queue[1], user);
	out_role.peer(scene->role->state, ROLE_QUEUE, 0, queue[0]);
	send_segment(scene);
	if (script) {
		assert_true(address_parse_port(SLICE("198.51.100.1:25"), &at));
		scene->listener = sim_listen(scene->loop, &at);
		assert_true(task_start(scene->loop, "server", server_accept, scene));
	}
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status, (void)kind, (void)walk;
	return remove(path);
}

/* Ends the role in order and gives the story. */
static const char *scene_end(struct scene *scene)
{
	loop_run(scene->loop);
	out_role.stop(scene->role->state);
	loop_run(scene->loop);
	text_char(&scene->story, '\0');
	text_char(&scene->server.fault, '\0');
	assert_string_equal(scene->server.fault.at, "");
	return scene->story.at;
}

static void scene_close(struct scene *scene)
{
	role_detach(scene->role);
	channel_close(scene->supervisor);
	channel_close(scene->queue);
	loop_close(scene->loop);
	close(scene->segment);
	nftw(scene->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	text_free(&scene->story);
	text_free(&scene->server.said);
	text_free(&scene->server.fault);
}

static size_t files_in(const struct scene *scene, const char *folder)
{
	char command[256];
	unsigned count = 0;

	snprintf(command, sizeof command, "ls %s/%s | wc -l", scene->root, folder);
	FILE *answer = popen(command, "r");
	assert_non_null(answer);
	assert_int_equal(fscanf(answer, "%u", &count), 1);
	pclose(answer);
	return count;
}

static void a_job_for_a_maildir_and_one_for_a_host(void **state)
{
	struct scene scene;
	char pattern[128];

	(void)state;
	scene_open(&scene, false,
		"S 220 hi\nC EHLO \nS 250-mx\nS 250 PIPELINING\nC MAIL FROM:<s@x.example>\nC RCPT "
		"TO:<Alice+x@a.example>\nC RCPT TO:<postmaster>\nC DATA\nS 250 ok\nS 250 ok\nS 550 "
		"5.1.1 who?\nS 354 go\nD\nS 250 2.0.0 kept\nC QUIT\n");
	snprintf(pattern, sizeof pattern, "%s/mail/%%d/%%l", scene.root);
	send_job(&scene, 1, ROUTE_MAILDIR, slice_of(pattern), ID, ROUTE_TLS_MAY);
	loop_run(scene.loop);
	send_job(&scene, 2, ROUTE_HOSTS, SLICE("198.51.100.1:25"), ID, ROUTE_TLS_MAY);
	assert_string_equal(scene_end(&scene), "1/0 delivered 0 2.0.0 stored in the Maildir\n"
					       "1/1 delivered 0 2.0.0 stored in the Maildir\n"
					       "2/0 delivered 250 2.0.0 kept\n"
					       "2/1 failed 550 5.1.1 who?\n"
					       "ended\n");
	assert_int_equal(scene.ended, 2);
	assert_int_equal(files_in(&scene, "mail/a.example/alice/new"), 1);
	assert_true(slice_is(text_slice(&scene.server.said),
		SLICE("Received: by us\r\nSubject: x\r\n\r\nhello\r\n.\r\n")));
	scene_close(&scene);
}

static void a_damaged_message_never_leaves(void **state)
{
	struct scene scene;
	char pattern[128];

	(void)state;
	scene_open(&scene, true, NULL);
	snprintf(pattern, sizeof pattern, "%s/mail/%%l", scene.root);
	send_job(&scene, 1, ROUTE_MAILDIR, slice_of(pattern), ID, ROUTE_TLS_MAY);
	assert_true(strstr(scene_end(&scene), "1/0 failed 0 5.3.0 the message cannot be taken from "
					      "the spool: its checksum is wrong"));
	assert_int_equal(scene.reason, REASON_MESSAGE_DAMAGED);
	assert_int_equal(scene.ended, 1);
	scene_close(&scene);
}

static void another_message_in_that_place_is_not_taken_for_it(void **state)
{
	struct scene scene;
	char pattern[128];

	(void)state;
	scene_open(&scene, false, NULL);
	snprintf(pattern, sizeof pattern, "%s/mail/%%l", scene.root);
	send_job(&scene, 1, ROUTE_MAILDIR, slice_of(pattern), ID + 1, ROUTE_TLS_MAY);
	assert_true(strstr(scene_end(&scene), "1/0 deferred 0 4.3.0"));
	scene_close(&scene);
}

static void a_way_that_is_not_built_waits_and_says_so(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, false, NULL);
	send_job(&scene, 2, ROUTE_HOSTS, SLICE("198.51.100.1:25"), ID, ROUTE_TLS_DANE);
	const char *story = scene_end(&scene);
	assert_true(strstr(story, "2/1 deferred 0 4.7.10 DANE is not built"));
	assert_int_equal(scene.ended, 1);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_for_a_maildir_and_one_for_a_host),
		cmocka_unit_test(a_damaged_message_never_leaves),
		cmocka_unit_test(another_message_in_that_place_is_not_taken_for_it),
		cmocka_unit_test(a_way_that_is_not_built_waits_and_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
