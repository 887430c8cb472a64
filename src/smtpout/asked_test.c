/* SPDX-License-Identifier: Apache-2.0 */
/* `mailboxes asked` against a next hop in the simulated loop, which can be made to misbehave. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/fake.h"
#include "policy/testing.h"
#include "run/sim.h"
#include "run/stream.h"
#include "smtpout/asked.h"

#define HOUR (3600 * NS_PER_S)

static const char asked_line[] =
	"domain a.example mailboxes asked deliver smtp \"198.51.100.1:25\"\n";

/* ---- the next hop ---- */

struct hop_server {
	struct loop *loop;
	struct io *listener;
	struct task *task;
	/* How it answers RCPT: "alice 250 Ok\nbob 450 4.2.0 later\n* 550 5.1.1 no"; "silent" and
	 * "close" instead of a reply. */
	const char *replies;
	const char *greeting, *mail; /* NULL: 220, 250 */
	bool no_pipelining, utf8, lmtp;
	size_t close_after; /* RCPTs; 0: never */
	size_t connections, mails, rcpts, resets, quits;
	struct text heard; /* names asked about, blank-separated, those at random as ? */
};
struct hop_session {
	struct hop_server *server;
	struct io *io;
};

static struct slice reply_to(const struct hop_server *server, struct slice name)
{
	struct slice lines = slice_of(server->replies);

	while (lines.len) {
		struct slice line = slice_cut(&lines, '\n');
		struct slice who = slice_cut(&line, ' ');
		if (slice_is(who, name) || slice_is(who, SLICE("*")))
			return line;
	}
	return SLICE("550 5.1.1 nobody");
}

static bool rcpt(struct task *task, struct hop_server *server, struct stream *stream,
	struct slice line, size_t *taken)
{
	struct slice path = slice_from(line, 9), name = slice_cut(&path, '@');
	struct slice reply = reply_to(server, name);

	server->rcpts++;
	text_put(&server->heard, slice_starts(name, SLICE("no-such-mailbox-")) ? SLICE("?") : name);
	text_char(&server->heard, ' ');
	if (slice_is(reply, SLICE("silent")))
		return task_sleep(task, HOUR) == WAIT_READY;
	if (slice_is(reply, SLICE("close")) || (++*taken == server->close_after))
		return false;
	stream_put(stream, reply);
	stream_put(stream, SLICE("\r\n"));
	return !slice_starts(reply, SLICE("421"));
}

static bool serve_line(struct task *task, struct hop_server *server, struct stream *stream,
	struct slice line, size_t *taken)
{
	struct slice hello = server->lmtp ? SLICE("LHLO") : SLICE("EHLO");

	if (slice_is(line, SLICE("QUIT"))) {
		server->quits++;
		return false;
	}
	if (slice_starts(line, SLICE("RCPT TO:<")))
		return rcpt(task, server, stream, line, taken);
	if (slice_starts(line, hello)) {
		stream_put(stream, SLICE("250-hop\r\n"));
		if (!server->no_pipelining)
			stream_put(stream, SLICE("250-PIPELINING\r\n"));
		if (server->utf8)
			stream_put(stream, SLICE("250-SMTPUTF8\r\n"));
		stream_put(stream, SLICE("250 8BITMIME\r\n"));
	} else if (slice_starts(line, SLICE("MAIL FROM:<>"))) {
		server->mails++;
		stream_put(stream, slice_of(server->mail ? server->mail : "250 ok"));
		stream_put(stream, SLICE("\r\n"));
	} else if (slice_is(line, SLICE("RSET"))) {
		server->resets++;
		stream_put(stream, SLICE("250 ok\r\n"));
	} else {
		stream_put(stream, SLICE("500 what?\r\n"));
	}
	return true;
}

static void serve(struct task *task, void *arg)
{
	struct hop_session *session = arg;
	struct hop_server *server = session->server;
	struct stream *stream = stream_open(session->io);
	struct slice line;
	size_t taken = 0;

	free(session);
	stream_put(stream, slice_of(server->greeting ? server->greeting : "220 hop"));
	stream_put(stream, SLICE("\r\n"));
	while (stream_line(task, stream, 4096, &line) == LINE_WHOLE &&
		serve_line(task, server, stream, line, &taken))
		continue;
	(void)!stream_flush(task, stream); /* a 421 may be left in it */
	stream_close(stream);
}

static void listen_run(struct task *task, void *arg)
{
	struct hop_server *server = arg;
	struct address from;
	struct io *io;

	server->task = task;
	while (io_accept(task, server->listener, &io, &from) == IO_DONE) {
		struct hop_session *session = calloc(1, sizeof *session);
		assert_non_null(session);
		*session = (struct hop_session){server, io};
		server->connections++;
		assert_true(task_start(server->loop, "session", serve, session));
	}
	io_close(server->listener);
}

static void server_open(struct hop_server *server, struct loop *loop, const char *replies)
{
	struct address at;

	assert_true(address_parse_port(SLICE("198.51.100.1:25"), &at));
	server->loop = loop;
	server->replies = replies;
	server->heard = TEXT_GROWING;
	server->listener = sim_listen(loop, &at);
	assert_true(task_start(loop, "hop", listen_run, server));
}

/* ---- who asks ---- */

struct scene {
	struct loop *loop;
	struct arena *arena;
	struct asked *asked;
	struct text told, said; /* answers, a line each; what went to the log, by event */
	mono_ns told_at;
	bool empty;
	struct hop_server server;
};

static void told(void *owner, const struct asking_answer *answer)
{
	static const char *const names[] = {"known", "unknown", "untold"};
	struct scene *scene = owner;

	scene->told_at = loop_mono(scene->loop);
	text_format(&scene->told, "%u %s %.*s\n", answer->request, names[answer->found],
		SLICE_ARGS(answer->because));
}

static void say(void *owner, bool is_trouble, const char *event, struct slice words)
{
	struct scene *scene = owner;

	(void)is_trouble, (void)words;
	text_format(&scene->said, "%s ", event);
}

static void empty(void *owner)
{
	struct scene *scene = owner;

	scene->empty = true;
}

static void use(struct scene *scene, const char *text)
{
	struct policy *policy = test_load(text, NULL, 0);

	asked_use(scene->asked, policy, NULL);
	policy_unref(policy);
}

static void scene_open(struct scene *scene, const char *replies)
{
	*scene = (struct scene){.loop = sim_open(HOUR),
		.arena = arena_new(),
		.told = TEXT_GROWING,
		.said = TEXT_GROWING};
	struct dns *dns = dns_fake_new(scene->arena,
		SLICE("mx.example MX 10 mx.mx.example\nmx.mx.example A 198.51.100.1\n"));
	scene->asked =
		asked_open(scene->loop, dns, NULL, NULL, (struct asked_link){say, empty, scene});
	use(scene, asked_line);
	if (replies)
		server_open(&scene->server, scene->loop, replies);
}

static void scene_close(struct scene *scene)
{
	asked_stop(scene->asked);
	loop_run(scene->loop);
	if (scene->server.task)
		task_cancel(scene->server.task);
	loop_run(scene->loop);
	assert_int_equal(asked_connections(scene->asked), 0);
	asked_close(scene->asked);
	text_free(&scene->told);
	text_free(&scene->said);
	text_free(&scene->server.heard);
	loop_close(scene->loop);
	arena_free(scene->arena);
}

static void ask(struct scene *scene, unsigned request, const char *address)
{
	asked_ask(scene->asked, &(struct asking_ask){request, slice_of(address)},
		(struct asked_user){told, scene});
}

static void nothing(struct timer *timer)
{
	(void)timer;
}

/* Runs until so much time has passed, with what it brings. */
static void pass(struct scene *scene, mono_ns time)
{
	struct timer timer;

	loop_run(scene->loop);
	timer_init(&timer, scene->loop, nothing);
	timer_set(&timer, loop_mono(scene->loop) + time);
	loop_run(scene->loop);
}

/* Asks, runs, and expects exactly these answers. */
static void expect_told(struct scene *scene, const char *expected)
{
	loop_run(scene->loop);
	text_char(&scene->told, 0);
	if (!slice_matches(slice_of(scene->told.at), slice_of(expected)))
		print_message("told:\n%s", scene->told.at);
	assert_true(slice_matches(slice_of(scene->told.at), slice_of(expected)));
	text_clear(&scene->told);
}

static void expect_heard(struct scene *scene, const char *expected)
{
	struct slice heard = text_slice(&scene->server.heard);

	if (!slice_is(heard, slice_of(expected)))
		print_message("heard: %.*s\n", SLICE_ARGS(heard));
	assert_true(slice_is(heard, slice_of(expected)));
	text_clear(&scene->server.heard);
}

/* ---- answers ---- */

static void a_yes_is_known_and_a_no_unknown_with_the_words(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "alice 250 2.1.5 Ok\n");
	ask(&scene, 1, "alice@a.example");
	expect_told(&scene, "1 known asked 198.51.100.1:25: 250 2.1.5 Ok\n");
	ask(&scene, 2, "bob@a.example");
	expect_told(&scene, "2 unknown asked 198.51.100.1:25: 550 5.1.1 nobody\n");
	expect_heard(&scene, "alice ? bob ");
	scene_close(&scene);
}

static void what_is_remembered_is_not_asked_again(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "alice 250 2.1.5 Ok\n");
	ask(&scene, 1, "alice@a.example");
	ask(&scene, 2, "bob@a.example");
	expect_told(&scene, "1 known *\n2 unknown *\n");
	expect_heard(&scene, "alice bob ? ");
	pass(&scene, 180 * NS_PER_S);
	ask(&scene, 3, "Alice+tag@a.example"); /* hers, and one entry */
	ask(&scene, 4, "bob@a.example");
	expect_told(&scene, "3 known asked 198.51.100.1:25: 250 2.1.5 Ok (cached 3 min)\n"
			    "4 unknown asked 198.51.100.1:25: 550 5.1.1 nobody (cached 3 min)\n");
	expect_heard(&scene, "");
	scene_close(&scene);
}

static void an_unknown_one_is_asked_about_again_soon_and_by_a_reload_at_once(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* 550 5.1.1 not yet\n");
	ask(&scene, 1, "new@a.example");
	expect_told(&scene, "1 unknown *\n");
	scene.server.replies = "new 250 welcome\n";
	ask(&scene, 2, "new@a.example");
	expect_told(&scene, "2 unknown * (cached *)\n");
	pass(&scene, 900 * NS_PER_S);
	ask(&scene, 3, "new@a.example");
	expect_told(&scene, "3 known *\n");
	ask(&scene, 4, "newer@a.example");
	expect_told(&scene, "4 unknown *\n");
	scene.server.replies = "newer 250 welcome\n";
	use(&scene, asked_line);
	ask(&scene, 5, "newer@a.example");
	expect_told(&scene, "5 known asked *: 250 welcome\n");
	scene_close(&scene);
}

static void the_address_as_it_was_written_is_tried_where_the_plain_one_is_unknown(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "Bob+x 250 Ok\nlist+owner 250 Ok\n* 550 5.1.1 nobody\n");
	ask(&scene, 1, "list+owner@a.example");
	expect_told(&scene, "1 known *\n");
	ask(&scene, 2, "Bob+x@a.example");
	expect_told(&scene, "2 known *\n");
	ask(&scene, 3, "nobody+x@a.example");
	expect_told(&scene, "3 unknown *\n");
	expect_heard(&scene, "list list+owner ? bob Bob+x nobody nobody+x ");
	scene_close(&scene);
}

static void several_are_asked_about_in_one_transaction(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* 250 Ok\n");
	ask(&scene, 1, "a@a.example");
	loop_run(scene.loop);
	for (unsigned i = 2; i < 7; i++) {
		char address[] = "?@a.example";
		address[0] = (char)('a' + i);
		ask(&scene, i, address);
	}
	loop_run(scene.loop);
	/* One name at random was asked about after the first yes. */
	assert_int_equal(scene.server.rcpts, 7);
	assert_int_equal(scene.server.mails, 3);
	assert_int_equal(scene.server.resets, 3);
	scene_close(&scene);
}

static void all_who_ask_at_once_share_one_question(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "alice 250 Ok\n");
	for (unsigned i = 1; i < 4; i++)
		ask(&scene, i, "alice@a.example");
	expect_told(&scene, "1 known *\n2 known *\n3 known *\n");
	expect_heard(&scene, "alice ? ");
	scene_close(&scene);
}

static void without_pipelining_one_waits_for_each_answer(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "alice 250 Ok\n");
	scene.server.no_pipelining = true;
	ask(&scene, 1, "alice@a.example");
	ask(&scene, 2, "bob@a.example");
	expect_told(&scene, "1 known *\n2 unknown *\n");
	assert_int_equal(scene.server.resets, scene.server.mails);
	scene_close(&scene);
}

static void who_has_no_smtputf8_has_no_such_address(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* 250 Ok\n");
	ask(&scene, 1, "zo\xc3\xab@a.example");
	expect_told(&scene, "1 unknown asked 198.51.100.1:25: it does not offer SMTPUTF8*\n");
	scene_close(&scene);
	scene_open(&scene, "* 250 Ok\n");
	scene.server.utf8 = true;
	ask(&scene, 1, "zo\xc3\xab@a.example");
	expect_told(&scene, "1 known *\n");
	scene_close(&scene);
}

static void lmtp_is_asked_alike(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "alice 250 Ok\n* 550 5.1.1 no\n");
	scene.server.lmtp = true;
	use(&scene, "domain a.example mailboxes asked deliver lmtp \"198.51.100.1:25\"\n");
	ask(&scene, 1, "alice@a.example");
	ask(&scene, 2, "bob@a.example");
	expect_told(&scene, "1 known *\n2 unknown *\n");
	scene_close(&scene);
}

static void a_backup_asks_the_better_exchanger(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "alice 250 Ok\n");
	use(&scene, "domain mx.example *.below.example mailboxes asked deliver via mx\n");
	ask(&scene, 1, "alice@mx.example");
	ask(&scene, 2, "alice@nowhere.below.example");
	expect_told(&scene, "*1 known asked the MX of mx.example: 250 Ok\n*");
	scene_close(&scene);
}

static void nobody_is_asked_about_other_domains(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* 250 Ok\n");
	use(&scene, "domain a.example any recipient deliver smtp \"198.51.100.1:25\"\n");
	ask(&scene, 1, "alice@a.example");
	ask(&scene, 2, "alice@elsewhere.example");
	ask(&scene, 3, "no address");
	expect_told(&scene, "1 untold the configuration *\n2 untold *\n3 untold *\n");
	assert_int_equal(scene.server.connections, 0);
	scene_close(&scene);
}

/* ---- no answer ---- */

static void what_is_not_about_the_mailbox_tells_nothing_and_is_not_kept(void **state)
{
	static const char *const replies[] = {"* 450 4.2.0 Greylisted\n",
		"* 550 5.7.1 Relaying denied\n", "* 554 5.7.1 blocked\n", "* 452 4.3.1 disk\n"};

	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		struct scene scene;
		scene_open(&scene, replies[i]);
		ask(&scene, 1, "alice@a.example");
		expect_told(&scene, "1 untold asked 198.51.100.1:25: *\n");
		scene.server.replies = "* 250 Ok\n";
		ask(&scene, 2, "alice@a.example");
		expect_told(&scene, "2 known *\n");
		scene_close(&scene);
	}
}

static void a_refused_null_sender_tells_nothing_of_anybody(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* 503 5.5.1 no MAIL\n");
	scene.server.mail = "550 5.1.1 null sender not welcome";
	ask(&scene, 1, "alice@a.example");
	ask(&scene, 2, "bob@a.example");
	expect_told(&scene, "1 untold *null sender not welcome\n2 untold *not welcome\n");
	scene_close(&scene);
}

static void a_silent_next_hop_is_waited_for_once_and_then_left_alone(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* silent\n");
	mono_ns before = loop_mono(scene.loop);
	ask(&scene, 1, "alice@a.example");
	loop_run(scene.loop);
	assert_int_equal(scene.told_at - before, PROBE_PATIENCE);
	expect_told(&scene, "1 untold asked 198.51.100.1:25: it did not answer in time\n");
	scene_close(&scene);
}

static void while_it_rests_the_answer_comes_at_once_and_the_log_says_it_once(void **state)
{
	struct scene scene;
	struct address at;

	(void)state;
	scene_open(&scene, NULL);
	assert_true(address_parse_port(SLICE("198.51.100.1:25"), &at));
	sim_refuse(scene.loop, &at, ECONNREFUSED);
	ask(&scene, 1, "alice@a.example");
	expect_told(&scene, "1 untold *Connection refused*\n");
	mono_ns before = loop_mono(scene.loop);
	ask(&scene, 2, "bob@a.example");
	ask(&scene, 3, "alice@a.example");
	expect_told(&scene, "2 untold *Connection refused*\n3 untold *\n");
	assert_int_equal(loop_mono(scene.loop), before);
	for (unsigned i = 0; i < 5; i++) {
		pass(&scene, 2 * HOP_REST_MOST);
		ask(&scene, 4, "alice@a.example");
		expect_told(&scene, "4 untold *\n");
	}
	assert_true(slice_is(text_slice(&scene.said), SLICE("next-hop-silent ")));
	scene_close(&scene);
}

static void who_was_known_stays_known_while_nobody_answers(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "alice 250 Ok\n");
	ask(&scene, 1, "alice@a.example");
	expect_told(&scene, "1 known *\n");
	scene.server.greeting = "421 4.3.2 going down";
	pass(&scene, 23 * HOUR);
	ask(&scene, 2, "alice@a.example"); /* due: told at once, asked behind it */
	expect_told(&scene, "2 known * (cached 23 h)\n");
	pass(&scene, 3 * HOUR);
	ask(&scene, 3, "alice@a.example"); /* stale: asked first */
	ask(&scene, 4, "bob@a.example");
	expect_told(&scene, "3 known * (cached 26 h; now: 198.51.100.1:25: 421 *going down)\n"
			    "4 untold *421 *going down\n");
	ask(&scene, 5, "alice@a.example"); /* while it rests */
	expect_told(&scene, "5 known * (cached 26 h; now: *\n");
	pass(&scene, 168 * HOUR);
	ask(&scene, 6, "alice@a.example");
	expect_told(&scene, "6 untold *\n");
	scene_close(&scene);
}

static void one_who_is_gone_is_noticed_by_the_question_behind_the_answer(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "alice 250 Ok\n");
	ask(&scene, 1, "alice@a.example");
	expect_told(&scene, "1 known *\n");
	scene.server.replies = "* 550 5.1.1 she left\n";
	pass(&scene, 2 * HOUR);
	ask(&scene, 2, "alice@a.example");
	expect_told(&scene, "2 known * (cached 2 h)\n");
	ask(&scene, 3, "alice@a.example");
	expect_told(&scene, "3 unknown *she left (cached *)\n");
	scene_close(&scene);
}

static void a_connection_that_was_closed_meanwhile_is_made_anew(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* 250 Ok\n");
	scene.server.close_after = 3;
	ask(&scene, 1, "a@a.example");
	loop_run(scene.loop); /* two: the other at random */
	ask(&scene, 2, "b@a.example");
	ask(&scene, 3, "c@a.example");
	expect_told(&scene, "1 known *\n2 known *\n3 known *\n");
	scene_close(&scene);
}

static void one_that_closes_at_every_question_cannot_tell(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* close\n");
	ask(&scene, 1, "a@a.example");
	expect_told(&scene, "1 untold asked 198.51.100.1:25: it closed the connection\n");
	assert_int_equal(scene.server.connections, 1);
	scene_close(&scene);
}

static void a_421_in_the_middle_puts_the_rest_on_another_connection(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "a 250 Ok\nb 421 4.7.0 too many errors\n* 250 Ok\n");
	ask(&scene, 1, "a@a.example");
	ask(&scene, 2, "b@a.example");
	ask(&scene, 3, "c@a.example");
	expect_told(&scene, "1 known *\n2 untold *421 4.7.0 too many errors\n3 known *\n");
	scene_close(&scene);
}

/* ---- guesses ---- */

static void guesses_are_bounded_and_who_is_known_is_not(void **state)
{
	struct scene scene;
	char address[40];

	(void)state;
	scene_open(&scene, "alice 250 Ok\nbob 250 Ok\n* 550 5.1.1 nobody\n");
	ask(&scene, 1, "alice@a.example");
	expect_told(&scene, "1 known *\n");
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(address, sizeof address, "guess%u@a.example", i);
		ask(&scene, 2, address);
	}
	loop_run(scene.loop);
	text_clear(&scene.told);
	assert_in_range(scene.server.rcpts, PROBES_BURST, PROBES_BURST + 25);
	ask(&scene, 3, "alice@a.example");
	expect_told(&scene, "3 known * (cached *)\n");
	/* Somebody new has to wait for a moment. */
	pass(&scene, NS_PER_S);
	ask(&scene, 4, "bob@a.example");
	expect_told(&scene, "4 known *\n");
	assert_true(scene.server.connections >= PROBES_BURST / REFUSALS_PER_CONNECTION / 3);
	scene_close(&scene);
}

static void questions_that_are_answered_with_yes_are_not_bounded(void **state)
{
	struct scene scene;
	char address[40];

	(void)state;
	scene_open(&scene, "* 250 Ok\n");
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned j = 0; j < 50; j++) {
			snprintf(address, sizeof address, "member%u@a.example", i * 50 + j);
			ask(&scene, 1, address);
		}
		loop_run(scene.loop);
	}
	assert_int_equal(scene.server.rcpts, 1001); /* and one at random */
	scene_close(&scene);
}

static void a_next_hop_that_takes_everyone_is_noticed_and_forgiven(void **state)
{
	struct scene scene;
	struct text json = TEXT_GROWING;

	(void)state;
	scene_open(&scene, "* 250 Ok\n");
	ask(&scene, 1, "alice@a.example");
	loop_run(scene.loop);
	assert_true(slice_is(text_slice(&scene.said), SLICE("next-hop-takes-everyone ")));
	asked_status(scene.asked, &json);
	assert_true(slice_matches(
		text_slice(&json), SLICE("*\"next_hop\":\"198.51.100.1:25\",\"state\":\"ok\"*"
					 "\"takes_everyone\":true*")));
	scene.server.replies = "bob 250 Ok\n* 550 5.1.1 no\n";
	pass(&scene, 25 * HOUR);
	ask(&scene, 2, "bob@a.example");
	loop_run(scene.loop);
	text_clear(&json);
	asked_status(scene.asked, &json);
	assert_true(slice_matches(text_slice(&json), SLICE("*\"takes_everyone\":false*")));
	text_free(&json);
	scene_close(&scene);
}

/* ---- the configuration ---- */

static void words_of_another_next_hop_are_forgotten(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "alice 250 Ok\n");
	ask(&scene, 1, "alice@a.example");
	expect_told(&scene, "1 known *\n");
	use(&scene, asked_line);
	ask(&scene, 2, "alice@a.example");
	expect_told(&scene, "2 known * (cached *)\n");
	use(&scene, "domain a.example mailboxes asked deliver smtp \"198.51.100.2:25\"\n");
	ask(&scene, 3, "alice@a.example");
	expect_told(&scene, "3 untold *\n");
	scene_close(&scene);
}

static void an_end_answers_everybody(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* silent\n");
	ask(&scene, 1, "alice@a.example");
	asked_stop(scene.asked);
	loop_run(scene.loop);
	expect_told(&scene, "1 untold *\n");
	assert_true(scene.empty || asked_connections(scene.asked) == 0);
	scene_close(&scene);
}

/* ---- what deliveries tell ---- */

static void learn(struct scene *scene, const char *address, enum outcome outcome, unsigned code,
	const char *words)
{
	char indices[2] = {0};
	struct job *job = job_new(&(struct delivery_job){.route = ROUTE_HOSTS,
		.target = SLICE("198.51.100.1:25"),
		.port = 25,
		.recipients = {indices, sizeof indices}});
	struct envelope_recipient recipient = {.address = slice_of(address)};
	struct settlement settled = {.outcome = outcome, .code = code, .words = slice_of(words)};

	job->loaded = true;
	job->message.envelope.recipients = &recipient;
	job->message.envelope.recipient_count = 1;
	job_settle(job, &job->recipients[0], &settled);
	asked_learn(scene->asked, job, &job->recipients[0]);
	job_free(job);
}

static void what_a_delivery_says_counts_like_an_answer(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, "* 250 Ok\n");
	learn(&scene, "alice@a.example", OUTCOME_DELIVERED, 250, "kept");
	ask(&scene, 1, "alice@a.example");
	expect_told(&scene, "1 known * 250 kept, at a delivery (cached 0 s)\n");
	learn(&scene, "alice@a.example", OUTCOME_FAILED, 550, "no such user");
	ask(&scene, 2, "alice@a.example");
	expect_told(&scene, "2 unknown *\n");
	learn(&scene, "bob@a.example", OUTCOME_FAILED, 554, "we do not like the words in it");
	learn(&scene, "bob@a.example", OUTCOME_DEFERRED, 450, "no such user");
	ask(&scene, 3, "bob@a.example");
	expect_told(&scene, "3 known asked 198.51.100.1:25: 250 Ok\n");
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_yes_is_known_and_a_no_unknown_with_the_words),
		cmocka_unit_test(what_is_remembered_is_not_asked_again),
		cmocka_unit_test(an_unknown_one_is_asked_about_again_soon_and_by_a_reload_at_once),
		cmocka_unit_test(
			the_address_as_it_was_written_is_tried_where_the_plain_one_is_unknown),
		cmocka_unit_test(several_are_asked_about_in_one_transaction),
		cmocka_unit_test(all_who_ask_at_once_share_one_question),
		cmocka_unit_test(without_pipelining_one_waits_for_each_answer),
		cmocka_unit_test(who_has_no_smtputf8_has_no_such_address),
		cmocka_unit_test(lmtp_is_asked_alike),
		cmocka_unit_test(a_backup_asks_the_better_exchanger),
		cmocka_unit_test(nobody_is_asked_about_other_domains),
		cmocka_unit_test(what_is_not_about_the_mailbox_tells_nothing_and_is_not_kept),
		cmocka_unit_test(a_refused_null_sender_tells_nothing_of_anybody),
		cmocka_unit_test(a_silent_next_hop_is_waited_for_once_and_then_left_alone),
		cmocka_unit_test(while_it_rests_the_answer_comes_at_once_and_the_log_says_it_once),
		cmocka_unit_test(who_was_known_stays_known_while_nobody_answers),
		cmocka_unit_test(one_who_is_gone_is_noticed_by_the_question_behind_the_answer),
		cmocka_unit_test(a_connection_that_was_closed_meanwhile_is_made_anew),
		cmocka_unit_test(one_that_closes_at_every_question_cannot_tell),
		cmocka_unit_test(a_421_in_the_middle_puts_the_rest_on_another_connection),
		cmocka_unit_test(guesses_are_bounded_and_who_is_known_is_not),
		cmocka_unit_test(questions_that_are_answered_with_yes_are_not_bounded),
		cmocka_unit_test(a_next_hop_that_takes_everyone_is_noticed_and_forgiven),
		cmocka_unit_test(words_of_another_next_hop_are_forgotten),
		cmocka_unit_test(an_end_answers_everybody),
		cmocka_unit_test(what_a_delivery_says_counts_like_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
