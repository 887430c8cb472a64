/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the control socket: one line of JSON asks, lines of JSON answer. */
#include "control/state.h"

#include <stdlib.h>
#include <string.h>

#include "run/stream.h"

enum { QUESTION_MAX = 64 << 10, SESSIONS_MAX = 100 };
static const mono_ns question_patience = 30 * NS_PER_S;

struct control_session {
	struct list link;
	struct control *control;
	struct stream *stream;
};

bool control_send(struct task *task, struct control_session *session, struct text *out)
{
	bool sent = stream_flush_with(task, session->stream, text_slice(out)) == IO_DONE;

	text_clear(out);
	return sent;
}

static void send_error(struct text *out)
{
	struct text words = TEXT_GROWING;

	text_put(&words, text_slice(out));
	text_clear(out);
	text_put(out, SLICE("{\"error\":"));
	text_json(out, text_slice(&words));
	text_put(out, SLICE("}\n"));
	text_free(&words);
}

/* The line ends in LF or CRLF: people ask with what they have. Peeked, since stream_line() is
 * SMTP's. */
static bool read_question(struct task *task, struct stream *stream, struct text *question)
{
	struct slice bytes;

	while (question->len < QUESTION_MAX && stream_peek(task, stream, &bytes) == IO_DONE) {
		size_t end = slice_find(bytes, '\n');
		text_put(question, slice_part(bytes, 0, end));
		stream_consume(stream, end == SIZE_MAX ? bytes.len : end + 1);
		if (end != SIZE_MAX)
			return true;
	}
	return false;
}

static void session_run(struct task *task, struct control_session *session)
{
	struct text question = TEXT_GROWING, out = TEXT_GROWING;
	mono_ns outer = task_limit(task, question_patience);

	text_reserve(&question, QUESTION_MAX); /* in one piece: a password may be in it */
	text_clear(&question);
	bool asked = read_question(task, session->stream, &question);
	stream_forget(session->stream);
	task_restore(task, outer);
	if (asked) {
		if (!control_answer(task, session->control, session, text_slice(&question), &out))
			send_error(&out);
		text_put(&out, SLICE("{\"end\":true}\n"));
		(void)control_send(task, session, &out);
	}
	explicit_bzero(question.at, question.len);
	text_free(&question);
	text_free(&out);
}

static void session_task(struct task *task, void *arg)
{
	struct control_session *session = arg;

	session_run(task, session);
	list_remove(&session->link);
	stream_close(session->stream);
	free(session);
}

static size_t session_count(const struct control *control)
{
	size_t count = 0;

	for (const struct list *at = control->sessions.next; at != &control->sessions;
		at = at->next)
		count++;
	return count;
}

static void session_start(struct control *control, struct io *client)
{
	struct control_session *session = NULL;

	if (session_count(control) < SESSIONS_MAX)
		session = calloc(1, sizeof *session);
	if (!session) {
		io_close(client);
		return;
	}
	*session = (struct control_session){.control = control, .stream = stream_open(client)};
	list_append(&control->sessions, &session->link);
	if (!task_start(control->role->loop, "control client", session_task, session)) {
		list_remove(&session->link);
		stream_close(session->stream);
		free(session);
	}
}

void control_accept(struct task *task, void *arg)
{
	struct control_socket *socket = arg;
	struct io *client;
	struct address from;
	enum io_end end;

	while ((end = io_accept(task, socket->io, &client, &from)) == IO_DONE || end == IO_FAILED)
		if (end == IO_DONE)
			session_start(socket->control, client);
}
