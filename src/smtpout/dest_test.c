/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations: how many connections, which one is used, what happens when none can be had. The
 * remote side is a small sink in the simulated loop. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "dns/fake.h"
#include "smtpout/client_scene.h"
#include "smtpout/dest.h"

/* A server that takes everything, and counts. */
struct sink {
	struct loop *loop;
	struct io *listener;
	size_t connections, open, most_open, messages, quits;
	size_t close_after;      /* messages a connection takes before it hangs up; 0: any */
	unsigned answer_seconds; /* before the final answer */
	struct task *task;
};

struct sink_session {
	struct sink *sink;
	struct io *io;
};

/* Data until the final dot. */
static bool sink_data(struct task *task, struct stream *stream)
{
	struct slice line;

	do {
		if (stream_line(task, stream, 4096, &line) != LINE_WHOLE)
			return false;
	} while (!slice_is(line, SLICE(".")));
	return true;
}

static bool sink_line(struct task *task, struct sink *sink, struct stream *stream, size_t *taken)
{
	struct slice line;

	if (stream_line(task, stream, 4096, &line) != LINE_WHOLE)
		return false;
	if (slice_is(line, SLICE("QUIT"))) {
		sink->quits++;
		return false;
	}
	if (slice_starts(line, SLICE("EHLO"))) {
		stream_put(stream, SLICE("250-sink\r\n250 PIPELINING\r\n"));
	} else if (slice_is(line, SLICE("DATA"))) {
		stream_put(stream, SLICE("354 go\r\n"));
		if (!sink_data(task, stream))
			return false;
		if (sink->answer_seconds &&
			task_sleep(task, sink->answer_seconds * NS_PER_S) != WAIT_READY)
			return false;
		sink->messages++;
		stream_put(stream, SLICE("250 kept\r\n"));
		if (++*taken == sink->close_after && stream_flush(task, stream) == IO_DONE)
			return false;
	} else {
		stream_put(stream, SLICE("250 ok\r\n"));
	}
	return true;
}

static void sink_session(struct task *task, void *arg)
{
	struct sink_session *session = arg;
	struct sink *sink = session->sink;
	struct stream *stream = stream_open(session->io);
	size_t taken = 0;

	free(session);
	if (++sink->open > sink->most_open)
		sink->most_open = sink->open;
	stream_put(stream, SLICE("220 sink\r\n"));
	while (sink_line(task, sink, stream, &taken))
		continue;
	sink->open--;
	stream_close(stream);
}

static void sink_listen(struct task *task, void *arg)
{
	struct sink *sink = arg;
	struct address from;
	struct io *io;

	sink->task = task;
	while (io_accept(task, sink->listener, &io, &from) == IO_DONE) {
		struct sink_session *session = calloc(1, sizeof *session);
		assert_non_null(session);
		*session = (struct sink_session){sink, io};
		sink->connections++;
		assert_true(task_start(sink->loop, "session", sink_session, session));
	}
	io_close(sink->listener);
}

static void sink_open(struct sink *sink, struct loop *loop, const char *address)
{
	struct address at;

	assert_true(address_parse_port(slice_of(address), &at));
	sink->loop = loop;
	sink->listener = sim_listen(loop, &at);
	assert_true(task_start(loop, "sink", sink_listen, sink));
}

/* ---- the pool's other side ---- */

struct scene {
	struct loop *loop;
	struct arena *arena;
	struct pool *pool;
	size_t ended, delivered, deferred, failed, untried, empties, most_connections;
	size_t more;       /* to be added after the first has ended */
	struct text words; /* of what was not delivered */
};

static void scene_add(struct scene *scene, const char *domain, size_t count);

static bool scene_load(void *owner, struct job *job)
{
	(void)owner;
	(void)job;
	return true;
}

static void scene_ended(void *owner, struct job *job)
{
	struct scene *scene = owner;
	const struct rcpt *rcpt = &job->recipients[0];
	size_t connections = pool_count(scene->pool).connections;

	scene->ended++;
	if (connections > scene->most_connections)
		scene->most_connections = connections;
	if (rcpt->state != RCPT_SETTLED)
		scene->untried++;
	else if (rcpt->settled.outcome == OUTCOME_DELIVERED)
		scene->delivered++;
	else if (rcpt->settled.outcome == OUTCOME_DEFERRED)
		scene->deferred++;
	else
		scene->failed++;
	if (rcpt->state == RCPT_SETTLED && rcpt->settled.outcome != OUTCOME_DELIVERED) {
		text_clear(&scene->words);
		text_put(&scene->words, rcpt->settled.words);
	}
	job_free(job);
	size_t more = scene->more;
	scene->more = 0;
	scene_add(scene, "example.org", more);
}

static void scene_empty(void *owner)
{
	struct scene *scene = owner;

	scene->empties++;
}

static void scene_open(struct scene *scene, size_t most)
{
	*scene = (struct scene){.loop = sim_open(0), .arena = arena_new(), .words = TEXT_GROWING};
	struct dns *dns = dns_fake_new(scene->arena,
		SLICE("example.org MX 10 mx.example.org\nmx.example.org A 198.51.100.1\n"
		      "two.example A 198.51.100.2\nbroken.example SERVFAIL\n"));
	scene->pool = pool_open(scene->loop, dns, most,
		(struct pool_link){scene_load, scene_ended, scene_empty, scene});
	pool_set_name(scene->pool, SLICE("us.example"));
}

static void scene_add(struct scene *scene, const char *domain, size_t count)
{
	while (count-- > 0) {
		struct job *job = scene_job("a@us.example", "b@example.org", SLICE("x\r\n"), 0);
		job->order.target = slice_of(domain);
		job->order.route = ROUTE_MX;
		pool_add(scene->pool, job);
	}
}

static void scene_close(struct scene *scene, struct sink *sink)
{
	if (sink) {
		task_cancel(sink->task);
		loop_run(scene->loop);
	}
	pool_close(scene->pool);
	loop_close(scene->loop);
	arena_free(scene->arena);
	text_free(&scene->words);
}

static void one_message_takes_one_connection_that_quits_when_idle(void **state)
{
	struct scene scene;
	struct sink sink = {0};

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	sink_open(&sink, scene.loop, "198.51.100.1:25");
	scene_add(&scene, "example.org", 1);
	mono_ns before = loop_mono(scene.loop);
	loop_run(scene.loop);
	assert_int_equal(scene.delivered, 1);
	assert_int_equal(sink.connections, 1);
	assert_int_equal(sink.quits, 1);
	assert_true(loop_mono(scene.loop) - before >= CONNECTION_IDLE);
	assert_int_equal(pool_count(scene.pool).destinations, 0);
	scene_close(&scene, &sink);
}

static void many_messages_share_few_connections(void **state)
{
	struct scene scene;
	struct sink sink = {.answer_seconds = 1};

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	sink_open(&sink, scene.loop, "198.51.100.1:25");
	scene_add(&scene, "example.org", 1500);
	loop_run(scene.loop);
	assert_int_equal(scene.delivered, 1500);
	assert_int_equal(sink.messages, 1500);
	assert_int_equal(sink.most_open, CONNECTIONS_PER_DESTINATION);
	/* No connection sends more than its number. */
	assert_true(sink.connections >= 1500 / MESSAGES_PER_CONNECTION);
	assert_int_equal(sink.quits, sink.connections);
	scene_close(&scene, &sink);
}

/* Once it is known to be near, what waits is left for a moment to the connection that is at work.
 */
static void a_near_server_is_spoken_to_on_one_connection(void **state)
{
	struct scene scene;
	struct sink sink = {0};

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	sink_open(&sink, scene.loop, "198.51.100.1:25");
	scene_add(&scene, "example.org", 1);
	scene.more = 50;
	loop_run(scene.loop);
	assert_int_equal(scene.delivered, 51);
	assert_int_equal(sink.connections, 1);
	scene_close(&scene, &sink);
}

static void a_server_not_known_to_be_near_gets_its_connections_at_once(void **state)
{
	struct scene scene;
	struct sink sink = {.answer_seconds = 60};

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	sink_open(&sink, scene.loop, "198.51.100.1:25");
	scene_add(&scene, "example.org", CONNECTIONS_AT_FIRST);
	mono_ns before = loop_mono(scene.loop);
	loop_run(scene.loop);
	assert_int_equal(scene.delivered, CONNECTIONS_AT_FIRST);
	assert_int_equal(sink.connections, CONNECTIONS_AT_FIRST);
	assert_true(loop_mono(scene.loop) - before < CONNECTION_IDLE + 61 * NS_PER_S);
	scene_close(&scene, &sink);
}

static void an_unreachable_host_defers_all_that_wait_with_the_same_words(void **state)
{
	struct scene scene;
	struct address at;

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	assert_true(address_parse_port(SLICE("198.51.100.1:25"), &at));
	sim_refuse(scene.loop, &at, ECONNREFUSED);
	scene_add(&scene, "example.org", 50);
	loop_run(scene.loop);
	assert_int_equal(scene.deferred, 50);
	text_char(&scene.words, '\0');
	assert_string_equal(scene.words.at,
		"No connection to mx.example.org [198.51.100.1]:25: Connection refused");
	scene_close(&scene, NULL);
}

static void a_silent_host_is_given_up_after_five_minutes(void **state)
{
	struct scene scene;
	struct address at;

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	assert_true(address_parse_port(SLICE("198.51.100.1:25"), &at));
	sim_refuse(scene.loop, &at, 0);
	scene_add(&scene, "example.org", 1);
	loop_run(scene.loop);
	assert_int_equal(scene.deferred, 1);
	assert_true(loop_mono(scene.loop) >= 300 * NS_PER_S);
	scene_close(&scene, NULL);
}

static void names_that_fail_for_now_and_for_good(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	scene_add(&scene, "broken.example", 3);
	scene_add(&scene, "nowhere.example", 4);
	loop_run(scene.loop);
	assert_int_equal(scene.deferred, 3);
	assert_int_equal(scene.failed, 4);
	scene_close(&scene, NULL);
}

/* The remote hangs up after each message: what was sent behind it is tried anew, none is lost. */
static void a_remote_that_hangs_up_often_gets_everything_once(void **state)
{
	struct scene scene;
	struct sink sink = {.close_after = 3};

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	sink_open(&sink, scene.loop, "198.51.100.1:25");
	scene_add(&scene, "example.org", 40);
	loop_run(scene.loop);
	assert_int_equal(scene.ended, 40);
	assert_int_equal(scene.delivered, 40);
	assert_int_equal(sink.messages, 40);
	scene_close(&scene, &sink);
}

static void destinations_take_turns_when_all_places_are_taken(void **state)
{
	struct scene scene;
	struct sink one = {.answer_seconds = 1}, two = {0};

	(void)state;
	scene_open(&scene, 2);
	sink_open(&one, scene.loop, "198.51.100.1:25");
	sink_open(&two, scene.loop, "198.51.100.2:25");
	scene_add(&scene, "example.org", 200);
	scene_add(&scene, "two.example", 5);
	loop_run(scene.loop);
	assert_int_equal(scene.delivered, 205);
	assert_int_equal(two.messages, 5);
	assert_true(scene.most_connections <= 2);
	/* The slow one had to give a place up: its connections were not used to their end. */
	assert_true(one.connections > 2);
	task_cancel(two.task);
	scene_close(&scene, &one);
}

static void stop_ends_what_runs_and_leaves_the_rest_untried(void **state)
{
	struct scene scene;
	struct sink sink = {.answer_seconds = 60};

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	sink_open(&sink, scene.loop, "198.51.100.1:25");
	scene_add(&scene, "example.org", 20);
	pool_stop(scene.pool);
	assert_int_equal(scene.untried, 20);
	loop_run(scene.loop);
	assert_int_equal(scene.empties, 1);
	assert_int_equal(pool_count(scene.pool).connections, 0);
	scene_close(&scene, &sink);
}

struct stopping {
	struct scene *scene;
};

static void stop_later(struct task *task, void *arg)
{
	struct scene *scene = arg;

	assert_int_equal(task_sleep(task, 30 * NS_PER_S), WAIT_READY);
	pool_stop(scene->pool);
}

static void stop_lets_running_transactions_finish(void **state)
{
	struct scene scene;
	struct sink sink = {.answer_seconds = 60};

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	sink_open(&sink, scene.loop, "198.51.100.1:25");
	scene_add(&scene, "example.org", 20);
	assert_true(task_start(scene.loop, "stop", stop_later, &scene));
	loop_run(scene.loop);
	assert_int_equal(scene.ended, 20);
	assert_int_equal(scene.delivered, sink.messages);
	assert_true(scene.delivered >= CONNECTIONS_AT_FIRST);
	assert_int_equal(scene.delivered + scene.untried, 20);
	assert_int_equal(scene.empties, 1);
	scene_close(&scene, &sink);
}

/* What wishes more never rides on a connection that was opened with less, nor one's mail on a
 * connection signed in as another. */
static void ways_that_differ_share_no_connection(void **state)
{
	static const struct {
		enum route_tls tls;
		const char *login, *file;
	} ways[] = {
		{ROUTE_TLS_MAY, "", ""},
		{ROUTE_TLS_OFF, "", ""},
		{ROUTE_TLS_VERIFIED, "", ""},
		{ROUTE_TLS_VERIFIED, "us", "/a"},
		{ROUTE_TLS_VERIFIED, "us", "/b"},
		{ROUTE_TLS_VERIFIED, "we", "/a"},
	};
	enum { WAYS = sizeof ways / sizeof *ways };
	struct scene scene;
	struct sink sink = {0};

	(void)state;
	scene_open(&scene, CONNECTIONS_IN_ALL);
	sink_open(&sink, scene.loop, "198.51.100.1:25");
	for (size_t i = 0; i < 2 * WAYS; i++) {
		struct job *job = scene_job("a@us.example", "b@example.org", SLICE("x\r\n"), 0);
		job->order.route = ROUTE_MX;
		job->order.target = SLICE("example.org");
		job->order.tls = (uint8_t)ways[i % WAYS].tls;
		job->order.login = slice_of(ways[i % WAYS].login);
		job->order.password_file = slice_of(ways[i % WAYS].file);
		pool_add(scene.pool, job);
	}
	assert_int_equal(pool_count(scene.pool).destinations, WAYS);
	loop_run(scene.loop);
	/* The sink has no TLS. */
	assert_int_equal(scene.delivered, 2 * 2);
	assert_int_equal(scene.deferred, 2 * (WAYS - 2));
	scene_close(&scene, &sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_message_takes_one_connection_that_quits_when_idle),
		cmocka_unit_test(many_messages_share_few_connections),
		cmocka_unit_test(a_near_server_is_spoken_to_on_one_connection),
		cmocka_unit_test(a_server_not_known_to_be_near_gets_its_connections_at_once),
		cmocka_unit_test(an_unreachable_host_defers_all_that_wait_with_the_same_words),
		cmocka_unit_test(a_silent_host_is_given_up_after_five_minutes),
		cmocka_unit_test(names_that_fail_for_now_and_for_good),
		cmocka_unit_test(a_remote_that_hangs_up_often_gets_everything_once),
		cmocka_unit_test(destinations_take_turns_when_all_places_are_taken),
		cmocka_unit_test(stop_ends_what_runs_and_leaves_the_rest_untried),
		cmocka_unit_test(ways_that_differ_share_no_connection),
		cmocka_unit_test(stop_lets_running_transactions_finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
