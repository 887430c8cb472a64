/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All sequences of up to five of thirteen commands, each in a session of its own, against a model
 * of RFC 5321 section 4.1.4 and RFC 3030: what is answered, and what is kept. The model below knows
 * nothing of session.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/panic.h"
#include "smtpin/test_house.h"

enum word {
	EHLO,
	HELO,
	MAIL,
	RCPT,
	DATA,
	BDAT,
	BDAT_LAST,
	RSET,
	NOOP,
	VRFY,
	QUIT,
	STARTTLS,
	AUTH,
	WORDS
};
enum { LONGEST = 5, BUFFER = 1024 };

#define MESSAGE "From: a@sender.example\r\n\r\nx\r\n"
static const struct slice said[WORDS] = {
	[EHLO] = SLICE("EHLO a.example\r\n"),
	[HELO] = SLICE("HELO a.example\r\n"),
	[MAIL] = SLICE("MAIL FROM:<a@sender.example>\r\n"),
	[RCPT] = SLICE("RCPT TO:<bob@example.org>\r\n"),
	[DATA] = SLICE("DATA\r\n"),
	[BDAT] = SLICE("BDAT 12\r\nSubject: y\r\n"),
	[BDAT_LAST] = SLICE("BDAT 29 LAST\r\n" MESSAGE),
	[RSET] = SLICE("RSET\r\n"),
	[NOOP] = SLICE("NOOP\r\n"),
	[VRFY] = SLICE("VRFY bob\r\n"),
	[QUIT] = SLICE("QUIT\r\n"),
	[STARTTLS] = SLICE("STARTTLS\r\n"),
	[AUTH] = SLICE("AUTH PLAIN AGEAYg==\r\n"),
};

/* ---- the model ---- */

struct model {
	bool greeted, extended, sender, recipient, chunks;
	unsigned kept;
};

static unsigned model_drop(struct model *model, unsigned code)
{
	model->sender = model->recipient = model->chunks = false;
	return code;
}

static unsigned model_greet(struct model *model, bool extended)
{
	model->greeted = true;
	model->extended = extended;
	return model_drop(model, 250);
}

static unsigned model_mail(struct model *model)
{
	if (!model->greeted || model->sender)
		return 503;
	model->sender = true;
	return 250;
}

static unsigned model_rcpt(struct model *model)
{
	if (!model->sender || model->chunks)
		return 503;
	model->recipient = true;
	return 250;
}

static unsigned model_message(struct model *model, enum word word)
{
	if (!model->recipient || (word == DATA && model->chunks))
		return 503;
	model->chunks = true;
	if (word == BDAT)
		return 250;
	model->kept++;
	return model_drop(model, 250);
}

/* RFC 4954 section 4: after EHLO, and not in a transaction; here never without TLS. */
static unsigned model_auth(const struct model *model)
{
	return model->extended && !model->sender ? 538 : 503;
}

/* The code of the reply; for DATA, of the reply to the message. */
static unsigned model_hear(struct model *model, enum word word)
{
	switch (word) {
	case EHLO: return model_greet(model, true);
	case HELO: return model_greet(model, false);
	case MAIL: return model_mail(model);
	case RCPT: return model_rcpt(model);
	case DATA:
	case BDAT:
	case BDAT_LAST: return model_message(model, word);
	case RSET: return model_drop(model, 250);
	case NOOP: return 250;
	case VRFY: return 252;
	case QUIT: return 221;
	case STARTTLS: return 502; /* this house has no certificate */
	case AUTH: return model_auth(model);
	case WORDS: break;
	}
	panic("no such word");
}

/* ---- the session ---- */

struct play {
	struct house *house;
	struct address from;
	enum word words[LONGEST];
	size_t length, longest;
	unsigned long played, failures;
};

static void differs(struct play *play, size_t at, unsigned is, unsigned expected)
{
	fprintf(stderr, "after");
	for (size_t i = 0; i <= at; i++)
		fprintf(stderr, " %.*s", (int)said[play->words[i]].len - 2,
			said[play->words[i]].at);
	fprintf(stderr, ": %u, not %u\n", is, expected);
	play->failures++;
}

/* The code of the whole reply that comes next, 0 where the connection has ended. */
static unsigned hear(struct task *task, struct io *io)
{
	char buffer[BUFFER];
	size_t have = 0, got;

	for (;;) {
		if (io_read(task, io, buffer + have, sizeof buffer - have, &got) != IO_DONE)
			return 0;
		have += got;
		struct slice heard = {buffer, have}, line = SLICE_NONE;
		if (buffer[have - 1] != '\n')
			continue;
		while (heard.len)
			line = slice_cut(&heard, '\n');
		if (line.len > 3 && line.at[3] == ' ')
			return (unsigned)atoi(line.at);
	}
}

static unsigned ask(struct task *task, struct io *io, struct slice bytes)
{
	return io_write(task, io, bytes) == IO_DONE ? hear(task, io) : 0;
}

static unsigned say(struct task *task, struct io *io, enum word word)
{
	unsigned code = ask(task, io, said[word]);

	return code == 354 ? ask(task, io, SLICE(MESSAGE ".\r\n")) : code;
}

static void play_one(struct task *task, struct play *play)
{
	size_t kept = play->house->kept_count;
	struct io *io = house_connect(task, play->house, &play->from, 0, false);
	struct model model = {0};
	unsigned greeting = hear(task, io);

	if (greeting != 220)
		differs(play, 0, greeting, 220);
	for (size_t i = 0; i < play->length; i++) {
		unsigned is = say(task, io, play->words[i]);
		unsigned expected = model_hear(&model, play->words[i]);
		if (is != expected)
			differs(play, i, is, expected);
	}
	io_close(io);
	if (play->house->kept_count - kept != model.kept)
		differs(play, play->length - 1, (unsigned)(play->house->kept_count - kept),
			model.kept);
	play->played++;
}

/* Every sequence that begins with the words so far. What would follow QUIT is heard by nobody. */
static void play_all(struct task *task, struct play *play)
{
	play_one(task, play);
	if (play->length == play->longest || play->words[play->length - 1] == QUIT)
		return;
	for (int word = 0; word < WORDS; word++) {
		play->words[play->length++] = (enum word)word;
		play_all(task, play);
		play->length--;
	}
}

static void play_run(struct task *task, void *arg)
{
	play_all(task, arg);
}

static void play_from(struct play *play, struct policy *policy)
{
	play->house = house_open(policy_ref(policy), SPOOL_WORKS);
	panic_if(!task_start(play->house->loop, "play", play_run, play), "no memory for a task");
	loop_run(play->house->loop);
	house_close(play->house);
}

static void test_no_sequence_of_commands_is_answered_otherwise_than_the_model_says(void **state)
{
	struct play play = {.longest = LONGEST};
	struct policy *policy = house_policy(
		SLICE("hostname mx.example.org\n"
		      "listen smtp \"127.0.0.1:2525\"\n"
		      "domain example.org any recipient deliver smtp \"127.0.0.1:26\"\n"
		      "limits connections unlimited, unlimited per address, "
		      "unlimited per minute per address\n"));

	(void)state;
	assert_non_null(policy);
	assert_true(address_parse(SLICE("203.0.113.9"), &play.from));
	for (int first = 0; first < WORDS; first++)
		for (int second = 0; second < WORDS; second++) {
			play.words[0] = (enum word)first;
			play.words[1] = (enum word)second;
			play.length = first == QUIT ? 1 : 2;
			if (first != QUIT || second == 0) /* nothing comes behind it */
				play_from(&play, policy);
		}
	for (int only = 0; only < WORDS; only++) {
		play.words[0] = (enum word)only;
		play.length = play.longest = 1;
		play_from(&play, policy);
	}
	policy_unref(policy);
	print_message("%lu sequences\n", play.played);
	assert_int_equal(play.failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_no_sequence_of_commands_is_answered_otherwise_than_the_model_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
