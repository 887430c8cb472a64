/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/panic.h"
#include "run/sim.h"
#include "tls/certificate.h"
#include "tls/self_signed.h"
#include "tls/testing.h"

#define SOME_DAY (INT64_C(1795000000) * NS_PER_S)

/* One conversation in the simulated loop: a server that echoes lines in upper case with its
 * handshake first, and a client of ours. */
struct scene {
	struct loop *loop;
	struct testing_tls *server;
	struct tls *client;
	struct io *ends[2];
	struct tls_wish wish;
	const char *early; /* sent in plain text with the client's first bytes */
	enum tls_end server_end, client_end;
	char version[16], cipher[64], name[64], group[16];
	bool server_resumed, client_verified;
	char answer[64];
	char server_why[200], client_why[200];
	uint8_t bound[2][32];
	bool has_bound[2];
	unsigned lines;
	enum tls_turn turn;
};

static void keep(char *place, size_t size, struct slice s)
{
	struct text text = {.at = place, .size = size - 1};

	text_put(&text, s);
	place[text.len] = '\0';
}

static void echo(struct task *task, struct scene *scene, struct stream *stream)
{
	struct slice line;

	while (stream_line(task, stream, 1000, &line) == LINE_WHOLE) {
		stream_put(stream, SLICE("heard "));
		stream_put(stream, line);
		stream_put(stream, SLICE("\r\n"));
		scene->lines++;
	}
}

static void serve(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct stream *stream = stream_open(scene->ends[0]);
	struct tls_session *session = NULL;
	struct text why = {.at = scene->server_why, .size = sizeof scene->server_why - 1};
	struct slice first;

	if (scene->early) /* as a server does that reads STARTTLS and what came with it */
		panic_if(stream_peek(task, stream, &first) != IO_DONE, "nothing early");
	scene->server_end =
		tls_accept_in_turn(task, scene->server->tls, scene->turn, stream, &session, &why);
	if (scene->server_end == TLS_DONE) {
		const struct tls_seen *seen = tls_seen(session);
		keep(scene->version, sizeof scene->version, seen->version);
		keep(scene->cipher, sizeof scene->cipher, seen->cipher);
		keep(scene->name, sizeof scene->name, seen->name);
		keep(scene->group, sizeof scene->group, seen->group);
		scene->server_resumed = seen->resumed;
		scene->has_bound[0] = tls_exporter(session, scene->bound[0]);
		echo(task, scene, stream);
	}
	tls_session_end(session);
	stream_close(stream);
}

static void talk(struct task *task, struct scene *scene, struct stream *stream)
{
	struct slice line;

	stream_put(stream, SLICE("hello\r\n"));
	if (stream_line(task, stream, 1000, &line) == LINE_WHOLE)
		keep(scene->answer, sizeof scene->answer, line);
}

static void ask(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct stream *stream = stream_open(scene->ends[1]);
	struct tls_session *session = NULL;
	struct text why = {.at = scene->client_why, .size = sizeof scene->client_why - 1};

	if (scene->early) {
		stream_put(stream, slice_of(scene->early));
		panic_if(stream_flush(task, stream) != IO_DONE, "early bytes do not leave");
	}
	scene->client_end = tls_connect(task, scene->client, stream, &scene->wish, &session, &why);
	if (scene->client_end == TLS_DONE) {
		scene->client_verified = tls_seen(session)->verified;
		scene->has_bound[1] = tls_exporter(session, scene->bound[1]);
		talk(task, scene, stream);
	}
	tls_session_end(session);
	stream_close(stream);
}

static void scene_open(struct scene *scene)
{
	char words[200];
	struct text why = TEXT_FIXED(words);

	*scene = (struct scene){.loop = sim_open(SOME_DAY),
		.server_end = TLS_CANCELLED,
		.client_end = TLS_CANCELLED};
	scene->server = testing_tls_open(scene->loop, SLICE("mx.example.org"));
	scene->client = tls_open_client(slice_of(scene->server->trust_file), &why);
	assert_non_null(scene->client);
}

static void scene_run(struct scene *scene)
{
	sim_pair(scene->loop, &scene->ends[0], &scene->ends[1]);
	assert_true(task_start(scene->loop, "server", serve, scene));
	assert_true(task_start(scene->loop, "client", ask, scene));
	loop_run(scene->loop);
}

static void scene_close(struct scene *scene)
{
	testing_tls_close(scene->server);
	tls_close(scene->client);
	loop_close(scene->loop);
}

static void a_conversation_goes_on_under_tls(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_run(&scene);
	assert_int_equal(scene.server_end, TLS_DONE);
	assert_int_equal(scene.client_end, TLS_DONE);
	assert_string_equal(scene.answer, "heard hello");
	assert_string_equal(scene.version, "TLSv1.3");
	assert_string_equal(scene.group, "x25519");
	assert_false(scene.client_verified);
	assert_int_equal(scene.server->asked, 1);
	scene_close(&scene);
}

static void a_signature_is_waited_for_while_others_go_on(void **state)
{
	struct scene scene, other;

	(void)state;
	scene_open(&scene);
	scene.server->pauses = 100;
	other = scene;
	sim_pair(other.loop, &other.ends[0], &other.ends[1]);
	assert_true(task_start(other.loop, "server", serve, &other));
	assert_true(task_start(other.loop, "client", ask, &other));
	scene_run(&scene);
	assert_string_equal(scene.answer, "heard hello");
	assert_string_equal(other.answer, "heard hello");
	assert_int_equal(loop_mono(scene.loop) < 200 * NS_PER_MS + NS_PER_S, 1);
	scene_close(&scene);
}

static void who_waits_for_a_turn_is_served_as_well(void **state)
{
	struct scene scene, last;

	(void)state;
	scene_open(&scene);
	last = scene;
	scene.turn = TLS_IN_TURN;
	last.turn = TLS_LAST;
	sim_pair(last.loop, &last.ends[0], &last.ends[1]);
	assert_true(task_start(last.loop, "server", serve, &last));
	assert_true(task_start(last.loop, "client", ask, &last));
	scene_run(&scene);
	assert_string_equal(scene.answer, "heard hello");
	assert_string_equal(last.answer, "heard hello");
	scene_close(&scene);
}

static void a_verified_session_needs_the_name(void **state)
{
	static const struct {
		const char *name;
		enum tls_end end;
		const char *why;
	} rows[] = {
		{"mx.example.org", TLS_DONE, ""},
		{"mx.example.com", TLS_REFUSED, "hostname mismatch"},
		{"192.0.2.1", TLS_REFUSED, "IP address mismatch"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct scene scene;
		scene_open(&scene);
		scene.wish = (struct tls_wish){slice_of(rows[i].name), true};
		scene_run(&scene);
		assert_int_equal(scene.client_end, rows[i].end);
		assert_non_null(strstr(scene.client_why, rows[i].why));
		assert_int_equal(scene.client_verified, rows[i].end == TLS_DONE);
		if (i == 0)
			assert_string_equal(scene.name, "mx.example.org");
		scene_close(&scene);
	}
}

static void who_takes_any_certificate_still_learns_whether_it_holds(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.wish.name = SLICE("mx.example.org");
	scene_run(&scene);
	assert_int_equal(scene.client_end, TLS_DONE);
	assert_true(scene.client_verified);
	scene_close(&scene);
}

static void both_ends_export_the_same_binding(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_run(&scene);
	assert_true(scene.has_bound[0] && scene.has_bound[1]);
	assert_memory_equal(scene.bound[0], scene.bound[1], 32);
	scene_close(&scene);
}

static void what_came_before_the_handshake_is_not_taken_for_tls(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.early = "MAIL FROM:<a@example.org>\r\n";
	scene_run(&scene);
	assert_int_equal(scene.server_end, TLS_UNREAD);
	assert_int_equal(scene.lines, 0);
	assert_int_not_equal(scene.client_end, TLS_DONE);
	scene_close(&scene);
}

static void without_keys_nothing_is_begun(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.server->away = true;
	assert_false(tls_can_accept(scene.server->tls));
	scene_run(&scene);
	assert_int_equal(scene.server_end, TLS_NO_KEYS);
	assert_int_not_equal(scene.client_end, TLS_DONE);
	scene_close(&scene);
}

static void keys_that_go_away_in_the_middle_end_the_handshake(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	private_key_free(scene.server->keys[0]);
	scene.server->key_count = 0;
	scene_run(&scene);
	assert_int_equal(scene.server_end, TLS_NO_KEYS);
	assert_string_equal(scene.server_why, "keys has no key for this certificate");
	assert_int_equal(tls_counts(scene.server->tls)->failed, 1);
	assert_string_equal(tls_counts(scene.server->tls)->reasons[0].words,
		"keys has no key for this certificate");
	scene_close(&scene);
}

static void who_says_nothing_is_not_waited_for_for_ever(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	sim_pair(scene.loop, &scene.ends[0], &scene.ends[1]);
	assert_true(task_start(scene.loop, "server", serve, &scene));
	loop_run(scene.loop);
	assert_int_equal(scene.server_end, TLS_DEADLINE);
	io_close(scene.ends[1]);
	scene_close(&scene);
}

static void every_cut_of_the_bytes_is_one_conversation(void **state)
{
	(void)state;
	for (size_t chunk = 1; chunk < 400; chunk += chunk < 8 ? 1 : 57) {
		struct scene scene;
		scene_open(&scene);
		sim_pair(scene.loop, &scene.ends[0], &scene.ends[1]);
		sim_set_chunk(scene.ends[0], chunk);
		sim_set_chunk(scene.ends[1], chunk);
		assert_true(task_start(scene.loop, "server", serve, &scene));
		assert_true(task_start(scene.loop, "client", ask, &scene));
		loop_run(scene.loop);
		assert_string_equal(scene.answer, "heard hello");
		scene_close(&scene);
	}
}

/* ---- certificates ---- */

static void a_self_signed_certificate_serves_its_name_until_it_ends(void **state)
{
	struct text key = TEXT_GROWING, pem = TEXT_GROWING, names = TEXT_GROWING;
	struct certificate_facts facts;
	const wall_ns day = 86400 * NS_PER_S;

	(void)state;
	assert_int_equal(
		self_signed_make(SLICE("mx.example.org"), SOME_DAY, &key, &pem), STATUS_OK);
	struct slice made = text_slice(&pem);
	assert_true(self_signed_serves(made, SLICE("mx.example.org"), SOME_DAY));
	assert_false(self_signed_serves(made, SLICE("mx.example.com"), SOME_DAY));
	assert_true(self_signed_serves(made, SLICE("mx.example.org"), SOME_DAY + 3600 * day));
	assert_false(self_signed_serves(made, SLICE("mx.example.org"), SOME_DAY + 3630 * day));
	assert_false(self_signed_serves(SLICE("none"), SLICE("mx.example.org"), SOME_DAY));
	assert_true(certificate_look(made, &facts));
	assert_true(facts.ends == SOME_DAY + 3649 * day && facts.in_chain == 1);
	text_certificate_names(&names, made);
	assert_true(slice_is(text_slice(&names), SLICE("mx.example.org")));
	text_free(&key);
	text_free(&pem);
	text_free(&names);
}

static void what_is_no_certificate_is_said(void **state)
{
	static const char *const rows[] = {"", "hello",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n"};
	struct loop *loop = sim_open(SOME_DAY);
	struct text why = TEXT_GROWING;
	struct tls *tls = tls_open(loop, &why);
	struct certificate_facts facts;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct tls_chain chain = {SLICE("mx.pem"), slice_of(rows[i])};
		const struct tls_setup setup = {.chains = &chain, .chain_count = 1};
		text_clear(&why);
		assert_null(tls_prepare(tls, &setup, &why));
		assert_true(slice_starts(text_slice(&why), SLICE("the certificate mx.pem cannot")));
		assert_false(certificate_look(chain.pem, &facts));
	}
	assert_false(tls_has_certificate(tls));
	text_free(&why);
	tls_close(tls);
	loop_close(loop);
}

/* While a signature is waited for. */
static void change(struct task *task, void *arg)
{
	struct scene *scene = arg;
	struct text key = TEXT_GROWING, pem = TEXT_GROWING, why = TEXT_GROWING;

	panic_if(task_sleep(task, 20 * NS_PER_MS) != WAIT_READY ||
			 self_signed_make(SLICE("new.example"), SOME_DAY, &key, &pem) != STATUS_OK,
		"no new certificate");
	scene->server->keys[scene->server->key_count++] = private_key_read(text_slice(&key), &why);
	const struct tls_chain chain = {SLICE("new.pem"), text_slice(&pem)};
	const struct tls_setup setup = {.chains = &chain, .chain_count = 1};
	struct tls_contexts *contexts = tls_prepare(scene->server->tls, &setup, &why);
	panic_if(!contexts, "%.*s", SLICE_ARGS(text_slice(&why)));
	tls_switch_over(scene->server->tls, contexts);
	text_free(&key);
	text_free(&pem);
	text_free(&why);
}

static void a_new_configuration_holds_for_sessions_to_come(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene.server->pauses = 50;
	scene.wish = (struct tls_wish){SLICE("mx.example.org"), true};
	assert_true(task_start(scene.loop, "change", change, &scene));
	scene_run(&scene);
	assert_string_equal(scene.answer, "heard hello"); /* by what it began with */
	scene_run(&scene);
	assert_int_equal(scene.client_end, TLS_REFUSED); /* the client trusts the old one alone */
	assert_int_equal(tls_counts(scene.server->tls)->accepted, 1);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_goes_on_under_tls),
		cmocka_unit_test(a_signature_is_waited_for_while_others_go_on),
		cmocka_unit_test(who_waits_for_a_turn_is_served_as_well),
		cmocka_unit_test(a_verified_session_needs_the_name),
		cmocka_unit_test(who_takes_any_certificate_still_learns_whether_it_holds),
		cmocka_unit_test(both_ends_export_the_same_binding),
		cmocka_unit_test(what_came_before_the_handshake_is_not_taken_for_tls),
		cmocka_unit_test(without_keys_nothing_is_begun),
		cmocka_unit_test(keys_that_go_away_in_the_middle_end_the_handshake),
		cmocka_unit_test(who_says_nothing_is_not_waited_for_for_ever),
		cmocka_unit_test(every_cut_of_the_bytes_is_one_conversation),
		cmocka_unit_test(a_self_signed_certificate_serves_its_name_until_it_ends),
		cmocka_unit_test(what_is_no_certificate_is_said),
		cmocka_unit_test(a_new_configuration_holds_for_sessions_to_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
