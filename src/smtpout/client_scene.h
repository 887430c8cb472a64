/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenes for the client's tests: a fake server that follows a script, in the simulated loop.
 *
 *	S 250 words      the server says a line
 *	C MAIL FROM:<…   the client must say exactly this line; *: any
 *	D                what the client says up to and with the final dot is kept, raw
 *	R raw\r\n        the server says bytes: \r \n \0 are escapes
 *	W 700            it waits, in seconds
 *	X                it hangs up
 *	T                it takes a TLS handshake; the scene ends where that fails
 *
 * Lines of C that follow each other without an S between are a pipelined group: a client that
 * waited for an answer there would wait for ever, and the scene would not end.
 */
#ifndef SMTPOUT_CLIENT_SCENE_H
#define SMTPOUT_CLIENT_SCENE_H

#include <string.h>

#include "base/text.h"
#include "run/sim.h"
#include "smtpout/client.h"
#include "tls/tls.h"

struct scene_server {
	struct io *io;
	struct slice script;
	struct text said; /* the data, raw, of every D */
	struct text fault;
	struct tls *tls; /* for T */
	struct tls_session *session;
};

/* The escapes of an R line. */
static inline void scene_raw(struct text *out, struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.at[i] != '\\' || i + 1 == line.len) {
			text_char(out, line.at[i]);
			continue;
		}
		char c = line.at[++i];
		text_char(out, c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c);
	}
}

static inline bool scene_expect(
	struct task *task, struct scene_server *server, struct stream *stream, struct slice line)
{
	struct slice heard = SLICE_NONE;
	enum line read = stream_line(task, stream, 4096, &heard);

	if (read == LINE_WHOLE && (slice_is(heard, line) || slice_is(line, SLICE("*"))))
		return true;
	text_format(&server->fault, "expected <%.*s>, heard <%.*s> (%d)\n", SLICE_ARGS(line),
		SLICE_ARGS(heard), (int)read);
	return false;
}

static inline bool scene_data(struct task *task, struct scene_server *server, struct stream *stream)
{
	struct slice line;

	do {
		if (stream_line(task, stream, 4096, &line) != LINE_WHOLE) {
			text_put(&server->fault, SLICE("the data did not end\n"));
			return false;
		}
		text_put(&server->said, line);
		text_put(&server->said, SLICE("\r\n"));
	} while (!slice_is(line, SLICE(".")));
	return true;
}

static inline bool scene_tls(struct task *task, struct scene_server *server, struct stream *stream)
{
	char room[200];
	struct text why = TEXT_FIXED(room);

	return tls_accept(task, server->tls, stream, &server->session, &why) == TLS_DONE;
}

static inline bool scene_step(
	struct task *task, struct scene_server *server, struct stream *stream, struct slice step)
{
	struct slice rest = slice_from(step, 2);
	uint64_t seconds = 0;

	switch (step.at[0]) {
	case 'S':
		stream_put(stream, rest);
		stream_put(stream, SLICE("\r\n"));
		return stream_flush(task, stream) == IO_DONE;
	case 'R':
		scene_raw(stream_output(stream), rest);
		return stream_flush(task, stream) == IO_DONE;
	case 'C': return scene_expect(task, server, stream, rest);
	case 'D': return scene_data(task, server, stream);
	case 'T': return scene_tls(task, server, stream);
	case 'W':
		return slice_number(rest, 1000000, &seconds) &&
		       task_sleep(task, (mono_ns)seconds * NS_PER_S) == WAIT_READY;
	default: return false; /* X */
	}
}

static inline void scene_serve(struct task *task, void *arg)
{
	struct scene_server *server = arg;
	struct stream *stream = stream_open(server->io);
	bool going = true;

	while (server->script.len && going) {
		struct slice step = slice_cut(&server->script, '\n');
		if (step.len)
			going = scene_step(task, server, stream, step);
	}
	tls_session_end(server->session);
	server->session = NULL;
	stream_close(stream);
}

/* ---- jobs ---- */

static inline struct job *scene_job(
	const char *sender, const char *recipients, struct slice body, uint32_t flags)
{
	char indices[2 * JOB_RECIPIENTS_MAX];
	struct writer out = writer_over(indices, sizeof indices);
	struct slice left = slice_of(recipients);
	uint16_t count = 0;

	for (struct slice each = left; each.len; slice_cut(&each, ' '))
		write_u16(&out, count++);
	struct job *job = job_new(&(struct delivery_job){
		.target = SLICE("example.org"), .port = 25, .recipients = writer_slice(&out)});
	struct envelope_recipient *list = ARENA_ARRAY(job->arena, struct envelope_recipient, count);
	for (size_t i = 0; i < count; i++)
		list[i].address = slice_cut(&left, ' ');
	job->loaded = true;
	job->message = (struct message){
		.envelope = {.sender = slice_of(sender),
			.flags = flags,
			.recipients = list,
			.recipient_count = count},
		.trace = SLICE("Received: by us\r\n"),
		.body = body,
		.body_size = body.len,
	};
	return job;
}

static inline void scene_tell(struct text *story, const struct job *job)
{
	static const char *const names[] = {"delivered", "deferred", "failed"};

	for (size_t i = 0; i < job->count; i++) {
		const struct rcpt *rcpt = &job->recipients[i];
		text_format(story, "%u ", rcpt->index);
		if (rcpt->state != RCPT_SETTLED) {
			text_put(story, SLICE("open\n"));
			continue;
		}
		text_format(story, "%s %u ", names[rcpt->settled.outcome], rcpt->settled.code);
		text_enhanced(story, rcpt->settled.enhanced);
		text_char(story, ' ');
		text_put(story, rcpt->settled.words);
		text_char(story, '\n');
	}
}

#endif
