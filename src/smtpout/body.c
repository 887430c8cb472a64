/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a transaction: trace headers, body, final dot (RFC 5321 sections 4.1.1.4 and 4.5.2).
 * The contract is in talk.h. */
#include "smtpout/talk.h"
#include "wire/body.h"

enum {
	BLOCK = 64 << 10,
	COPIED_MOST = 8 << 10, /* what is smaller waits for what comes behind it */
};

struct sending {
	struct task *task;
	struct client *client;
	bool dots;          /* some line begins with a dot */
	bool at_line_start; /* of what was put last */
};

/* What is in the output, and `piece` behind it. */
static enum talk block_flush(struct sending *sending, struct slice piece)
{
	mono_ns outer = task_limit(sending->task, limit_of(LIMIT_BLOCK));
	enum io_end end = stream_flush_with(sending->task, sending->client->stream, piece);

	task_restore(sending->task, outer);
	return talk_of_io(end);
}

/* At most one block: leaves when the output holds a block or more. */
static enum talk stuffed_put(struct sending *sending, struct slice piece)
{
	struct text *out = stream_output(sending->client->stream);

	body_stuff(out, piece, &sending->at_line_start);
	return out->len >= BLOCK ? block_flush(sending, SLICE_NONE) : TALK_OK;
}

/* Nothing is copied but what leaves in one packet with what comes next. */
static enum talk piece_put(struct sending *sending, struct slice piece)
{
	sending->at_line_start = piece.at[piece.len - 1] == '\n';
	if (piece.len > COPIED_MOST)
		return block_flush(sending, piece);
	stream_put(sending->client->stream, piece);
	return TALK_OK;
}

static enum talk bytes_put(struct sending *sending, struct slice bytes)
{
	while (bytes.len) {
		struct slice piece = slice_part(bytes, 0, BLOCK);
		enum talk talk =
			sending->dots ? stuffed_put(sending, piece) : piece_put(sending, piece);
		if (talk != TALK_OK)
			return talk;
		bytes = slice_from(bytes, BLOCK);
	}
	return TALK_OK;
}

/* A big body: each chunk is checked by its sum before any byte of it is put. It is copied to be
 * sent: pages lent to a socket (sendfile) are the file's own, and a remote that answers before it
 * has read would be sent the next message that the file is used for. */
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
