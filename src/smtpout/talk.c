/* SPDX-License-Identifier: Apache-2.0 */
/* Replies and timeouts of the client. The contract is in talk.h. */
#include "smtpout/talk.h"

#include "base/panic.h"

enum { REPLY_LINE_READ_MAX = 2048 }; /* RFC 5321 4.5.3.1.5 says 512: some say more */

/* RFC 5321 section 4.5.3.2. Connecting has no clause there; it is part of 4.5.3.2.1. */
static const mono_ns limits[] = {
	[LIMIT_CONNECT] = 300 * NS_PER_S,
	[LIMIT_GREETING] = 300 * NS_PER_S, /* 4.5.3.2.1 */
	[LIMIT_HELLO] = 300 * NS_PER_S,
	[LIMIT_STARTTLS] = 120 * NS_PER_S, /* RFC 3207 has none */
	[LIMIT_AUTH] = 180 * NS_PER_S,     /* RFC 4954 section 4: at least three minutes */
	[LIMIT_MAIL] = 300 * NS_PER_S,     /* 4.5.3.2.2 */
	[LIMIT_RCPT] = 300 * NS_PER_S,     /* 4.5.3.2.3 */
	[LIMIT_DATA] = 120 * NS_PER_S,     /* 4.5.3.2.4 */
	[LIMIT_BLOCK] = 180 * NS_PER_S,    /* 4.5.3.2.5 */
	[LIMIT_FINAL] = 600 * NS_PER_S,    /* 4.5.3.2.6 */
	[LIMIT_QUIT] = 5 * NS_PER_S,       /* only the send: its answer is not waited for */
};

mono_ns limit_of(enum limit limit)
{
	return limits[limit];
}

enum talk talk_of_io(enum io_end end)
{
	switch (end) {
	case IO_DONE: return TALK_OK;
	case IO_DEADLINE: return TALK_SILENT;
	case IO_CANCELLED: return TALK_CANCELLED;
	case IO_CLOSED:
	case IO_FAILED: return TALK_LOST;
	}
	return TALK_LOST;
}

static enum talk talk_of_line(enum line line)
{
	switch (line) {
	case LINE_WHOLE: return TALK_OK;
	case LINE_TOO_LONG:
	case LINE_BAD_END: return TALK_GARBAGE;
	case LINE_DEADLINE: return TALK_SILENT;
	case LINE_CANCELLED: return TALK_CANCELLED;
	case LINE_CLOSED:
	case LINE_FAILED: return TALK_LOST;
	}
	return TALK_LOST;
}

static enum talk reply_read(struct task *task, struct client *client)
{
	reply_begin(&client->reply);
	while (!client->reply.whole) {
		struct slice line;
		enum talk talk =
			talk_of_line(stream_line(task, client->stream, REPLY_LINE_READ_MAX, &line));
		if (talk != TALK_OK)
			return talk;
		if (reply_add_line(&client->reply, line) != REPLY_OK)
			return TALK_GARBAGE;
	}
	return TALK_OK;
}

enum talk client_listen(struct task *task, struct client *client, enum limit limit)
{
	mono_ns outer = task_limit(task, limits[limit]);
	enum talk talk = reply_read(task, client);

	task_restore(task, outer);
	/* RFC 5321 3.8: 421 may answer any command, and the connection ends with it. */
	if (talk != TALK_OK || client->reply.code == 421)
		client->ended = true;
	return talk;
}

bool reply_is_positive(const struct reply *reply)
{
	return reply->code / 100 == 2;
}

void settlement_sign(struct settlement *settled, const struct client *client)
{
	settled->remote = client->remote;
	settled->tls = client->tls;
}

struct settlement settlement_of_reply(const struct client *client, struct arena *arena)
{
	const struct reply *reply = &client->reply;
	unsigned class = reply->code / 100;
	struct settlement settled = {
		.outcome = class == 2   ? OUTCOME_DELIVERED
			   : class == 5 ? OUTCOME_FAILED
					: OUTCOME_DEFERRED,
		.code = reply->code,
		.enhanced = reply->enhanced,
		.words = arena_slice(
			arena, slice_part(text_slice(&reply->words), 0, REMOTE_WORDS_MAX)),
	};

	if (class == 3 || class == 1) { /* an intermediate code where a final one belongs */
		settled =
			settlement_of(REASON_REMOTE_PROTOCOL, client->remote, settled.words, arena);
		settled.code = reply->code;
	}
	settlement_sign(&settled, client);
	return settled;
}

struct settlement settlement_of_talk(
	const struct client *client, enum talk talk, struct slice when, struct arena *arena)
{
	static const struct {
		enum reason reason;
		struct slice how;
	} rows[] = {
		[TALK_OK] = {REASON_CONNECTION_LOST, {"", 0}},
		[TALK_LOST] = {REASON_CONNECTION_LOST, {"it was closed", 13}},
		[TALK_SILENT] = {REASON_CONNECTION_LOST, {"nothing was heard in time", 25}},
		[TALK_GARBAGE] = {REASON_REMOTE_PROTOCOL, {"the answer cannot be read", 25}},
		[TALK_CANCELLED] = {REASON_SHUTTING_DOWN, {"", 0}},
	};
	struct slice detail = rows[talk].how.len && when.len
				      ? arena_format(arena, "%.*s %.*s", SLICE_ARGS(rows[talk].how),
						SLICE_ARGS(when))
				      : when;
	struct settlement settled = settlement_of(rows[talk].reason, client->remote, detail, arena);

	panic_if(talk == TALK_OK, "nothing broke");
	settlement_sign(&settled, client);
	settled.outcome = OUTCOME_DEFERRED;
	return settled;
}
