/* SPDX-License-Identifier: Apache-2.0 */
/* The SMTP client against scripted servers, on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smtpout/client_scene.h"

enum { JOBS_MAX = 4 };

struct play {
	struct io *io;
	struct job *jobs[JOBS_MAX];
	size_t next;
	struct text story;
	struct manner manner;
};

static struct job *play_next(void *owner)
{
	struct play *play = owner;

	return play->next < JOBS_MAX ? play->jobs[play->next++] : NULL;
}

static void play_done(void *owner, struct job *job)
{
	struct play *play = owner;

	scene_tell(&play->story, job);
	job_free(job);
}

static void play_put_back(void *owner, struct job *job)
{
	struct play *play = owner;

	text_put(&play->story, SLICE("put back\n"));
	job_free(job);
}

static void play_client(struct task *task, void *arg)
{
	struct play *play = arg;
	struct arena *arena = arena_new();
	struct settlement failure;
	struct host host = {.name = SLICE("mx.example.org")};

	(void)address_parse(SLICE("192.0.2.1"), &host.address);
	host.address.port = 25;
	struct client *client = client_greet(task, play->io, &host, &play->manner, arena, &failure);
	if (client) {
		client_serve(task, client,
			(struct client_work){play_next, play_done, play_put_back, play});
		client_quit(task, client);
	} else {
		text_format(&play->story, "no session: %s %u %.*s\n",
			failure.outcome == OUTCOME_FAILED ? "failed" : "deferred", failure.code,
			SLICE_ARGS(failure.words));
	}
	arena_free(arena);
}

/* Plays the script and gives the story; the caller frees both texts. */
static void play_run(struct play *play, struct scene_server *server, size_t chunk)
{
	struct loop *loop = sim_open(0);

	play->manner.our_name = SLICE("us.example");
	play->story = server->said = server->fault = TEXT_GROWING;
	sim_pair(loop, &play->io, &server->io);
	sim_set_chunk(play->io, chunk);
	assert_true(task_start(loop, "server", scene_serve, server));
	assert_true(task_start(loop, "client", play_client, play));
	loop_run(loop);
	assert_int_equal(task_count(loop), 0);
	for (size_t i = play->next; i < JOBS_MAX; i++)
		job_free(play->jobs[i]);
	loop_close(loop);
}

static void play_end(struct play *play, struct scene_server *server)
{
	text_free(&play->story);
	text_free(&server->said);
	text_free(&server->fault);
}

#define BODY "Subject: x\r\n\r\nhello\r\n"
#define GREETED                                                                                    \
	"S 220 mx.example.org ESMTP\nC EHLO us.example\nS 250-mx.example.org\nS 250 PIPELINING\n"
#define GREETED_PLAIN "S 220 hi\nC EHLO us.example\nS 250 mx\n"
#define ENVELOPE_1 "C MAIL FROM:<a@us.example>\nC RCPT TO:<b@example.org>\nC DATA\n"
#define ENVELOPE_2                                                                                 \
	"C MAIL FROM:<a@us.example>\nC RCPT TO:<b@example.org>\nC RCPT TO:<c@example.org>\nC "     \
	"DATA\n"
#define REMOTE "mx.example.org [192.0.2.1]:25"

struct row {
	const char *name, *recipients, *script, *story;
	unsigned jobs; /* 0: one */
};

static const struct row rows[] = {
	{"a message is delivered with a pipelined envelope", "b@example.org",
		GREETED ENVELOPE_1
		"S 250 2.1.0 ok\nS 250 ok\nS 354 go\nD\nS 250 2.0.0 kept\nC QUIT\n",
		"0 delivered 250 2.0.0 kept\n", 0},
	{"without PIPELINING each command waits", "b@example.org",
		GREETED_PLAIN "C MAIL FROM:<a@us.example>\nS 250 ok\nC RCPT TO:<b@example.org>\nS "
			      "250 ok\nC DATA\nS 354 go\nD\nS 250 kept\nC QUIT\n",
		"0 delivered 250 0.0.0 kept\n", 0},
	{"EHLO refused falls back to HELO", "b@example.org",
		"S 220-hi\nS 220 there\nC EHLO us.example\nS 502 what?\nC HELO us.example\nS 250 "
		"mx\nC MAIL FROM:<a@us.example>\nS 250 ok\nC RCPT TO:<b@example.org>\nS 250 ok\nC "
		"DATA\nS 354 go\nD\nS 250-kept\nS 250 indeed\nC QUIT\n",
		"0 delivered 250 0.0.0 kept\nindeed\n", 0},
	{"the second envelope rides behind the first body", "b@example.org",
		GREETED ENVELOPE_1
		"S 250 ok\nS 250 ok\nS 354 go\nD\n" ENVELOPE_1
		"S 250 one\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 two\nC QUIT\n",
		"0 delivered 250 0.0.0 one\n0 delivered 250 0.0.0 two\n", 2},
	{"some recipients are refused", "b@example.org c@example.org",
		GREETED ENVELOPE_2
		"S 250 ok\nS 550 5.1.1 no b\nS 250 ok\nS 354 go\nD\nS 250 kept\nC "
		"QUIT\n",
		"0 failed 550 5.1.1 no b\n1 delivered 250 0.0.0 kept\n", 0},
	{"all recipients are refused, then RSET and the next", "b@example.org",
		GREETED ENVELOPE_1
		"S 250 ok\nS 450 4.2.0 later\nS 503 no rcpt\nC RSET\n" ENVELOPE_1
		"S 250 reset\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 kept\nC QUIT\n",
		"0 deferred 450 4.2.0 later\n0 delivered 250 0.0.0 kept\n", 2},
	{"354 for nobody gets a lone dot", "b@example.org",
		GREETED ENVELOPE_1 "S 250 ok\nS 550 no\nS 354 go\nC .\nS 554 nobody\nC QUIT\n",
		"0 failed 550 0.0.0 no\n", 0},
	{"MAIL is refused", "b@example.org c@example.org",
		GREETED ENVELOPE_2 "S 553 5.1.8 bad sender\nS 503 no\nS 503 no\nS 503 no\nC QUIT\n",
		"0 failed 553 5.1.8 bad sender\n1 failed 553 5.1.8 bad sender\n", 0},
	{"DATA is refused", "b@example.org",
		GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nS 451 4.3.0 disk\nC QUIT\n",
		"0 deferred 451 4.3.0 disk\n", 0},
	{"250 to DATA is not a delivery", "b@example.org",
		GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nS 250 sure\n",
		"0 deferred 0 4.5.0 " REMOTE
		" answered with something that is not SMTP: the answer cannot be read to DATA\n",
		0},
	{"the message is refused after its data", "b@example.org",
		GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nS 354 go\nD\nS 554 5.7.1 spam\nC QUIT\n",
		"0 failed 554 5.7.1 spam\n", 0},
	{"452 behind an accepted one means another transaction at once",
		"b@example.org c@example.org",
		GREETED ENVELOPE_2 "S 250 ok\nS 250 ok\nS 452 4.5.3 too many\nS 354 go\nD\nC MAIL "
				   "FROM:<a@us.example>\nC RCPT TO:<c@example.org>\nC DATA\nS 250 "
				   "one\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 two\nC QUIT\n",
		"0 delivered 250 0.0.0 one\n1 delivered 250 0.0.0 two\n", 0},
	{"421 instead of a greeting", "b@example.org", "S 421 4.3.2 busy\n",
		"no session: deferred 421 busy\n", 0},
	{"554 instead of a greeting", "b@example.org", "S 554 5.7.1 go away\n",
		"no session: failed 554 go away\n", 0},
	{"421 to EHLO", "b@example.org", "S 220 hi\nC EHLO us.example\nS 421 bye\n",
		"no session: deferred 421 bye\n", 0},
	{"421 to MAIL on a fresh connection", "b@example.org",
		GREETED ENVELOPE_1 "S 421 4.7.0 slow down\n", "0 deferred 421 4.7.0 slow down\n",
		0},
	{"421 to RCPT", "b@example.org c@example.org",
		GREETED ENVELOPE_2 "S 250 ok\nS 250 ok\nS 421 bye\n",
		"0 deferred 421 0.0.0 bye\n1 deferred 421 0.0.0 bye\n", 0},
	{"421 to DATA", "b@example.org", GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nS 421 bye\n",
		"0 deferred 421 0.0.0 bye\n", 0},
	{"421 to the final dot, the next job is put back", "b@example.org",
		GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nS 354 go\nD\nS 421 bye\n",
		"0 deferred 421 0.0.0 bye\nput back\n", 2},
	{"cut before the greeting", "b@example.org", "X\n",
		"no session: deferred 0 The connection to " REMOTE
		" was lost: it was closed before the session began\n",
		0},
	{"cut after EHLO", "b@example.org", "S 220 hi\nC EHLO us.example\nX\n",
		"no session: deferred 0 The connection to " REMOTE
		" was lost: it was closed before the session began\n",
		0},
	{"cut after MAIL on a fresh connection", "b@example.org", GREETED ENVELOPE_1 "X\n",
		"0 deferred 0 4.4.2 The connection to " REMOTE
		" was lost: it was closed after MAIL\n",
		0},
	{"cut after RCPT", "b@example.org", GREETED ENVELOPE_1 "S 250 ok\nX\n",
		"0 deferred 0 4.4.2 The connection to " REMOTE
		" was lost: it was closed after RCPT\n",
		0},
	{"cut after DATA", "b@example.org", GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nX\n",
		"0 deferred 0 4.4.2 The connection to " REMOTE
		" was lost: it was closed after DATA\n",
		0},
	{"cut after the final dot may arrive twice", "b@example.org",
		GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nS 354 go\nD\nX\n",
		"0 deferred 0 4.4.2 The connection to " REMOTE
		" was lost: it was closed after the whole message was sent and before it was "
		"answered for; it is tried again and may arrive twice\n",
		0},
	{"a reused connection that is dead gives the job back", "b@example.org",
		GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nS 354 go\nD\n" ENVELOPE_1 "S 250 one\nX\n",
		"0 delivered 250 0.0.0 one\nput back\n", 2},
	{"garbage instead of a greeting", "b@example.org", "S HTTP/1.1 400 Bad Request\n",
		"no session: deferred 0 " REMOTE
		" answered with something that is not SMTP: the answer cannot be read before the "
		"session began\n",
		0},
	{"a bare line feed in a reply", "b@example.org", "R 220 hi\\n220 ho\\r\\n\n",
		"no session: deferred 0 " REMOTE
		" answered with something that is not SMTP: the answer cannot be read before the "
		"session began\n",
		0},
	{"a code that changes inside a reply", "b@example.org",
		GREETED ENVELOPE_1 "S 250-ok\nS 550 no\n",
		"0 deferred 0 4.5.0 " REMOTE
		" answered with something that is not SMTP: the answer cannot be read after "
		"MAIL\n",
		0},
	{"silence at the greeting ends after five minutes", "b@example.org", "W 301\nX\n",
		"no session: deferred 0 The connection to " REMOTE
		" was lost: nothing was heard in time before the session began\n",
		0},
	{"silence after the final dot ends after ten minutes, not before", "b@example.org",
		GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nS 354 go\nD\nW 599\nS 250 late\nC QUIT\n",
		"0 delivered 250 0.0.0 late\n", 0},
	{"silence after DATA ends after two minutes", "b@example.org",
		GREETED ENVELOPE_1 "S 250 ok\nS 250 ok\nW 121\nX\n",
		"0 deferred 0 4.4.2 The connection to " REMOTE
		" was lost: nothing was heard in time after DATA\n",
		0},
	{"a message larger than SIZE says is not tried", "b@example.org",
		"S 220 hi\nC EHLO us.example\nS 250-mx\nS 250 SIZE 10\nC QUIT\n",
		"0 failed 0 5.3.4 " REMOTE " takes messages up to 10 bytes\n", 0},
	{"LIMITS RCPTMAX splits a transaction", "b@example.org c@example.org",
		"S 220 hi\nC EHLO us.example\nS 250-mx\nS 250-PIPELINING\nS 250 LIMITS RCPTMAX=1 "
		"MAILMAX=9\n" ENVELOPE_1
		"S 250 ok\nS 250 ok\nS 354 go\nD\nC MAIL FROM:<a@us.example>\nC RCPT "
		"TO:<c@example.org>\nC DATA\nS 250 one\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 "
		"two\nC QUIT\n",
		"0 delivered 250 0.0.0 one\n1 delivered 250 0.0.0 two\n", 0},
};

/* RFC 2033. */
#define LHLO                                                                                       \
	"S 220 lmtp.example.org LMTP\nC LHLO us.example\nS 250-lmtp.example.org\nS 250 "           \
	"PIPELINING\n"
#define ENVELOPE_3                                                                                 \
	"C MAIL FROM:<a@us.example>\nC RCPT TO:<b@example.org>\nC RCPT TO:<c@example.org>\nC "     \
	"RCPT TO:<d@example.org>\nC DATA\n"
#define BCD "b@example.org c@example.org d@example.org"
#define TWICE                                                                                      \
	"after the whole message was sent and before it was answered for; it is tried again and "  \
	"may arrive twice\n"
#define LOST "0 4.4.2 The connection to " REMOTE " was lost: it was closed "

static const struct row lmtp_rows[] = {
	{"each accepted recipient has an answer of its own", BCD,
		LHLO ENVELOPE_3
		"S 250 ok\nS 250 ok\nS 550 5.1.1 who\nS 250 ok\nS 354 go\nD\nS 250 2.0.0 "
		"saved\nS 552 5.2.2 full\nC QUIT\n",
		"0 delivered 250 2.0.0 saved\n1 failed 550 5.1.1 who\n2 failed 552 5.2.2 full\n",
		0},
	{"some wait, some fail, some have it", BCD,
		LHLO ENVELOPE_3
		"S 250 ok\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 452 4.2.2 over "
		"quota\nS 250 2.0.0 saved\nS 550 5.7.1 by a sieve script\nC QUIT\n",
		"0 deferred 452 4.2.2 over quota\n1 delivered 250 2.0.0 saved\n2 failed 550 5.7.1 "
		"by "
		"a sieve script\n",
		0},
	{"without PIPELINING each command waits", "b@example.org c@example.org",
		"S 220 hi\nC LHLO us.example\nS 250 mx\nC MAIL FROM:<a@us.example>\nS 250 ok\nC "
		"RCPT TO:<b@example.org>\nS 250 ok\nC RCPT TO:<c@example.org>\nS 250 ok\nC "
		"DATA\nS 354 go\nD\nS 250 one\nS 250 two\nC QUIT\n",
		"0 delivered 250 0.0.0 one\n1 delivered 250 0.0.0 two\n", 0},
	{"the next envelope rides behind the body, its answers behind all of the first",
		"b@example.org c@example.org",
		LHLO ENVELOPE_2
		"S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD\n" ENVELOPE_2
		"S 250 one\nS 250 two\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 "
		"three\nS 450 four\nC QUIT\n",
		"0 delivered 250 0.0.0 one\n1 delivered 250 0.0.0 two\n0 delivered 250 0.0.0 "
		"three\n1 deferred 450 0.0.0 four\n",
		2},
	{"421 in the middle of the answers", BCD,
		LHLO ENVELOPE_3
		"S 250 ok\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 2.0.0 saved\nS 421 "
		"4.3.2 down\n",
		"0 delivered 250 2.0.0 saved\n1 deferred 421 4.3.2 down\n2 deferred 421 4.3.2 "
		"down\n",
		0},
	{"death after the final dot", BCD,
		LHLO ENVELOPE_3 "S 250 ok\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD\nX\n",
		"0 deferred " LOST TWICE "1 deferred " LOST TWICE "2 deferred " LOST TWICE, 0},
	{"death between two answers", BCD,
		LHLO ENVELOPE_3
		"S 250 ok\nS 250 ok\nS 550 who\nS 250 ok\nS 354 go\nD\nS 250 saved\nX\n",
		"0 delivered 250 0.0.0 saved\n1 failed 550 0.0.0 who\n2 deferred " LOST TWICE, 0},
	{"garbage between two answers", "b@example.org c@example.org",
		LHLO ENVELOPE_2 "S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 saved\nS what\n",
		"0 delivered 250 0.0.0 saved\n1 deferred 0 4.5.0 " REMOTE
		" answered with something that is not SMTP: the answer cannot be read " TWICE,
		0},
	{"fewer answers than recipients end by the clock", "b@example.org c@example.org",
		LHLO ENVELOPE_2
		"S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nD\nS 250 saved\nW 601\nX\n",
		"0 delivered 250 0.0.0 saved\n1 deferred 0 4.4.2 The connection to " REMOTE
		" was lost: nothing was heard in time " TWICE,
		0},
	{"nobody accepted, and 503 to DATA", "b@example.org",
		LHLO ENVELOPE_1 "S 250 ok\nS 550 5.1.1 no\nS 503 5.5.1 nobody\nC QUIT\n",
		"0 failed 550 5.1.1 no\n", 0},
	{"354 for nobody ends the session: no answer would come", "b@example.org",
		LHLO ENVELOPE_1 "S 250 ok\nS 550 5.1.1 no\nS 354 go\nX\n",
		"0 failed 550 5.1.1 no\n", 0},
	{"a server that does not know LHLO is not one that refuses mail", "b@example.org",
		"S 220 hi\nC LHLO us.example\nS 500 5.5.1 what?\n",
		"no session: deferred 500 what?\n", 0},
	{"nor is 554 instead of a greeting", "b@example.org", "S 554 5.3.2 closed\n",
		"no session: deferred 554 closed\n", 0},
};

static void row_play(const struct row *row, size_t chunk, bool lmtp)
{
	struct play play = {.manner.lmtp = lmtp};
	struct scene_server server = {.script = slice_of(row->script)};

	print_message("%s (%zu)\n", row->name, chunk);
	for (size_t i = 0; i < (row->jobs ? row->jobs : 1); i++)
		play.jobs[i] = scene_job("a@us.example", row->recipients, SLICE(BODY), 0);
	play_run(&play, &server, chunk);
	text_char(&play.story, '\0');
	text_char(&server.fault, '\0');
	assert_string_equal(server.fault.at, "");
	assert_string_equal(play.story.at, row->story);
	play_end(&play, &server);
}

static void every_dialogue_ends_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		row_play(&rows[i], 0, false);
	for (size_t i = 0; i < sizeof lmtp_rows / sizeof *lmtp_rows; i++)
		row_play(&lmtp_rows[i], 0, true);
}

static void the_same_when_each_read_gives_one_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		row_play(&rows[i], 1, false);
	for (size_t i = 0; i < sizeof lmtp_rows / sizeof *lmtp_rows; i++)
		row_play(&lmtp_rows[i], 1, true);
}

/* ---- bytes ---- */

static void body_arrives(struct slice body, uint16_t flags, struct slice wire)
{
	struct play play = {.jobs = {scene_job("a@us.example", "b@example.org", body, 0)}};
	struct scene_server server = {
		.script = SLICE(GREETED ENVELOPE_1
			"S 250 ok\nS 250 ok\nS 354 go\nD\nS 250 kept\nC QUIT\n")};

	play.jobs[0]->message.body_flags = flags;
	play_run(&play, &server, 0);
	assert_int_equal(server.fault.len, 0);
	assert_int_equal(server.said.len, wire.len);
	assert_memory_equal(server.said.at, wire.at, wire.len);
	play_end(&play, &server);
}

#define TRACE "Received: by us\r\n"

static void lines_that_begin_with_a_dot_get_another(void **state)
{
	(void)state;
	body_arrives(SLICE(".\r\n..\r\na.\r\n.b\r\n"), BODY_FLAG_DOTS,
		SLICE(TRACE "..\r\n...\r\na.\r\n..b\r\n.\r\n"));
	body_arrives(SLICE("no dots\r\n"), 0, SLICE(TRACE "no dots\r\n.\r\n"));
	body_arrives(SLICE("no line end"), 0, SLICE(TRACE "no line end\r\n.\r\n"));
	body_arrives(SLICE(""), 0, SLICE(TRACE ".\r\n"));
}

static void a_body_of_many_blocks_arrives_whole(void **state)
{
	struct text body = TEXT_GROWING, wire = TEXT_GROWING;

	(void)state;
	text_put(&wire, SLICE(TRACE));
	for (unsigned i = 0; i < 30000; i++) {
		text_format(&body, ".line %u\r\n", i);
		text_format(&wire, "..line %u\r\n", i);
	}
	text_put(&wire, SLICE(".\r\n"));
	body_arrives(text_slice(&body), BODY_FLAG_DOTS, text_slice(&wire));
	text_free(&body);
	text_free(&wire);
}

/* ---- what the remote must be able to do ---- */

static void need_is_met(const char *sender, struct slice body, uint16_t body_flags, uint32_t flags,
	const char *script, const char *story)
{
	struct play play = {.jobs = {scene_job(sender, "b@example.org", body, flags)}};
	struct scene_server server = {.script = slice_of(script)};

	play.jobs[0]->message.body_flags = body_flags;
	play.jobs[0]->message.envelope.ret = RET_HDRS;
	play.jobs[0]->message.envelope.envid = SLICE("a+b");
	play_run(&play, &server, 0);
	text_char(&play.story, '\0');
	text_char(&server.fault, '\0');
	assert_string_equal(server.fault.at, "");
	assert_string_equal(play.story.at, story);
	play_end(&play, &server);
}

static void content_beyond_ascii_is_never_converted(void **state)
{
	struct slice body = SLICE("Subject: x\r\n\r\n\xc3\xa4\r\n"),
		     header = SLICE("Subject: \xc3\xa4\r\n\r\nx\r\n");

	(void)state;
	need_is_met("a@us.example", body, BODY_FLAG_8BIT, 0, GREETED "C QUIT\n",
		"0 failed 0 5.6.3 " REMOTE " does not take 8-bit messages\n");
	need_is_met("\xc3\xa4@us.example", body, BODY_FLAG_8BIT, ENVELOPE_SMTPUTF8,
		GREETED "C QUIT\n",
		"0 failed 0 5.6.7 " REMOTE " does not take internationalised addresses\n");
	need_is_met("a@us.example", header, BODY_FLAG_8BIT, ENVELOPE_SMTPUTF8, GREETED "C QUIT\n",
		"0 failed 0 5.6.7 " REMOTE " does not take internationalised addresses\n");
	need_is_met("a@us.example", body, BODY_FLAG_8BIT, ENVELOPE_SMTPUTF8,
		"S 220 hi\nC EHLO us.example\nS 250-mx\nS 250-SIZE\nS 250-DSN\nS 250 8BITMIME\nC "
		"MAIL FROM:<a@us.example> SIZE=35 BODY=8BITMIME RET=HDRS ENVID=a+2Bb\nS 250 ok\nC "
		"RCPT TO:<b@example.org>\nS 550 5.1.1 no\nC QUIT\n",
		"0 failed 550 5.1.1 no\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_dialogue_ends_as_the_table_says),
		cmocka_unit_test(the_same_when_each_read_gives_one_byte),
		cmocka_unit_test(lines_that_begin_with_a_dot_get_another),
		cmocka_unit_test(a_body_of_many_blocks_arrives_whole),
		cmocka_unit_test(content_beyond_ascii_is_never_converted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
