/* SPDX-License-Identifier: Apache-2.0 */
/* Ways: which of several hosts is taken, what is said where none is, how the time is shared, and
 * that a connection goes on with what it began with. Scripted servers on a virtual clock. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dns/fake.h"
#include "smtpout/client_scene.h"
#include "smtpout/way.h"
#include "tls/testing.h"

#define SOME_DAY (INT64_C(1764000000) * NS_PER_S)
#define GREETS "S 220 hi\nC EHLO us.example\nS 250 PIPELINING\nC QUIT\n"
#define STARTS_TLS                                                                                 \
	"S 220 hi\nC EHLO us.example\nS 250-us\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nT\n"

enum { HOSTS_HERE = 3 };

struct server {
	struct scene_server scene;
	struct io *listener;
	struct task *task;
	const char *script;
};

struct play {
	struct loop *loop;
	struct arena *arena;
	struct way way;
	struct means means;
	struct server servers[HOSTS_HERE];
	struct testing_tls *keys;
	mono_ns within; /* 0: as long as it takes */
	bool reloads;   /* as soon as it is connected */
	struct text story;
	mono_ns took;
};

static void server_run(struct task *task, void *arg)
{
	struct server *server = arg;
	struct address from;

	server->task = task;
	while (io_accept(task, server->listener, &server->scene.io, &from) == IO_DONE) {
		server->scene.script = slice_of(server->script);
		scene_serve(task, &server->scene);
	}
	io_close(server->listener);
}

/* `script`: "-" is a host that refuses connections, "" one that does not answer at all. */
static void server_open(struct play *play, size_t i, const char *script)
{
	struct server *server = &play->servers[i];
	char room[32];
	struct text where = TEXT_FIXED(room);
	struct address at;

	text_format(&where, "198.51.100.%zu:25", i + 1);
	assert_true(address_parse_port(text_slice(&where), &at));
	server->scene.said = server->scene.fault = TEXT_GROWING;
	server->script = script;
	if (*script == '-' || !*script) {
		sim_refuse(play->loop, &at, *script ? ECONNREFUSED : 0);
		return;
	}
	server->listener = sim_listen(play->loop, &at);
	assert_true(task_start(play->loop, "server", server_run, server));
}

static void play_open(struct play *play, const char *const scripts[HOSTS_HERE])
{
	struct delivery_job order = {.route = ROUTE_HOSTS,
		.tls = ROUTE_TLS_OFF,
		.target = SLICE("198.51.100.1:25 198.51.100.2:25 198.51.100.3:25")};

	*play = (struct play){
		.loop = sim_open(SOME_DAY), .arena = arena_new(), .story = TEXT_GROWING};
	play->way = way_of_job(&order, play->arena);
	play->means = (struct means){
		.dns = dns_fake_new(play->arena, SLICE("mx.example A 198.51.100.1\n")),
		.our_name = SLICE("us.example")};
	for (size_t i = 0; i < HOSTS_HERE; i++)
		server_open(play, i, scripts[i]);
}

static void tell(struct play *play, const struct client *client, const struct settlement *failure)
{
	static const char *const outcomes[] = {"delivered", "deferred", "failed"};

	if (client)
		text_format(&play->story, "%.*s", SLICE_ARGS(client->remote));
	else
		text_format(&play->story, "%s %u %.*s", outcomes[failure->outcome], failure->code,
			SLICE_ARGS(failure->words));
}

static void client_run(struct task *task, void *arg)
{
	struct play *play = arg;
	struct arena *arena = arena_new();
	struct hosts hosts;
	struct settlement failure;
	mono_ns began = loop_mono(play->loop);

	if (play->within)
		task_limit(task, play->within);
	assert_int_equal(way_find(task, &play->way, &play->means, arena, &hosts), WAIT_READY);
	struct client *client =
		way_connect(task, &play->way, &play->means, &hosts, arena, &failure);
	play->took = loop_mono(play->loop) - began;
	tell(play, client, &failure);
	if (play->reloads) {
		trust_drop(play->means.trust);
		play->means = (struct means){0};
	}
	if (client)
		client_quit(task, client);
	arena_free(arena);
}

static void play_run(struct play *play)
{
	assert_true(task_start(play->loop, "client", client_run, play));
	loop_run(play->loop);
	for (size_t i = 0; i < HOSTS_HERE; i++)
		if (play->servers[i].task)
			task_cancel(play->servers[i].task);
	loop_run(play->loop);
	assert_int_equal(task_count(play->loop), 0);
	text_char(&play->story, '\0');
}

static void play_close(struct play *play)
{
	for (size_t i = 0; i < HOSTS_HERE; i++) {
		text_char(&play->servers[i].scene.fault, '\0');
		assert_string_equal(play->servers[i].scene.fault.at, "");
		text_free(&play->servers[i].scene.said);
		text_free(&play->servers[i].scene.fault);
	}
	trust_drop(play->means.trust);
	if (play->keys)
		testing_tls_close(play->keys);
	loop_close(play->loop);
	arena_free(play->arena);
	text_free(&play->story);
}

/* ---- tests ---- */

static void the_first_that_greets_is_taken_and_else_the_failure_that_tells_most(void **state)
{
	static const struct {
		const char *scripts[HOSTS_HERE], *story;
	} rows[] = {
		{{GREETS, GREETS, GREETS}, "198.51.100.1:25 [198.51.100.1]:25"},
		{{"-", "S 554 go away\n", GREETS}, "198.51.100.3:25 [198.51.100.3]:25"},
		{{"-", "-", "-"},
			"deferred 0 No connection to 198.51.100.3:25 [198.51.100.3]:25: Connection "
			"refused"},
		/* Who was met says more than who was not; and what may pass more than what not. */
		{{"S 421 full\n", "-", "-"}, "deferred 421 full"},
		{{"-", "S 421 full\n", "-"}, "deferred 421 full"},
		{{"S 421 full\n", "S 421 fuller\n", "S 554 never\n"}, "deferred 421 fuller"},
		{{"S 554 never\n", "-", "S 554 no\n"},
			"deferred 0 No connection to 198.51.100.2:25 [198.51.100.2]:25: Connection "
			"refused"},
		{{"S 554 never\n", "S 554 no\n", "S 554 go away\n"}, "failed 554 never"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct play play;
		play_open(&play, rows[i].scripts);
		play_run(&play);
		assert_string_equal(play.story.at, rows[i].story);
		play_close(&play);
	}
}

static void those_that_are_silent_leave_time_for_the_next(void **state)
{
	static const char *const scripts[HOSTS_HERE] = {"", "", GREETS};
	static const char *const nobody[HOSTS_HERE] = {"", "", ""};
	struct play play;

	(void)state;
	play_open(&play, scripts);
	play.within = 9 * NS_PER_S;
	play_run(&play);
	assert_string_equal(play.story.at, "198.51.100.3:25 [198.51.100.3]:25");
	assert_true(play.took == 6 * NS_PER_S);
	play_close(&play);
	play_open(&play, nobody);
	play.within = 9 * NS_PER_S;
	play_run(&play);
	assert_true(play.took == 9 * NS_PER_S);
	play_close(&play);
	play_open(&play, nobody); /* and without a deadline each has its own */
	play_run(&play);
	assert_true(play.took == 15 * 60 * NS_PER_S);
	play_close(&play);
}

/* The first server speaks TLS, and is called mx.example. */
static void play_open_tls(struct play *play, enum route_tls tls, const char *script)
{
	const char *const scripts[HOSTS_HERE] = {script, "-", "-"};
	struct text why = TEXT_GROWING;

	play_open(play, scripts);
	play->keys = testing_tls_open(play->loop, SLICE("mx.example"));
	play->servers[0].scene.tls = play->keys->tls;
	play->means.trust = trust_open(slice_of(play->keys->trust_file), &why);
	assert_non_null(play->means.trust);
	play->way.tls = tls;
	play->way.target = SLICE("mx.example:25");
	text_free(&why);
}

static void a_login_without_its_password_is_not_tried_and_says_which_file(void **state)
{
	struct play play;

	(void)state;
	play_open_tls(&play, ROUTE_TLS_VERIFIED,
		STARTS_TLS "C EHLO us.example\nS 250-us\nS 250 AUTH PLAIN\nX\n");
	play.way.login = SLICE("us");
	play.way.password_file = SLICE("/etc/secret");
	play_run(&play);
	assert_string_equal(play.story.at,
		"deferred 0 Signing in at mx.example [198.51.100.1]:25 failed: no password "
		"can be had from /etc/secret: it was not handed over");
	play_close(&play);
}

static void lmtp_is_spoken_where_the_way_says_so(void **state)
{
	static const char *const scripts[HOSTS_HERE] = {
		"S 220 hi\nC LHLO us.example\nS 250 PIPELINING\nC QUIT\n", "-", "-"};
	struct play play;

	(void)state;
	play_open(&play, scripts);
	play.way.kind = ROUTE_LMTP;
	play_run(&play);
	assert_string_equal(play.story.at, "198.51.100.1:25 [198.51.100.1]:25");
	play_close(&play);
}

/* A reload drops the trust, and the name we had: idle connections say QUIT under TLS after it. */
static void a_connection_goes_on_with_the_trust_it_began_with(void **state)
{
	struct play play;

	(void)state;
	play_open_tls(&play, ROUTE_TLS_VERIFIED,
		STARTS_TLS "C EHLO us.example\nS 250 PIPELINING\nC QUIT\n");
	play.reloads = true;
	play_run(&play);
	assert_string_equal(play.story.at, "mx.example [198.51.100.1]:25");
	play_close(&play);
}

static void a_way_is_the_same_from_a_job_and_from_a_route(void **state)
{
	struct arena *arena = arena_new();
	struct delivery_job order = {.route = ROUTE_LMTP,
		.tls = ROUTE_TLS_VERIFIED,
		.port = 2525,
		.private_too = true,
		.target = SLICE("a.example:24"),
		.login = SLICE("us"),
		.password_file = SLICE("/etc/secret")};
	struct route route = {.kind = ROUTE_LMTP,
		.tls = ROUTE_TLS_VERIFIED,
		.port = 2525,
		.private_too = true,
		.target = SLICE("a.example:24"),
		.login = SLICE("us"),
		.password_file = SLICE("/etc/secret")};
	struct way one = way_of_job(&order, arena), other = way_of_route(&route, arena);

	(void)state;
	for (const struct way *way = &one; way; way = way == &one ? &other : NULL) {
		assert_int_equal(way->kind, ROUTE_LMTP);
		assert_int_equal(way->tls, ROUTE_TLS_VERIFIED);
		assert_int_equal(way->port, 2525);
		assert_true(way->private_too);
		assert_true(slice_is(way->target, order.target));
		assert_true(slice_is(way->login, order.login));
		assert_true(slice_is(way->password_file, order.password_file));
		assert_ptr_not_equal(way->target.at, order.target.at);
	}
	arena_free(arena);
}

static void dane_is_refused_by_name(void **state)
{
	struct slice why = SLICE_NONE;

	(void)state;
	assert_true(way_is_built(ROUTE_TLS_MAY, &why) && way_is_built(ROUTE_TLS_OFF, &why) &&
		    way_is_built(ROUTE_TLS_VERIFIED, &why));
	assert_int_equal(why.len, 0);
	assert_false(way_is_built(ROUTE_TLS_DANE, &why));
	assert_true(slice_starts(why, SLICE("DANE")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_first_that_greets_is_taken_and_else_the_failure_that_tells_most),
		cmocka_unit_test(those_that_are_silent_leave_time_for_the_next),
		cmocka_unit_test(a_login_without_its_password_is_not_tried_and_says_which_file),
		cmocka_unit_test(lmtp_is_spoken_where_the_way_says_so),
		cmocka_unit_test(a_connection_goes_on_with_the_trust_it_began_with),
		cmocka_unit_test(a_way_is_the_same_from_a_job_and_from_a_route),
		cmocka_unit_test(dane_is_refused_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
