/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole role over a spool in a folder of its own: this test is the edge that commits mail, the
 * out that reads and delivers it, and control.
 */
#include "base/testing.h"
#include "queue/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "packets/report.h"
#include "policy/policy.h"
#include "run/offload.h"
#include "run/task.h"
#include "spool/reader.h"
#include "spool/store.h"
#include "spool/writer.h"

enum { MAILS = 40 };

struct house {
	char name[64];
	struct role role;
	struct arena *arena;
	struct channel *edge, *out, *control;
	struct spool_writer *writer;
	struct offload *pool;
	struct spool_source segments[64]; /* by number */
	size_t committed, jobs, reports, delivered, bounced, answers;
	bool ready, ended;
	size_t deaths;
	struct timer death;
	bool die;    /* out: at the next job */
	bool mute;   /* edge: tells nothing and dies when all is committed */
	bool silent; /* out: answers nothing */
	int failed;  /* exit status */
	uint64_t last_event;
	struct text answer;
};
static struct house *house;

/* ---- the supervisor's side, in place of role/role.c ---- */

void role_log(struct role *role, enum log_level level, const char *event, const char *format, ...)
{
	(void)role, (void)event, (void)format;
	assert_true(level != LEVEL_ERROR || house->failed);
}
void role_is_ready(struct role *role)
{
	(void)role;
	house->ready = true;
}
void role_has_ended(struct role *role)
{
	house->ended = true;
	loop_stop(role->loop);
}
void role_has_failed(struct role *role, int exit_status)
{
	(void)role;
	house->failed = exit_status;
}

static const char policy_text[] = "hostname mx.example.org\n"
				  "state \"/var/lib/postern\"\n"
				  "postmaster \"postmaster@example.org\"\n";

static void configure(void *state)
{
	struct bundle bundle;
	struct text why = TEXT_GROWING;

	bundle_of_text(SLICE("test.conf"), slice_of(policy_text), house->arena, &bundle);
	if (!queue_role.prepare(state, bundle.bytes, &why))
		fail_msg("%.*s", SLICE_ARGS(text_slice(&why)));
	queue_role.switch_over(state);
	text_free(&why);
}

static int spool_folder(void)
{
	return open(house->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int house_make(void **state)
{
	(void)state;
	house = calloc(1, sizeof *house);
	if (!testing_folder(house->name, sizeof house->name, "postern-queue"))
		return -1;
	house->arena = arena_new();
	house->answer = TEXT_GROWING;
	house->role = (struct role){
		.loop = loop_open(), .kind = &queue_role, .id_slot = 5, .stop_by = NEVER};
	return 0;
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *walk)
{
	(void)facts, (void)type, (void)walk;
	return remove(path);
}

static int house_break(void **state)
{
	(void)state;
	nftw(house->name, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(house->role.state);
	text_free(&house->answer);
	arena_free(house->arena);
	loop_close(house->role.loop);
	free(house);
	return 0;
}

/* ---- the edge ---- */

static void tell(uint16_t type, uint32_t number, uint64_t epoch, uint64_t durable)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	spooling_committed_write(&out, &(struct spooling_committed){number, epoch, durable});
	assert_int_equal(channel_send(house->edge, type, writer_slice(&out), -1), SENT);
}
static void edge_want(void *owner, enum segment_class kind, uint32_t request)
{
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	(void)owner;
	spooling_want_write(&out, &(struct spooling_want){(uint8_t)kind, request});
	assert_int_equal(channel_send(house->edge, SPOOLING_WANT, writer_slice(&out), -1), SENT);
}
static void edge_committed(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	(void)owner;
	if (!house->mute)
		tell(SPOOLING_COMMITTED, number, epoch, durable);
}
static void edge_done(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	(void)owner;
	tell(SPOOLING_DONE, number, epoch, durable);
}
static void edge_suspect(void *owner, uint32_t number, uint64_t epoch, uint64_t durable)
{
	(void)owner;
	tell(SPOOLING_SUSPECT, number, epoch, durable);
}
static void edge_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct spooling_give give;

	(void)owner, (void)channel;
	assert_int_equal(type, SPOOLING_GIVE);
	assert_true(spooling_give_read(body, &give) && fd >= 0);
	spool_writer_give(house->writer, &give, fd);
}

static void commit_mail(struct task *task, void *arg)
{
	struct envelope_recipient recipients[] = {
		{.address = SLICE("b@adatum.example")}, {.address = SLICE("c@bad.example")}};
	struct message message = {
		.envelope = {.flags = ENVELOPE_BELIEVED,
			.received = loop_wall(task_loop(task)),
			.sender = SLICE("a@example.org"),
			.listener = SLICE("smtp"),
			.client = SLICE("192.0.2.7"),
			.recipients = recipients,
			.recipient_count = 2},
		.trace = SLICE("Received: from a test\r\n"),
	};
	struct slice body = SLICE("Subject: a mail\r\n\r\nDear friend\r\n");

	message.body_size = body.len;
	assert_int_equal(
		writer_commit(task, house->writer, &message, body, (uint64_t)(uintptr_t)arg),
		COMMIT_DURABLE);
	if (++house->committed == MAILS && house->mute) {
		channel_close(house->edge);
		house->edge = NULL;
	}
}

/* ---- out ---- */

static void out_segment(struct slice body, int fd)
{
	struct delivery_segment segment;

	assert_true(delivery_segment_read(body, &segment) && fd >= 0);
	assert_true(segment.number < 64 && !house->segments[segment.number].disk);
	house->segments[segment.number] =
		(struct spool_source){disk_real(), fd, segment.number, segment.epoch};
}

static void out_forget(struct slice body)
{
	struct delivery_segment segment;

	assert_true(delivery_segment_read(body, &segment) && segment.number < 64);
	assert_non_null(house->segments[segment.number].disk);
	close(house->segments[segment.number].fd);
	house->segments[segment.number].disk = NULL;
}

static void say_outcome(const struct delivery_job *job, size_t i, bool good)
{
	char body[512];
	struct writer out = writer_over(body, sizeof body);
	struct delivery_outcome outcome = {
		.job = job->job,
		.recipient = job_recipient(job, i),
		.outcome = good ? OUTCOME_DELIVERED : OUTCOME_FAILED,
		.code = good ? 250 : 550,
		.enhanced = good ? SLICE("2.0.0") : SLICE("5.1.1"),
		.remote = SLICE("mx.adatum.example [192.0.2.1]:25"),
		.words = good ? SLICE("taken") : SLICE("no such user"),
	};

	delivery_outcome_write(&out, &outcome);
	assert_int_equal(channel_send(house->out, DELIVERY_OUTCOME, writer_slice(&out), -1), SENT);
}

static void out_job(struct slice body)
{
	struct delivery_job job;
	struct message message;
	struct record record;
	char end[64];
	struct writer out = writer_over(end, sizeof end);
	struct arena *arena = arena_new();

	assert_true(delivery_job_read(body, &job) && job.segment < 64);
	const struct spool_source *source = &house->segments[job.segment];
	assert_non_null(source->disk); /* given before the first job that names it */
	assert_int_equal(
		spool_read_message(source, job.offset, arena, &message, &record), SPOOL_READ_OK);
	assert_true(record.id == job.id && record.origin == job.origin);
	house->jobs++;
	house->reports += !message.envelope.sender.len;
	for (size_t i = 0; i < job_recipient_count(&job); i++)
		say_outcome(&job, i, !slice_is(job.target, SLICE("bad.example")));
	delivery_end_write(&out, &(struct delivery_end){job.job});
	assert_int_equal(channel_send(house->out, DELIVERY_END, writer_slice(&out), -1), SENT);
	arena_free(arena);
}

static void out_dies(void);

static void out_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	(void)owner, (void)channel;
	if (type == DELIVERY_SEGMENT)
		out_segment(body, fd);
	else if (type == DELIVERY_FORGET)
		out_forget(body);
	else if (type == DELIVERY_JOB && house->die)
		out_dies();
	else if (type == DELIVERY_JOB && !house->silent)
		out_job(body);
	else if (type == DELIVERY_JOB)
		house->jobs++;
	else
		fail_msg("type %#x", type);
}

/* ---- control ---- */

static void have(uint64_t sequence)
{
	char body[16];
	struct writer out = writer_over(body, sizeof body);

	report_count_write(&out, sequence);
	assert_int_equal(channel_send(house->control, REPORT_HAVE, writer_slice(&out), -1), SENT);
}

static void control_event(struct slice body)
{
	struct report_event event;

	assert_true(report_event_read(body, &event));
	assert_true(event.sequence > house->last_event);
	house->last_event = event.sequence;
	house->delivered +=
		slice_starts(event.line, SLICE("{\"schema\":1,\"event\":\"delivered\""));
	house->bounced += slice_starts(event.line, SLICE("{\"schema\":1,\"event\":\"bounced\""));
	have(event.sequence);
}

static void ask(uint32_t request, struct slice question)
{
	char body[256];
	struct writer out = writer_over(body, sizeof body);

	report_ask_write(&out, &(struct report_ask){request, question});
	assert_int_equal(channel_send(house->control, REPORT_ASK, writer_slice(&out), -1), SENT);
}

static void control_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct report_answer answer;

	(void)owner, (void)channel, (void)fd;
	if (type == REPORT_ANSWER) {
		assert_true(report_answer_read(body, &answer));
		if (answer.request != 7)
			return;
		text_put(&house->answer, answer.piece);
		house->answers += answer.last;
		queue_role.stop(house->role.state);
		return;
	}
	assert_int_equal(type, REPORT_EVENT);
	control_event(body);
	if (house->delivered == 2 * MAILS && house->bounced == MAILS)
		ask(7, SLICE("{\"ask\":\"status\"}"));
}

/* ---- the life of it ---- */

static void gone(void *owner, struct channel *channel)
{
	struct channel **kept = owner;

	channel_close(channel);
	*kept = NULL;
}

static void join(enum role_name name, struct channel **ours,
	void (*receive)(void *, struct channel *, uint16_t, struct slice, int))
{
	int fds[2];

	assert_true(channel_pair(fds));
	*ours = channel_open(house->role.loop, fds[0],
		(struct channel_user){.receive = receive, .gone = gone, .owner = ours});
	queue_role.peer(house->role.state, name, 0, fds[1]);
}

static void forget_segments(void)
{
	for (size_t i = 0; i < 64; i++)
		if (house->segments[i].disk)
			close(house->segments[i].fd);
	memset(house->segments, 0, sizeof house->segments);
}

static void out_joins(struct timer *timer)
{
	(void)timer;
	house->die = false;
	channel_close(house->out);
	forget_segments();
	join(ROLE_OUT, &house->out, out_receive);
	ask(8, SLICE("{\"ask\":\"queue-act\",\"act\":\"retry\",\"to\":\"*\"}"));
}

/* Killed with jobs outstanding, started again; the administrator is impatient. */
static void out_dies(void)
{
	if (house->deaths++)
		return; /* what else came in that packet */
	timer_init(&house->death, house->role.loop, out_joins);
	timer_set(&house->death, 0);
}

static void start_queue(void)
{
	house->role.state = queue_role.start(&house->role);
	configure(house->role.state);
	queue_role.grant(house->role.state, &(struct setup_grant){.what = GRANT_SPOOL_FOLDER},
		spool_folder());
}

static void count_found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	(void)stored, (void)message, (void)recipients;
	++*(size_t *)owner;
}

static void ignore_damage(void *owner, struct slice words)
{
	(void)owner, (void)words;
}

static size_t count_left(void)
{
	size_t found = 0;
	struct text why = TEXT_GROWING;
	struct store *store;
	int folder = spool_folder();

	assert_int_equal(
		store_open(disk_real(), folder,
			(struct store_events){count_found, ignore_damage, &found}, &why, &store),
		STORE_OPEN);
	store_close(store);
	close(folder);
	text_free(&why);
	return found;
}

static void open_house(size_t mails)
{
	struct writer_link link = {edge_want, edge_committed, edge_done, edge_suspect, NULL};

	start_queue();
	join(ROLE_EDGE, &house->edge, edge_receive);
	join(ROLE_OUT, &house->out, out_receive);
	join(ROLE_CONTROL, &house->control, control_receive);
	queue_role.go(house->role.state);
	assert_true(house->ready && !house->failed);
	house->pool = offload_open(house->role.loop, 1);
	house->writer = spool_writer_open(house->role.loop, disk_real(), house->pool, link);
	for (uintptr_t i = 1; i <= mails; i++)
		assert_true(task_start(house->role.loop, "mail", commit_mail, (void *)(i << 20)));
}

static void close_house(void)
{
	assert_true(house->ended && !house->failed);
	spool_writer_close(house->writer);
	offload_close(house->pool);
	channel_close(house->edge);
	channel_close(house->out);
	channel_close(house->control);
	forget_segments();
}

/* Each mail has a recipient that takes it and one that does not: its report is mail again. */
static void mail_is_delivered_bounced_told_and_done(void **state)
{
	(void)state;
	open_house(MAILS);
	loop_run(house->role.loop);
	assert_int_equal(house->committed, MAILS);
	assert_int_equal(house->reports, MAILS);
	assert_int_equal(house->answers, 1);
	text_char(&house->answer, '\0');
	assert_non_null(strstr(house->answer.at, "\"messages\":0"));
	close_house();
	assert_int_equal(count_left(), 0);
}

static void all_is_delivered_though_out_dies_with_jobs_outstanding(void **state)
{
	(void)state;
	house->die = true;
	open_house(MAILS);
	loop_run(house->role.loop);
	assert_true(house->deaths > 0);
	assert_int_equal(house->delivered, 2 * MAILS);
	close_house();
	assert_int_equal(count_left(), 0);
}

/* As soon as both jobs are under way. */
static void stop_now(struct timer *timer)
{
	if (house->jobs < 2) {
		timer_set(timer, loop_mono(house->role.loop) + 20 * NS_PER_MS);
		return;
	}
	house->role.stop_by = loop_mono(house->role.loop) + 2500 * NS_PER_MS;
	queue_role.stop(house->role.state);
}

static void what_is_under_way_when_the_grace_ends_is_kept(void **state)
{
	(void)state;
	house->silent = true;
	open_house(1);
	timer_init(&house->death, house->role.loop, stop_now);
	timer_set(&house->death, loop_mono(house->role.loop) + 300 * NS_PER_MS);
	loop_run(house->role.loop);
	assert_int_equal(house->committed, 1);
	assert_int_equal(house->jobs, 2);
	close_house();
	assert_int_equal(count_left(), 1);
}

/* What it made durable and did not tell is found by walking its segment. */
static void mail_of_an_edge_that_dies_is_delivered(void **state)
{
	(void)state;
	house->mute = true;
	open_house(MAILS);
	loop_run(house->role.loop);
	assert_int_equal(house->delivered, 2 * MAILS);
	close_house();
	assert_int_equal(count_left(), 0);
}

static void a_second_daemon_ends_with_75(void **state)
{
	struct text why = TEXT_GROWING;
	struct store *store;
	size_t found = 0;
	int folder = spool_folder();

	(void)state;
	assert_int_equal(
		store_open(disk_real(), folder,
			(struct store_events){count_found, ignore_damage, &found}, &why, &store),
		STORE_OPEN);
	start_queue();
	house->failed = -1; /* role_log() may now say an error */
	queue_role.go(house->role.state);
	assert_int_equal(house->failed, 75);
	assert_false(house->ready);
	queue_role.stop(house->role.state);
	assert_true(house->ended);
	store_close(store);
	close(folder);
	text_free(&why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, house_make, house_break)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mail_is_delivered_bounced_told_and_done),
		TEST(all_is_delivered_though_out_dies_with_jobs_outstanding),
		TEST(mail_of_an_edge_that_dies_is_delivered),
		TEST(what_is_under_way_when_the_grace_ends_is_kept),
		TEST(a_second_daemon_ends_with_75),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
