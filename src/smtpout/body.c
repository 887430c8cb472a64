/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a transaction: trace headers, body, final dot (RFC 5321 sections 4.1.1.4 and 4.5.2).
 * The contract is in talk.h. */
#include "smtpout/talk.h"
#include "wire/body.h"

enum { BLOCK = 64 << 10 };

struct sending {
	struct task *task;
	struct client *client;
	bool dots;          /* some line begins with a dot */
	bool at_line_start; /* of what was put last */
};

static enum talk block_flush(struct sending *sending)
{
	mono_ns outer = task_limit(sending->task, limit_of(LIMIT_BLOCK));
	enum io_end end = stream_flush(sending->task, sending->client->stream);

	task_restore(sending->task, outer);
	return talk_of_io(end);
}

/* At most one block: leaves when the output holds a block or more. */
static enum talk piece_put(struct sending *sending, struct slice piece)
{
	struct text *out = stream_output(sending->client->stream);

	if (piece.len == 0)
		return TALK_OK;
	if (sending->dots) {
		body_stuff(out, piece, &sending->at_line_start);
	} else {
		text_put(out, piece);
	}
	sending->at_line_start = piece.at[piece.len - 1] == '\n';
	return out->len >= BLOCK ? block_flush(sending) : TALK_OK;
}

static enum talk bytes_put(struct sending *sending, struct slice bytes)
{
	while (bytes.len) {
		enum talk talk = piece_put(sending, slice_part(bytes, 0, BLOCK));
		if (talk != TALK_OK)
			return talk;
		bytes = slice_from(bytes, BLOCK);
	}
	return TALK_OK;
}

/* A big body: each chunk is checked by its sum before any byte of it is put. */
static enum body_end chunks_put(struct sending *sending, const struct job *job, enum talk *talk)
{
	char *chunk = arena_bytes(job->arena, CHUNK_MAX);
	uint64_t at = SEGMENT_DATA_AT;

	for (uint32_t part = 0; part < job->parts; part++) {
		size_t got;
		enum spool_read read =
			spool_read_chunk(&job->source, job->order.id, part, &at, chunk, &got);
		if (read == SPOOL_READ_FAILED)
			return BODY_UNREADABLE;
		if (read == SPOOL_READ_DAMAGED || got == 0)
			return BODY_DAMAGED;
		*talk = bytes_put(sending, (struct slice){chunk, got});
		if (*talk != TALK_OK)
			return BODY_BROKEN;
	}
	return BODY_SENT;
}

enum body_end body_put(
	struct task *task, struct client *client, const struct job *job, enum talk *talk)
{
	struct sending sending = {.task = task,
		.client = client,
		.dots = job->message.body_flags & BODY_FLAG_DOTS,
		.at_line_start = true};
	enum body_end end = BODY_SENT;

	*talk = bytes_put(&sending, job->message.trace);
	if (*talk == TALK_OK && job->parts)
		end = chunks_put(&sending, job, talk);
	else if (*talk == TALK_OK)
		*talk = bytes_put(&sending, job->message.body);
	if (*talk != TALK_OK)
		return BODY_BROKEN;
	if (end != BODY_SENT)
		return end;
	if (!sending.at_line_start) /* the spool keeps whole lines; a report might not */
		stream_put(client->stream, SLICE("\r\n"));
	stream_put(client->stream, SLICE(".\r\n"));
	return BODY_SENT;
}
