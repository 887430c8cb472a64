/* SPDX-License-Identifier: Apache-2.0 */
/* TLS and signing in, against scripted servers on a virtual clock: what is wished, what is reached,
 * and what leaves in which case. Each row says a script for every connection in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smtpout/client_scene.h"
#include "tls/testing.h"

enum { SCRIPTS_MAX = 2 };
enum trusting { TRUSTS_IT, TRUSTS_OTHERS, HAS_NO_TLS };

struct row {
	const char *name;
	enum route_tls tls;
	enum trusting trusting;
	const char *host; /* NULL: mx.example.org */
	unsigned port;    /* 0: 25 */
	const char *login, *password;
	const char *scripts[SCRIPTS_MAX];
	const char *story;
	const char
		*reached; /* "session verified|not: why"; NULL: without TLS, and nothing to say */
};

#define HOST "mx.example.org"
#define REMOTE HOST " [192.0.2.1]:25"
#define EHLO "C EHLO us.example\n"
#define OFFERED "S 220 hi\n" EHLO "S 250-mx\nS 250-SIZE 5\nS 250 STARTTLS\n"
#define STARTED OFFERED "C STARTTLS\nS 220 go\nT\n"
#define AGAIN EHLO "S 250-mx\nS 250 PIPELINING\n"
#define SENT                                                                                       \
	"C MAIL FROM:<a@us.example>\nC RCPT TO:<b@example.org>\nC DATA\nS 250 ok\nS 250 ok\n"      \
	"S 354 go\nD\nS 250 2.0.0 kept\nC QUIT\n"
#define PLAINLY "S 220 hi\n" EHLO "S 250-mx\nS 250-STARTTLS\nS 250 PIPELINING\n" SENT
#define KEPT "delivered 250 kept"
#define SESSION "TLSv1.3 TLS_AES_256_GCM_SHA384 "
#define NOT_TLS "deferred 0 No TLS with " REMOTE " that could be relied on: "
#define LOGIN_FAILS "deferred 0 Signing in at " REMOTE " failed: "
#define MAY_AUTH(mechanisms) EHLO "S 250-mx\nS 250-PIPELINING\nS 250 AUTH " mechanisms "\n"

static const struct row rows[] = {
	{"off: what is offered is not used", ROUTE_TLS_OFF, TRUSTS_IT, NULL, 0, NULL, NULL,
		{"S 220 hi\n" EHLO "S 250-mx\nS 250-STARTTLS\nS 250 PIPELINING\n" SENT}, KEPT,
		NULL},
	{"may: any certificate will do, and what was offered before is forgotten", ROUTE_TLS_MAY,
		TRUSTS_OTHERS, NULL, 0, NULL, NULL, {STARTED AGAIN SENT}, KEPT, SESSION "not: "},
	{"may: a certificate that is right is noted as such", ROUTE_TLS_MAY, TRUSTS_IT, NULL, 0,
		NULL, NULL, {STARTED AGAIN SENT}, KEPT, SESSION "verified: "},
	{"may: without, where it is not offered", ROUTE_TLS_MAY, TRUSTS_IT, NULL, 0, NULL, NULL,
		{"S 220 hi\n" EHLO "S 250-mx\nS 250 PIPELINING\n" SENT}, KEPT,
		"not: STARTTLS is not offered"},
	{"may: without, where it is refused", ROUTE_TLS_MAY, TRUSTS_IT, NULL, 0, NULL, NULL,
		{"S 220 hi\n" EHLO "S 250-mx\nS 250-STARTTLS\nS 250 PIPELINING\nC STARTTLS\n"
		 "S 454 4.7.0 no keys\n" SENT},
		KEPT, "not: STARTTLS was refused: 454 no keys"},
	{"may: once more without, where the handshake breaks", ROUTE_TLS_MAY, TRUSTS_IT, NULL, 0,
		NULL, NULL,
		{OFFERED "C STARTTLS\nS 220 go\nW 1\nR 500 what?\\r\\n\nW 1\nX\n", PLAINLY}, KEPT,
		"not: the handshake failed: *"},
	{"may: once more without, where it hangs", ROUTE_TLS_MAY, TRUSTS_IT, NULL, 0, NULL, NULL,
		{OFFERED "C STARTTLS\nS 220 go\nW 100\nX\n", PLAINLY}, KEPT,
		"not: the handshake failed: took too long"},
	{"may: once more without, where something plain rides behind 220", ROUTE_TLS_MAY, TRUSTS_IT,
		NULL, 0, NULL, NULL,
		{OFFERED "C STARTTLS\nR 220 go\\r\\n250 injected\\r\\n\nT\n", PLAINLY}, KEPT,
		"not: the handshake failed: the server sent something before the handshake"},
	{"may: a connection lost after STARTTLS is one lost", ROUTE_TLS_MAY, TRUSTS_IT, NULL, 0,
		NULL, NULL, {OFFERED "C STARTTLS\nX\n"},
		"deferred 0 The connection to " REMOTE " was lost: it was closed after STARTTLS",
		NULL},
	{"may: without TLS of our own", ROUTE_TLS_MAY, HAS_NO_TLS, NULL, 0, NULL, NULL,
		{OFFERED "C STARTTLS\nS 220 go\nX\n", PLAINLY}, KEPT,
		"not: TLS is not to be had here"},
	{"verified: the certificate is right", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, NULL, NULL,
		{STARTED AGAIN SENT}, KEPT, SESSION "verified: "},
	{"verified: nobody trusted has signed it", ROUTE_TLS_VERIFIED, TRUSTS_OTHERS, NULL, 0, NULL,
		NULL, {STARTED "X\n"},
		NOT_TLS "self-signed certificate, for a certificate of " HOST,
		"not: self-signed certificate, for a certificate of " HOST},
	{"verified: it is somebody else's", ROUTE_TLS_VERIFIED, TRUSTS_IT, "mx.elsewhere.example",
		0, NULL, NULL, {STARTED "X\n"},
		"deferred 0 No TLS with mx.elsewhere.example [192.0.2.1]:25 that could be relied "
		"on: "
		"hostname mismatch, for a certificate of mx.elsewhere.example",
		"not: hostname mismatch, for a certificate of mx.elsewhere.example"},
	{"verified: never without, where it is not offered", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0,
		NULL, NULL, {"S 220 hi\n" EHLO "S 250 mx\nX\n"},
		"deferred 0 " REMOTE
		" does not offer the encryption that is required: STARTTLS is not offered",
		"not: STARTTLS is not offered"},
	{"verified: nor where HELO is all it knows", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, NULL,
		NULL, {"S 220 hi\n" EHLO "S 502 what?\nC HELO us.example\nS 250 mx\nX\n"},
		"deferred 0 " REMOTE
		" does not offer the encryption that is required: STARTTLS is not offered",
		"not: STARTTLS is not offered"},
	{"verified: nor where it is refused", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, NULL, NULL,
		{OFFERED "C STARTTLS\nS 554 5.7.0 no\n"},
		"deferred 0 " REMOTE
		" does not offer the encryption that is required: STARTTLS was refused: 554 no",
		"not: STARTTLS was refused: 554 no"},
	{"verified: nor where the handshake hangs", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, NULL,
		NULL, {OFFERED "C STARTTLS\nS 220 go\nW 100\nX\n"},
		NOT_TLS "the handshake failed: took too long",
		"not: the handshake failed: took too long"},
	{"verified: what rides behind 220 is not heard as said under TLS", ROUTE_TLS_VERIFIED,
		TRUSTS_IT, NULL, 0, NULL, NULL,
		{OFFERED "C STARTTLS\nR 220 go\\r\\n250 injected\\r\\n\nT\n"},
		NOT_TLS "the handshake failed: the server sent something before the handshake",
		"not: the handshake failed: the server sent something before the handshake"},
	{"465: TLS begins with the connection", ROUTE_TLS_MAY, TRUSTS_IT, NULL, 465, NULL, NULL,
		{"T\nS 220 hi\n" AGAIN SENT}, KEPT, SESSION "verified: "},
	{"465: and there is no other way", ROUTE_TLS_MAY, TRUSTS_IT, NULL, 465, NULL, NULL,
		{"W 100\nX\n"},
		"deferred 0 No TLS with mx.example.org [192.0.2.1]:465 that could be relied on: "
		"the "
		"handshake failed: took too long",
		"not: the handshake failed: took too long"},
	{"465: verified is verified there too", ROUTE_TLS_VERIFIED, TRUSTS_OTHERS, NULL, 465, NULL,
		NULL, {"T\nX\n"},
		"deferred 0 No TLS with mx.example.org [192.0.2.1]:465 that could be relied on: "
		"self-signed certificate, for a certificate of " HOST,
		"not: self-signed certificate, for a certificate of " HOST},
	{"login: PLAIN in one step", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, "us", "secret",
		{STARTED MAY_AUTH(
			"LOGIN PLAIN GSSAPI") "C AUTH PLAIN AHVzAHNlY3JldA==\nS 235 in\n" SENT},
		KEPT, SESSION "verified: "},
	{"login: LOGIN in three", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, "us", "secret",
		{STARTED MAY_AUTH("LOGIN") "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC dXM=\nS 334 "
					   "UGFzc3dvcmQ6\nC c2VjcmV0\nS 235 in\n" SENT},
		KEPT, SESSION "verified: "},
	{"login: 535 is our fault, and the mail waits", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0,
		"us", "secret",
		{STARTED MAY_AUTH(
			"PLAIN") "C AUTH PLAIN AHVzAHNlY3JldA==\nS 535 5.7.8 bad password\n"},
		LOGIN_FAILS "as \"us\" with PLAIN, it answered 535 5.7.8 bad password",
		SESSION "verified: "},
	{"login: 454 likewise", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, "us", "secret",
		{STARTED MAY_AUTH("PLAIN") "C AUTH PLAIN AHVzAHNlY3JldA==\nS 454 4.7.0 later\n"},
		LOGIN_FAILS "as \"us\" with PLAIN, it answered 454 4.7.0 later",
		SESSION "verified: "},
	{"login: no mechanism that is spoken", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, "us",
		"secret", {STARTED MAY_AUTH("GSSAPI CRAM-MD5") "X\n"},
		LOGIN_FAILS
		"it offers no way to sign in that is spoken here (SCRAM-SHA-256, PLAIN, "
		"LOGIN), but \"GSSAPI CRAM-MD5\"",
		SESSION "verified: "},
	{"login: no AUTH at all", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, "us", "secret",
		{STARTED AGAIN "X\n"},
		LOGIN_FAILS
		"it offers no way to sign in that is spoken here (SCRAM-SHA-256, PLAIN, "
		"LOGIN), but \"\"",
		SESSION "verified: "},
	{"login: no password", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, "us", NULL,
		{STARTED MAY_AUTH("PLAIN") "X\n"}, LOGIN_FAILS "the file is empty",
		SESSION "verified: "},
	{"login: a challenge that is no base 64 is given up", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL,
		0, "us", "secret",
		{STARTED MAY_AUTH("SCRAM-SHA-256") "C *\nS 334 !!\nC *\nS 501 given up\nX\n"},
		LOGIN_FAILS "*", SESSION "verified: "},
	{"login: a server of SCRAM that only says yes is not believed", ROUTE_TLS_VERIFIED,
		TRUSTS_IT, NULL, 0, "us", "secret",
		{STARTED MAY_AUTH("SCRAM-SHA-256 PLAIN") "C *\nS 235 welcome\nX\n"},
		LOGIN_FAILS "*", SESSION "verified: "},
	{"login: questions without end are given up", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, "us",
		"secret",
		{STARTED MAY_AUTH("LOGIN") "C *\nS 334 eA==\nC *\nS 334 eA==\nC *\nS 334 eA==\nC "
					   "*\nS 501 given up\nX\n"},
		LOGIN_FAILS "*", SESSION "verified: "},
	{"login: the connection breaks in it", ROUTE_TLS_VERIFIED, TRUSTS_IT, NULL, 0, "us",
		"secret", {STARTED MAY_AUTH("PLAIN") "C *\nX\n"},
		"deferred 0 The connection to " REMOTE
		" was lost: it was closed while we signed in",
		SESSION "verified: "},
	{"login: never where the certificate was not asked for", ROUTE_TLS_MAY, TRUSTS_OTHERS, NULL,
		0, "us", "secret", {STARTED MAY_AUTH("PLAIN") "X\n"},
		LOGIN_FAILS "not over a connection that is not verified", SESSION "not: "},
	{"login: nor in plain", ROUTE_TLS_MAY, TRUSTS_IT, NULL, 0, "us", "secret",
		{"S 220 hi\n" MAY_AUTH("PLAIN") "X\n"},
		LOGIN_FAILS "not over a connection that is not verified",
		"not: STARTTLS is not offered"},
};

struct play {
	const struct row *row;
	struct loop *loop;
	struct io *listener;
	struct testing_tls *keys;
	struct scene_server server;
	struct task *listening;
	size_t connections;
	struct job *job;
	struct text story, reached;
};

static void play_accept(struct task *task, void *arg)
{
	struct play *play = arg;
	struct address from;

	play->listening = task;
	while (io_accept(task, play->listener, &play->server.io, &from) == IO_DONE) {
		const char *script = play->connections < SCRIPTS_MAX
					     ? play->row->scripts[play->connections]
					     : NULL;
		play->connections++;
		play->server.script = script ? slice_of(script) : SLICE("S 421 not expected\n");
		if (!script)
			text_put(&play->server.fault, SLICE("another connection\n"));
		scene_serve(task, &play->server);
	}
	io_close(play->listener);
}

static void play_tell(struct play *play, const struct settlement *settled)
{
	static const char *const names[] = {"delivered", "deferred", "failed"};
	const struct delivery_tls *tls = &settled->tls;

	text_format(&play->story, "%s %u %.*s", names[settled->outcome], settled->code,
		SLICE_ARGS(settled->words));
	text_put(&play->reached, tls->session);
	text_format(&play->reached, "%s%s: %.*s", tls->session.len ? " " : "",
		tls->verified ? "verified" : "not", SLICE_ARGS(tls->why));
}

static struct job *play_next(void *owner)
{
	struct play *play = owner;
	struct job *job = play->job;

	play->job = NULL;
	return job;
}

static void play_done(void *owner, struct job *job)
{
	play_tell(owner, &job->recipients[0].settled);
	job_free(job);
}

static void play_client(struct task *task, void *arg)
{
	struct play *play = arg;
	const struct row *row = play->row;
	struct arena *arena = arena_new();
	char room[200];
	struct text why = TEXT_FIXED(room);
	struct slice trust =
		row->trusting == TRUSTS_IT ? slice_of(play->keys->trust_file) : SLICE_NONE;
	struct host host = {.name = slice_of(row->host ? row->host : HOST)};
	struct manner manner = {
		.our_name = SLICE("us.example"),
		.tls = row->tls,
		.trust = row->trusting == HAS_NO_TLS ? NULL : trust_open(trust, &why),
		.login = slice_of(row->login ? row->login : ""),
		.password = slice_of(row->password ? row->password : ""),
		.no_password = slice_of(row->password ? "" : "the file is empty"),
	};
	struct settlement failure;

	(void)address_parse(SLICE("192.0.2.1"), &host.address);
	host.address.port = (uint16_t)(row->port ? row->port : 25);
	struct client *client = client_connect(task, &host, &manner, arena, &failure);
	if (client) {
		client_serve(task, client,
			(struct client_work){.next = play_next, .done = play_done, .owner = play});
		client_quit(task, client);
	} else {
		play_tell(play, &failure);
	}
	trust_drop(manner.trust);
	arena_free(arena);
}

static bool matches(struct text *got, const char *expected)
{
	size_t len = strlen(expected);

	if (len && expected[len - 1] == '*')
		return slice_starts(text_slice(got), (struct slice){expected, len - 1});
	return slice_is(text_slice(got), slice_of(expected));
}

static void row_plays(const struct row *row)
{
	struct play play = {.row = row,
		.loop = sim_open(INT64_C(1764000000) * NS_PER_S),
		.story = TEXT_GROWING,
		.reached = TEXT_GROWING};
	struct address at;

	play.server.said = play.server.fault = TEXT_GROWING;
	play.keys = testing_tls_open(play.loop, SLICE(HOST));
	play.server.tls = play.keys->tls;
	play.job = scene_job("a@us.example", "b@example.org", SLICE("x\r\n"), 0);
	assert_true(address_parse(SLICE("192.0.2.1"), &at));
	at.port = (uint16_t)(row->port ? row->port : 25);
	play.listener = sim_listen(play.loop, &at);
	assert_true(task_start(play.loop, "server", play_accept, &play));
	assert_true(task_start(play.loop, "client", play_client, &play));
	loop_run(play.loop);
	task_cancel(play.listening);
	loop_run(play.loop);
	assert_int_equal(task_count(play.loop), 0);
	print_message("%s: %.*s | %.*s\n", row->name, SLICE_ARGS(text_slice(&play.story)),
		SLICE_ARGS(text_slice(&play.reached)));
	text_char(&play.server.fault, '\0');
	assert_string_equal(play.server.fault.at, "");
	assert_true(matches(&play.story, row->story));
	assert_true(matches(&play.reached, row->reached ? row->reached : "not: "));
	assert_int_equal(play.connections, row->scripts[1] ? 2 : 1);
	job_free(play.job);
	testing_tls_close(play.keys);
	loop_close(play.loop);
	text_free(&play.story);
	text_free(&play.reached);
	text_free(&play.server.said);
	text_free(&play.server.fault);
}

static void what_is_wished_is_reached_or_the_mail_waits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		row_plays(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wished_is_reached_or_the_mail_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
