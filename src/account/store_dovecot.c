/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts of a Dovecot server, behind the interface: passwords are tested at its socket for
 * clients (auth-client), accounts and mailboxes looked up at the one for its masters, auth-userdb
 * in the same folder. Read store.h and dovecot_words.h first.
 *
 * Each question has a connection of its own and waits in its task, so that the delay with which
 * Dovecot answers a wrong password keeps nobody else waiting.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/dovecot_words.h"
#include "account/stores.h"
#include "base/panic.h"
#include "run/io.h"
#include "wire/base64.h"

enum { LINE_MOST = 8192, AUTH_MOST = 200 /* without login and password */ };
static const mono_ns patience = 15 * NS_PER_S;

struct dovecot_store {
	struct store store;
	char *client, *master; /* paths of its sockets */
	uint32_t last;         /* the number of a client: each connection is one */
};

static struct dovecot_store *dovecot_of(struct store *store)
{
	return LIST_OBJECT(struct dovecot_store, store, store);
}

/* ---- a connection ---- */

struct talk {
	struct task *task;
	struct io *io;
	struct arena *arena;
	struct text *because;
	char *bytes; /* LINE_MOST of them */
	size_t len, used;
};

static bool talk_open(struct talk *talk, const char *path)
{
	talk->bytes = arena_alloc(talk->arena, LINE_MOST);
	if (io_connect_unix(talk->task, path, &talk->io) == IO_DONE)
		return true;
	text_format(talk->because, "cannot connect to %s", path);
	return false;
}

static bool talk_say(struct talk *talk, struct slice words)
{
	if (io_write(talk->task, talk->io, words) == IO_DONE)
		return true;
	text_put(talk->because, SLICE("the connection was lost"));
	return false;
}

/* The next line, until the one after it is read. */
static bool talk_hear(struct talk *talk, struct slice *line)
{
	size_t got;

	memmove(talk->bytes, talk->bytes + talk->used, talk->len - talk->used);
	talk->len -= talk->used;
	for (talk->used = 0;; talk->len += got) {
		struct slice have = {talk->bytes, talk->len};
		size_t end = slice_find(have, '\n');
		if (end != SIZE_MAX) {
			*line = slice_part(have, 0, end);
			talk->used = end + 1;
			return true;
		}
		if (talk->len == LINE_MOST || io_read(talk->task, talk->io, talk->bytes + talk->len,
						      LINE_MOST - talk->len, &got) != IO_DONE)
			break;
	}
	text_put(talk->because, SLICE("it did not answer to the end"));
	return false;
}

/* What it says first ends with DONE for clients, and with SPID for masters. */
static bool talk_greet(struct talk *talk, struct slice last)
{
	struct slice line;

	while (talk_hear(talk, &line)) {
		struct dovecot_line said = dovecot_line_read(line);
		if (slice_is(said.command, SLICE("VERSION")) && !slice_is(said.id, SLICE("1"))) {
			text_put(talk->because, SLICE("it speaks another protocol"));
			return false;
		}
		if (slice_is(said.command, last))
			return true;
	}
	return false;
}

/* ---- answers ---- */

static enum found cannot_tell(struct talk *talk, const struct dovecot_line *said)
{
	struct slice reason;

	if (dovecot_value(said->rest, SLICE("reason"), talk->arena, &reason) && reason.len)
		text_escaped(talk->because, slice_part(reason, 0, 200));
	else
		text_put(talk->because, SLICE("it cannot tell at the moment"));
	return CANNOT_TELL;
}

/* RFC 4954's 454 is for `temp`; every other failure is a wrong name or password. */
static enum found answered(struct talk *talk, struct slice asked, const struct dovecot_line *said,
	struct account *account)
{
	struct slice value;

	if (slice_is(said->command, SLICE("OK")) || slice_is(said->command, SLICE("USER"))) {
		dovecot_account(said->rest, asked, talk->arena, account);
		return FOUND;
	}
	if (slice_is(said->command, SLICE("NOTFOUND")))
		return NOT_FOUND;
	bool temporary = !slice_is(said->command, SLICE("FAIL")) ||
			 dovecot_value(said->rest, SLICE("temp"), talk->arena, &value) ||
			 dovecot_value(said->rest, SLICE("authz"), talk->arena, &value);
	return temporary ? cannot_tell(talk, said) : NOT_FOUND;
}

static enum found hear_answer(struct talk *talk, struct slice asked, struct account *account)
{
	struct slice line;

	while (talk_hear(talk, &line)) {
		struct dovecot_line said = dovecot_line_read(line);
		if (slice_is(said.id, SLICE("1")))
			return answered(talk, asked, &said, account);
	}
	return CANNOT_TELL;
}

/* ---- a password ---- */

/* Of a fixed size, in the arena, which is wiped: nothing that grows leaves a copy behind. */
static struct text secret_text(struct talk *talk, size_t size)
{
	return (struct text){.at = arena_alloc(talk->arena, size), .size = size};
}

static void put_plain(
	struct talk *talk, struct text *text, struct slice login, struct slice password)
{
	struct text words = secret_text(talk, login.len + password.len + 2);

	text_char(&words, '\0');
	text_put(&words, login);
	text_char(&words, '\0');
	text_put(&words, password);
	text_base64(text, text_slice(&words));
}

static bool say_auth(struct talk *talk, struct slice login, struct slice password, uint32_t number)
{
	struct text words = secret_text(talk, AUTH_MOST + 2 * (login.len + password.len));

	text_format(&words, "VERSION\t1\t1\nCPID\t%u\nAUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp=",
		(unsigned)number);
	put_plain(talk, &words, login, password);
	text_char(&words, '\n');
	panic_if(words.cut, "a question for Dovecot that does not fit");
	return talk_say(talk, text_slice(&words));
}

static enum found dovecot_test(struct task *task, struct store *base, struct slice login,
	struct slice password, struct arena *arena, struct account *account, struct text *because)
{
	struct dovecot_store *store = dovecot_of(base);
	struct talk talk = {.task = task, .arena = arena, .because = because};
	mono_ns outer = task_limit(task, patience);
	enum found found = CANNOT_TELL;

	/* Clients of one server are told apart by their numbers. */
	uint32_t number = ((uint32_t)getpid() << 12 | (++store->last & 0xfff)) & 0x7fffffff;
	if (talk_open(&talk, store->client) && say_auth(&talk, login, password, number) &&
		talk_greet(&talk, SLICE("DONE")))
		found = hear_answer(&talk, login, account);
	io_close(talk.io);
	task_restore(task, outer);
	return found;
}

/* ---- an account ---- */

static bool say_user(struct talk *talk, struct slice login)
{
	struct text words = TEXT_GROWING;

	text_put(&words, SLICE("VERSION\t1\t0\nUSER\t1\t"));
	text_dovecot(&words, login);
	text_put(&words, SLICE("\tservice=smtp\n"));
	bool said = talk_say(talk, text_slice(&words));
	text_free(&words);
	return said;
}

/* A master's FAIL is no answer about the user. */
static enum found look_up(
	struct talk *talk, const char *path, struct slice login, struct account *account)
{
	struct slice line;

	if (!talk_open(talk, path) || !say_user(talk, login) || !talk_greet(talk, SLICE("SPID")))
		return CANNOT_TELL;
	while (talk_hear(talk, &line)) {
		struct dovecot_line said = dovecot_line_read(line);
		if (!slice_is(said.id, SLICE("1")))
			continue;
		return slice_is(said.command, SLICE("FAIL"))
			       ? cannot_tell(talk, &said)
			       : answered(talk, login, &said, account);
	}
	return CANNOT_TELL;
}

static enum found dovecot_find(struct task *task, struct store *base, struct slice login,
	struct arena *arena, struct account *account, struct text *because)
{
	struct talk talk = {.task = task, .arena = arena, .because = because};
	mono_ns outer = task_limit(task, patience);

	enum found found = look_up(&talk, dovecot_of(base)->master, login, account);
	io_close(talk.io);
	task_restore(task, outer);
	return found;
}

static enum found dovecot_mailbox(struct task *task, struct store *base, struct slice address,
	struct arena *arena, struct text *because)
{
	struct account account = {0};

	return dovecot_find(task, base, address, arena, &account, because);
}

/* ---- its life ---- */

static void dovecot_close(struct store *base)
{
	struct dovecot_store *store = dovecot_of(base);

	free(store->client);
	free(store->master);
	free(store);
}

static const struct store_kind kind = {
	.name = "dovecot",
	.find = dovecot_find,
	.test = dovecot_test,
	.mailbox = dovecot_mailbox,
	.close = dovecot_close,
};

struct store *store_dovecot_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why)
{
	struct dovecot_store *store = calloc(1, sizeof *store);
	struct slice where = settings->accounts_where;
	size_t slash = slice_find_last(where, '/');

	(void)loop, (void)pool, (void)why;
	panic_if(!store, "no memory for a store");
	store->store.kind = &kind;
	store->client = slice_string(where);
	if (asprintf(&store->master, "%.*s/auth-userdb", SLICE_ARGS(slice_part(where, 0, slash))) <
		0)
		store->master = NULL;
	panic_if(!store->client || !store->master, "no memory for a path");
	return &store->store;
}
