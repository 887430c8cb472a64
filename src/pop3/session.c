/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session from the greeting to the last word: which command may come when, how long we wait, how
 * much nonsense we bear. Read session.h first. The commands themselves have files of their own.
 */
#include "pop3/session.h"

#include <stdlib.h>

#include "base/panic.h"
#include "role/proxied.h"

enum {
	LINE_MOST = 4200,      /* a response of SASL_MESSAGE_MAX octets in base 64; RFC 2449: 255 */
	WASTE_MOST = 64 << 10, /* of a line without an end; then the session ends */
	OUTPUT_MOST = 16 << 10,
};
/* RFC 1939 section 3: at least ten minutes. */
static const mono_ns autologout = 10 * 60 * NS_PER_S;
static const mono_ns handshake_within = 60 * NS_PER_S;
static const mono_ns last_words_ns = 10 * NS_PER_S;
static const mono_ns stopping_ns = NS_PER_S; /* the same, when everything ends */

/* ---- what may come when ---- */

enum when { BEFORE = 1, AFTER = 2, EVER = 3 }; /* signing in */
enum purpose { WORK, NO_OP };                  /* what does nothing for mail is counted */

/* clang-format off */
static const struct {
	pop_function *run;
	enum when when;
	enum purpose purpose;
} commands[POP_VERBS] = {
	[POP_CAPA] = {pop_capa, EVER,   NO_OP},
	[POP_LANG] = {pop_lang, EVER,   NO_OP},
	[POP_NOOP] = {pop_noop, AFTER,  WORK}, /* keeps the session alive: RFC 1939 section 5 */
	[POP_QUIT] = {pop_quit, EVER,   WORK},
	[POP_HTTP] = {pop_http, EVER,   WORK},

	[POP_STLS] = {pop_stls, BEFORE, NO_OP},
	[POP_UTF8] = {pop_utf8, BEFORE, NO_OP},
	[POP_USER] = {pop_user, BEFORE, NO_OP},
	[POP_PASS] = {pop_pass, BEFORE, WORK},
	[POP_AUTH] = {pop_auth, BEFORE, NO_OP},
	[POP_APOP] = {pop_apop, BEFORE, NO_OP},

	[POP_STAT] = {pop_stat, AFTER,  WORK},
	[POP_LIST] = {pop_list, AFTER,  WORK},
	[POP_UIDL] = {pop_uidl, AFTER,  WORK},
	[POP_RETR] = {pop_retr, AFTER,  WORK},
	[POP_TOP]  = {pop_top,  AFTER,  WORK},
	[POP_DELE] = {pop_dele, AFTER,  WORK},
	[POP_RSET] = {pop_rset, AFTER,  WORK},
};
/* clang-format on */

/* ---- saying ---- */

void pop_say(struct pop_session *session, struct slice words)
{
	struct text *out = stream_output(session->stream);

	text_put(out, SLICE("+OK "));
	text_put(out, words);
	text_put(out, SLICE("\r\n"));
}

void pop_complain(struct pop_session *session, struct slice code, struct slice words)
{
	struct text *out = stream_output(session->stream);

	text_put(out, SLICE("-ERR "));
	if (code.len) {
		text_char(out, '[');
		text_put(out, code);
		text_put(out, SLICE("] "));
	}
	text_put(out, words);
	text_put(out, SLICE("\r\n"));
	session->errors++;
}

void pop_part(struct pop_session *session, struct slice code, struct slice words)
{
	pop_complain(session, code, words);
	session->ending = true;
}

struct slice pop_session_name(const struct pop_session *session)
{
	return (struct slice){session->name, session->name_len};
}

static const struct session_limits *limits_of(const struct pop_session *session)
{
	return &policy_settings(session->pop->policy)->limits;
}

static mono_ns patience(const struct pop_session *session)
{
	mono_ns idle = limits_of(session)->idle;

	return idle > autologout ? idle : autologout;
}

bool pop_flush(struct task *task, struct pop_session *session, size_t much)
{
	if (stream_output(session->stream)->len < much)
		return true;
	mono_ns outer = task_limit(task, patience(session));
	if (stream_flush(task, session->stream) != IO_DONE)
		session->ending = session->broken = true;
	task_restore(task, outer);
	return !session->ending;
}

void pop_offload(struct task *task, struct pop_session *session, void (*run)(void *arg), void *arg)
{
	offload_run(task, session->pop->threads, run, arg);
}

/* ---- hearing ---- */

static enum line hear_line(
	struct task *task, struct pop_session *session, size_t most, struct slice *line)
{
	mono_ns outer = task_limit(task, patience(session));

	session->waiting = true;
	enum line heard = stream_line(task, session->stream, most, line);
	session->waiting = false;
	session->heard = loop_mono(session->pop->loop);
	task_restore(task, outer);
	return heard;
}

/* A line that is too long is no command, and neither is its end. */
static enum line hear_rest(struct task *task, struct pop_session *session)
{
	struct slice rest;
	enum line heard = LINE_TOO_LONG;

	for (size_t read = 0; heard == LINE_TOO_LONG; read += LINE_MOST) {
		if (read >= WASTE_MOST)
			return LINE_TOO_LONG;
		heard = hear_line(task, session, LINE_MOST, &rest);
	}
	return heard;
}

/* What hearing a line led to, where it was no whole line. */
static void take_end(struct pop_session *session, enum line heard)
{
	switch (heard) {
	case LINE_WHOLE: break;
	case LINE_TOO_LONG: pop_part(session, SLICE_NONE, SLICE("too long a line")); break;
	case LINE_BAD_END:
		pop_complain(session, SLICE_NONE, SLICE("a line ends in CR LF, both"));
		break;
	case LINE_CLOSED:
	case LINE_FAILED: session->ending = session->broken = true; break;
	case LINE_DEADLINE:
		pop_part(session, SLICE_NONE, SLICE("silent for too long; nothing was deleted"));
		break;
	case LINE_CANCELLED:
		pop_part(session, SLICE("SYS/TEMP"),
			session->pressed ? SLICE("too many wait for a place; sign in sooner")
					 : SLICE("shutting down; nothing was deleted"));
		break;
	}
}

bool pop_hear(struct task *task, struct pop_session *session, struct slice *line)
{
	enum line heard = hear_line(task, session, LINE_MOST, line);

	if (heard == LINE_TOO_LONG) {
		heard = hear_rest(task, session);
		if (heard == LINE_WHOLE || heard == LINE_BAD_END)
			pop_complain(session, SLICE_NONE, SLICE("too long a line"));
		else
			take_end(session, heard);
		return false;
	}
	take_end(session, heard);
	return heard == LINE_WHOLE;
}

/* ---- one command ---- */

static bool is_worn_out(struct pop_session *session)
{
	const struct session_limits *limits = limits_of(session);

	if (session->pop->stopping)
		pop_part(session, SLICE("SYS/TEMP"), SLICE("shutting down; nothing was deleted"));
	else if (session->errors >= limits->errors)
		pop_part(session, SLICE_NONE, SLICE("too many errors"));
	else if (!session->drop && session->no_ops >= limits->no_ops)
		pop_part(session, SLICE_NONE, SLICE("too many commands before signing in"));
	return session->ending;
}

static void wrong_arguments(struct pop_session *session, enum pop_verb verb)
{
	pop_complain(session, SLICE_NONE,
		arena_format(session->scratch, "expected %s", pop_usage(verb)));
}

static void obey(struct task *task, struct pop_session *session, struct slice line)
{
	struct pop_command command;
	enum pop_parse parse = pop_command_parse(line, &command);

	if (parse == POP_NO_COMMAND) {
		pop_complain(session, SLICE_NONE, SLICE("no such command"));
		return;
	}
	session->no_ops += commands[command.verb].purpose == NO_OP;
	if (!(commands[command.verb].when & (session->drop ? AFTER : BEFORE)))
		pop_complain(session, SLICE_NONE,
			session->drop ? SLICE("you have signed in already")
				      : SLICE("sign in first"));
	else if (parse == POP_WRONG_ARGUMENTS)
		wrong_arguments(session, command.verb);
	else
		commands[command.verb].run(task, session, &command);
}

static void converse(struct task *task, struct pop_session *session)
{
	while (!session->ending) {
		struct slice line = SLICE_NONE;
		if (!pop_hear(task, session, &line) || is_worn_out(session))
			continue;
		session->scratch = arena_new();
		obey(task, session, line);
		arena_free(session->scratch);
		session->scratch = NULL;
		if (!session->ending && !pop_flush(task, session, OUTPUT_MOST))
			break;
	}
}

/* ---- a session ---- */

/* False: nobody can be spoken with. */
static bool encrypt_at_once(struct task *task, struct pop_session *session)
{
	const struct pop_doors *doors = session->pop->doors;
	char words[200];
	struct text why = TEXT_FIXED(words);

	if (!doors->can_encrypt(doors->owner))
		return false;
	mono_ns outer = task_limit(task, handshake_within);
	enum tls_end end = doors->encrypt(
		task, doors->owner, &session->client, session->stream, &session->tls, &why);
	task_restore(task, outer);
	session->encrypted = end == TLS_DONE;
	return session->encrypted;
}

/* Without a time stamp: APOP would need passwords kept in the clear. */
static void greet(struct pop_session *session)
{
	struct text *out = stream_output(session->stream);

	text_put(out, SLICE("+OK "));
	text_put(out, policy_settings(session->pop->policy)->hostname);
	text_put(out, SLICE(" POP3 ready\r\n"));
}

/* What is left of a session that was cancelled: its task gets no word out any more. */
struct farewell {
	struct pop *pop;
	struct stream *stream;
	struct tls_session *tls;
	bool broken;
	struct admission admission;
};

static void say_last_words(struct task *task, struct farewell *farewell)
{
	struct pop *pop = farewell->pop;

	task_restore(task, NEVER);
	task_limit(task, pop->stopping ? stopping_ns : last_words_ns);
	if (!farewell->broken) {
		enum io_end end = stream_flush(task, farewell->stream);
		(void)end; /* whether anybody reads it or not */
	}
	tls_session_end(farewell->tls);
	stream_close(farewell->stream);
	admission_leave(pop->census, &farewell->admission);
	if (--pop->session_count == 0)
		gate_open(&pop->emptied);
}

static void farewell_run(struct task *task, void *arg)
{
	struct farewell farewell = *(struct farewell *)arg;

	free(arg);
	say_last_words(task, &farewell);
}

static void part(struct task *task, struct pop_session *session)
{
	struct farewell farewell = {
		session->pop, session->stream, session->tls, session->broken, session->admission};
	struct farewell *left;

	maildrop_close(session->drop);
	list_remove(&session->link);
	if (task_is_cancelled(task) && (left = malloc(sizeof *left))) {
		*left = farewell;
		if (task_start(farewell.pop->loop, "pop farewell", farewell_run, left))
			return;
		free(left);
	}
	say_last_words(task, &farewell);
}

struct newcomer {
	struct pop *pop;
	struct io *client;
	struct pop_arrival arrival;
};

static void session_begin(struct pop_session *session, struct task *task, struct newcomer *newcomer)
{
	struct pop *pop = newcomer->pop;

	*session = (struct pop_session){
		.pop = pop,
		.task = task,
		.stream = stream_open(newcomer->client),
		.client = newcomer->arrival.from,
		.admission = newcomer->arrival.admission,
		.implicit_tls = newcomer->arrival.implicit_tls,
		.heard = loop_mono(pop->loop),
		.id = id_next(&pop->ids, loop_wall(pop->loop)),
		.since = loop_wall(pop->loop),
	};
	free(newcomer);
	list_append(&pop->sessions, &session->link);
	pop->tally.sessions++;
}

/* A client behind a proxy is counted when it is known who it is; what is wrong with that is said
 * without TLS. False: it is not let in. */
static bool hear_proxy(struct task *task, struct pop_session *session)
{
	const char *why;
	enum reason reason = REASON_NONE;

	session->waiting = true;
	enum proxied heard = proxied_hear(task, stream_io(session->stream), &session->client, &why);
	session->waiting = false;
	if (heard == PROXIED)
		reason = pop_admit(
			session->pop, &session->client, session->implicit_tls, &session->admission);
	if (heard == PROXIED && reason == REASON_NONE)
		return true;
	session->pop->tally.turned_away++;
	session->broken = heard == PROXIED_GONE || session->implicit_tls;
	pop_part(session, SLICE("SYS/TEMP"),
		heard == PROXIED ? pop_reason_words(reason) : SLICE("no PROXY header"));
	return false;
}

static void session_run(struct task *task, void *arg)
{
	bool proxied = ((struct newcomer *)arg)->arrival.proxied;
	struct pop_session session;

	session_begin(&session, task, arg);
	if (!proxied || hear_proxy(task, &session)) {
		session.broken = session.implicit_tls && !encrypt_at_once(task, &session);
		if (!session.broken) {
			greet(&session);
			converse(task, &session);
		}
	}
	part(task, &session);
}

bool pop_session_start(struct pop *pop, struct io *client, const struct pop_arrival *arrival)
{
	struct newcomer *newcomer = malloc(sizeof *newcomer);

	panic_if(!newcomer, "no memory for a session");
	*newcomer = (struct newcomer){pop, client, *arrival};
	if (!task_start(pop->loop, "pop", session_run, newcomer)) {
		free(newcomer);
		return false;
	}
	pop->session_count++;
	return true;
}
