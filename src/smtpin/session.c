/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session from the greeting to the last word: which command may come when, how long we wait, how
 * much nonsense we bear. Read session.h first. The commands themselves have files of their own.
 */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "smtpin/auth.h"
#include "smtpin/encrypt.h"
#include "smtpin/inquiry.h"
#include "smtpin/proxied.h"
#include "smtpin/refuse.h"

enum {
	OUTPUT_MOST = 16 << 10, /* replies that are kept back while a client goes on sending */
	LINE_MOST = 64 << 10,   /* without a line end; then the session ends */
	DRAIN_MOST = 64 << 10,  /* unread input that is taken off before closing */
	BAD_LINE_ENDS_MOST = 2,
};
static const mono_ns last_words_ns = 10 * NS_PER_S;
static const mono_ns stopping_ns = NS_PER_S; /* the same, when everything ends */
static const mono_ns drain_ns = 2 * NS_PER_S;

/* ---- what may come when ---- */

/* REFUSED: recipients were offered, and none was accepted. CHUNKS: some of the message has come by
 * BDAT. */
enum phase { NEW, GREETED, SENDER, REFUSED, RECIPIENTS, CHUNKS, PHASES };
enum legality { MAY, NO_HELO, NO_MAIL, NO_RCPT, NESTED, NOBODY, CHUNKED, LEGALITIES };
enum group { ANY, LAST };     /* RFC 2920 section 3.1: LAST is the last of a pipelined group */
enum purpose { WORK, NO_OP }; /* what does nothing for mail is counted */

struct command {
	command_function *run;
	enum group group;
	enum purpose purpose;
	enum legality legality[PHASES];
};

/* clang-format off */
#define ALWAYS {MAY, MAY, MAY, MAY, MAY, MAY}

/* RFC 5321 section 4.1.4. */
static const struct command commands[VERBS] = {
	/*                                        NEW      GREETED  SENDER   REFUSED RECIPIENTS CHUNKS */
	[VERB_MAIL] = {mail_command, ANY,  WORK, {NO_HELO, MAY,     NESTED,  NESTED, NESTED,    NESTED}},
	[VERB_RCPT] = {rcpt_command, ANY,  WORK, {NO_HELO, NO_MAIL, MAY,     MAY,    MAY,       CHUNKED}},
	[VERB_DATA] = {data_command, LAST, WORK, {NO_HELO, NO_MAIL, NO_RCPT, NOBODY, MAY,       CHUNKED}},
	[VERB_BDAT] = {bdat_command, ANY,  WORK, {NO_HELO, NO_MAIL, NO_RCPT, NOBODY, MAY,       MAY}},

	[VERB_EHLO]     = {ehlo_command,     LAST, NO_OP, ALWAYS},
	[VERB_HELO]     = {helo_command,     LAST, NO_OP, ALWAYS},
	[VERB_RSET]     = {rset_command,     ANY,  NO_OP, ALWAYS},
	[VERB_NOOP]     = {noop_command,     ANY,  NO_OP, ALWAYS},
	[VERB_VRFY]     = {vrfy_command,     ANY,  NO_OP, ALWAYS},
	[VERB_EXPN]     = {expn_command,     ANY,  NO_OP, ALWAYS},
	[VERB_HELP]     = {help_command,     ANY,  NO_OP, ALWAYS},
	[VERB_QUIT]     = {quit_command,     LAST, WORK,  ALWAYS},
	[VERB_STARTTLS] = {starttls_command, LAST, NO_OP, ALWAYS},
	[VERB_AUTH]     = {auth_command,     LAST, NO_OP, {NO_HELO, MAY, NESTED, NESTED, NESTED, NESTED}},
	[VERB_HTTP]     = {http_command,     ANY,  WORK,  ALWAYS},
	[VERB_UNKNOWN]  = {unknown_command,  ANY,  WORK,  ALWAYS},
};
/* clang-format on */

/* What is said instead. */
static const struct {
	enum reason reason;
	struct slice about;
} out_of_order[LEGALITIES] = {
	[NO_HELO] = {REASON_BAD_SEQUENCE, SLICE("say EHLO first")},
	[NO_MAIL] = {REASON_BAD_SEQUENCE, SLICE("say MAIL FROM first")},
	[NO_RCPT] = {REASON_BAD_SEQUENCE, SLICE("say RCPT TO first")},
	[NESTED] = {REASON_BAD_SEQUENCE, SLICE("a message is under way; RSET drops it")},
	[NOBODY] = {REASON_NO_VALID_RECIPIENTS},
	[CHUNKED] = {REASON_BAD_SEQUENCE, SLICE("go on with BDAT, or drop the message with RSET")},
};

static enum phase session_phase(const struct session *session)
{
	const struct transaction *transaction = session->transaction;

	if (!transaction)
		return session->helo_len ? GREETED : NEW;
	if (transaction->chunks)
		return CHUNKS;
	if (transaction->recipient_count)
		return RECIPIENTS;
	return transaction->offered ? REFUSED : SENDER;
}

/* ---- small questions ---- */

const struct policy *session_policy(const struct session *session)
{
	return session->transaction ? session->transaction->policy : session->edge->policy;
}

const struct settings *session_settings(const struct session *session)
{
	return policy_settings(session_policy(session));
}

/* Not kept from one command to the next, for a reload changes it. */
const struct session_limits *session_limits(struct session *session)
{
	const struct policy *policy = session_policy(session);

	if (!policy_has_limits_for(policy))
		return &policy_settings(policy)->limits;
	session->limits = policy_limits_of(policy, &session->client, true);
	return &session->limits;
}

uint64_t recipients_most(struct session *session)
{
	uint64_t most = session_limits(session)->recipients;

	return most < RECIPIENTS_MAX ? most : RECIPIENTS_MAX;
}

struct slice session_user(const struct session *session)
{
	return (struct slice){session->user, session->user_len};
}

struct slice session_helo(const struct session *session)
{
	return (struct slice){session->helo, session->helo_len};
}

void session_say(struct session *session, struct slice reply)
{
	stream_put(session->stream, reply);
	stream_put(session->stream, SLICE("\r\n"));
}

/* RFC 5321 section 4.5.3.2.7 gives a server five minutes for its client's next word; a whole
 * transaction has an end too, so that dripping octets keeps no place for ever. */
mono_ns session_begin_wait(struct session *session)
{
	mono_ns patience = session_limits(session)->idle;

	if (session->transaction && session->transaction->ends != NEVER) {
		mono_ns left = session->transaction->ends - loop_mono(session->edge->loop);
		if (left < patience)
			patience = left > 0 ? left : 0;
	}
	session->waiting = true;
	return task_limit(session->task, patience);
}

void session_end_wait(struct session *session, mono_ns outer)
{
	session->waiting = false;
	task_restore(session->task, outer);
}

enum reason session_cut_short(const struct session *session)
{
	return session->pressed ? REASON_TOO_SLOW_WHEN_BUSY : REASON_SHUTTING_DOWN;
}

/* ---- one command ---- */

/* The limits of a session, asked before each command: reaching one ends it. */
static enum reason worn_out(struct session *session)
{
	const struct session_limits *limits = session_limits(session);

	if (session->edge->stopping && !session->transaction)
		return REASON_SHUTTING_DOWN;
	if (session->errors >= limits->errors)
		return REASON_TOO_MANY_ERRORS;
	if (session->unknown_recipients >= limits->unknown_recipients)
		return REASON_TOO_MANY_UNKNOWN;
	if (session->no_ops >= limits->no_ops)
		return REASON_TOO_MANY_NO_OPS;
	return REASON_NONE;
}

static void obey(struct task *task, struct session *session, struct slice line)
{
	struct slice rest;
	const struct command *command = &commands[command_verb(line, &rest)];
	enum legality legality = command->legality[session_phase(session)];

	bool is_chunk = command->run == bdat_command;

	session->no_ops += command->purpose == NO_OP;
	session->chunk_failed &= is_chunk;
	if (command->group == LAST && stream_has_input(session->stream))
		refuse_and_end(session, REASON_PIPELINING_MISUSED, SLICE_NONE);
	else if (legality == MAY)
		command->run(task, session, rest);
	else if (!is_chunk || bdat_skip(task, session, rest))
		refuse_form(session, out_of_order[legality].reason, out_of_order[legality].about);
}

/* RFC 4954 section 4: an AUTH may be longer than any other command. */
static bool is_too_long(struct slice line)
{
	struct slice rest;

	return line.len + 2 > COMMAND_LINE_MAX && command_verb(line, &rest) != VERB_AUTH;
}

static void heed(struct task *task, struct session *session, struct slice line)
{
	enum reason enough = worn_out(session);

	if (enough != REASON_NONE)
		refuse_and_end(session, enough, SLICE_NONE);
	else if (is_too_long(line))
		refuse_form(session, REASON_LINE_TOO_LONG, SLICE_NONE);
	else if (slice_has(line, '\0'))
		refuse_form(session, REASON_BAD_COMMAND_BYTES, SLICE_NONE);
	else
		obey(task, session, line);
}

/* ---- lines ---- */

static enum line hear_most(
	struct task *task, struct session *session, size_t most, struct slice *line)
{
	mono_ns outer = session_begin_wait(session);

	enum line heard = stream_line(task, session->stream, most, line);
	session_end_wait(session, outer);
	return heard;
}

static enum line hear(struct task *task, struct session *session, struct slice *line)
{
	size_t most = session_is_encrypted(session) ? AUTH_LINE_MAX : COMMAND_LINE_MAX;

	return hear_most(task, session, most, line);
}

/* The rest of a line that was too long is no command: it is read up to its true end, which has to
 * come as soon as a line has. */
static enum line hear_rest(struct task *task, struct session *session)
{
	struct slice rest;
	enum line heard = LINE_TOO_LONG;
	mono_ns outer = session_begin_wait(session);

	for (size_t read = 0; heard == LINE_TOO_LONG || heard == LINE_BAD_END;
		read += COMMAND_LINE_MAX) {
		if (read >= LINE_MOST)
			break;
		heard = hear(task, session, &rest);
	}
	session_end_wait(session, outer);
	return heard == LINE_BAD_END ? LINE_TOO_LONG : heard;
}

/* Lines with bare ends come from programs that could be made to smuggle: one is an accident. */
static void bear_bad_end(struct session *session)
{
	refuse_form(session, REASON_BAD_COMMAND_BYTES, SLICE_NONE);
	if (++session->bad_line_ends >= BAD_LINE_ENDS_MOST)
		refuse_and_end(session, REASON_TOO_MANY_ERRORS, SLICE_NONE);
}

static void bear_silence(struct session *session)
{
	const struct transaction *transaction = session->transaction;
	bool over = transaction && loop_mono(session->edge->loop) >= transaction->ends;

	refuse_and_end(
		session, over ? REASON_TRANSACTION_TOO_LONG : REASON_IDLE_TOO_LONG, SLICE_NONE);
}

static void hang_up(struct session *session)
{
	if (session->transaction)
		session->edge->tally.lost++;
	session->ending = true;
}

/* What reading a line led to: true if there is one. After a line that was too long, what its rest
 * led to. */
static bool bear(
	struct task *task, struct session *session, enum line heard, enum reason about_length)
{
	bool too_long = heard == LINE_TOO_LONG;

	session->heard = loop_mono_exact(session->edge->loop);
	if (too_long)
		heard = hear_rest(task, session);
	switch (heard) {
	case LINE_WHOLE:
		if (too_long)
			refuse_form(session, about_length, SLICE_NONE);
		return !too_long;
	case LINE_TOO_LONG: refuse_and_end(session, REASON_LINE_TOO_LONG, SLICE_NONE); break;
	case LINE_BAD_END: bear_bad_end(session); break;
	case LINE_CLOSED:
	case LINE_FAILED: hang_up(session); break;
	case LINE_DEADLINE: bear_silence(session); break;
	case LINE_CANCELLED: refuse_and_end(session, session_cut_short(session), SLICE_NONE); break;
	}
	return false;
}

bool session_hear(struct task *task, struct session *session, size_t most, enum reason too_long,
	struct slice *line)
{
	return bear(task, session, hear_most(task, session, most, line), too_long);
}

/* A client that sends without end and reads nothing must not make us keep its replies. */
static void keep_output_short(struct task *task, struct session *session)
{
	if (stream_output(session->stream)->len < OUTPUT_MOST)
		return;
	mono_ns outer = session_begin_wait(session);
	if (stream_flush(task, session->stream) != IO_DONE)
		hang_up(session);
	session_end_wait(session, outer);
}

static void scratch_give_back(struct session *session)
{
	edge_arena_give(session->edge, session->scratch);
	session->scratch = NULL;
}

/* When everything ends, nobody is heard any more who is not in the middle of a message. */
static enum line hear_or_part(struct task *task, struct session *session, struct slice *line)
{
	if (session->edge->stopping && !session->transaction)
		return LINE_CANCELLED;
	admission_note_turn(session);
	return hear(task, session, line);
}

static void converse(struct task *task, struct session *session)
{
	while (!session->ending) {
		struct slice line = SLICE_NONE;
		enum line heard = hear_or_part(task, session, &line);
		session->scratch = edge_arena_take(session->edge);
		if (bear(task, session, heard, REASON_LINE_TOO_LONG))
			heed(task, session, line);
		scratch_give_back(session);
		inquiries_reap(task, session);
		if (!session->ending)
			keep_output_short(task, session);
	}
}

/* ---- a session ---- */

/* What the policy wants to know of every client is asked now; the banner waits for nothing. */
static void ask_about_client(struct session *session)
{
	if (!session->edge->needs.answers)
		return;
	session->scratch = edge_arena_take(session->edge);
	facts_ask(session, STAGE_CONNECT);
	scratch_give_back(session);
}

/* RFC 5321 section 3.1: the server speaks first. Who does not wait for that is no mail server. */
static void greet(struct session *session)
{
	struct text *out = stream_output(session->stream);

	if (stream_has_input(session->stream)) {
		session->scratch = edge_arena_take(session->edge);
		refuse_and_end(session, REASON_TALK_BEFORE_BANNER, SLICE_NONE);
		scratch_give_back(session);
		return;
	}
	text_put(out, SLICE("220 "));
	text_put(out, session_settings(session)->hostname);
	text_put(out, SLICE(" ESMTP Postern\r\n"));
	ask_about_client(session);
}

/* What is left of a session: replies on their way, and perhaps input that nobody wants. */
struct farewell {
	struct edge *edge;
	struct stream *stream;
	struct tls_session *tls;
	struct admission admission;
	bool goodbye;
};

/* Closing over unread input resets the connection, and the client may never read why. */
static void drain(struct task *task, struct stream *stream)
{
	struct slice bytes;

	for (size_t read = 0; read < DRAIN_MOST; read += bytes.len) {
		if (stream_peek(task, stream, &bytes) != IO_DONE)
			return;
		stream_consume(stream, bytes.len);
	}
}

static void say_last_words(struct task *task, struct farewell *farewell)
{
	struct stream *stream = farewell->stream;

	task_restore(task, NEVER);
	task_limit(task, farewell->edge->stopping ? stopping_ns : last_words_ns);
	if (farewell->goodbye)
		io_close_follows(stream_io(stream));
	if (stream_flush(task, stream) == IO_DONE && !farewell->goodbye &&
		stream_has_come(stream)) {
		task_limit(task, drain_ns);
		drain(task, stream);
	}
	tls_session_end(farewell->tls);
	stream_close(stream);
	admission_end(farewell->edge, &farewell->admission);
	if (--farewell->edge->session_count == 0)
		gate_open(&farewell->edge->emptied);
}

static void farewell_run(struct task *task, void *arg)
{
	struct farewell farewell = *(struct farewell *)arg;

	free(arg);
	say_last_words(task, &farewell);
}

/* A cancelled task gets no word out any more, so another one says the last. */
static void part(struct task *task, struct session *session)
{
	struct farewell farewell = {
		session->edge, session->stream, session->tls, session->admission, session->goodbye};
	struct farewell *left;

	transaction_end(session);
	inquiry_end(session, &session->of_helo);
	inquiry_end(session, &session->of_account);
	session_sign_out(session);
	inquiry_end(session, &session->of_client);
	inquiries_reap(task, session);
	session->edge->local_count -= session->local;
	list_remove(&session->link);
	if (task_is_cancelled(task) && (left = malloc(sizeof *left))) {
		*left = farewell;
		if (task_start(farewell.edge->loop, "farewell", farewell_run, left))
			return;
		free(left);
	}
	say_last_words(task, &farewell);
}

struct newcomer {
	struct edge *edge;
	struct io *client;
	struct arrival arrival;
	char user[LOCAL_USER_MAX];
};

static void session_begin(struct session *session, struct task *task, struct newcomer *newcomer)
{
	struct edge *edge = newcomer->edge;

	*session = (struct session){
		.edge = edge,
		.task = task,
		.stream = stream_open(newcomer->client),
		.client = newcomer->arrival.from,
		.admission = newcomer->arrival.admission,
		.service = newcomer->arrival.service,
		.proxied = newcomer->arrival.proxied,
		.local = newcomer->arrival.local,
		.user_len = (uint8_t)newcomer->arrival.user.len,
		.id = edge_new_id(edge),
		.since = loop_wall(edge->loop),
	};
	memcpy(session->user, newcomer->user, sizeof session->user);
	free(newcomer);
	list_init(&session->left);
	gate_init(&session->answered);
	list_append(&edge->sessions, &session->link);
	edge->local_count += session->local;
	edge->tally.sessions++;
}

static void session_run(struct task *task, void *arg)
{
	struct session session;

	session_begin(&session, task, arg);
	io_look_first(task, stream_io(session.stream));
	if (proxy_heard(task, &session) && encrypt_first(task, &session)) {
		greet(&session);
		converse(task, &session);
	}
	part(task, &session);
}

bool session_start(struct edge *edge, struct io *client, const struct arrival *arrival)
{
	struct newcomer *newcomer = malloc(sizeof *newcomer);

	panic_if(!newcomer, "no memory for a session");
	*newcomer = (struct newcomer){.edge = edge, .client = client, .arrival = *arrival};
	newcomer->arrival.user = slice_part(arrival->user, 0, LOCAL_USER_MAX);
	memcpy(newcomer->user, arrival->user.at ? arrival->user.at : "",
		newcomer->arrival.user.len);
	if (!task_start(edge->loop, "session", session_run, newcomer)) {
		free(newcomer);
		return false;
	}
	edge->session_count++;
	return true;
}
