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

/* What is in the output, and the pieces behind it, each of a block at most: as much time as for
 * each by itself. */
static enum talk blocks_flush(struct sending *sending, const struct slice *pieces, size_t count)
{
	mono_ns limit = limit_of(LIMIT_BLOCK) * (mono_ns)(count ? count : 1);
	mono_ns outer = task_limit(sending->task, limit);
	enum io_end end = stream_flush_parts(sending->task, sending->client->stream, pieces, count);

	task_restore(sending->task, outer);
	return talk_of_io(end);
}

/* At most one block: leaves when the output holds a block or more. */
static enum talk stuffed_put(struct sending *sending, struct slice piece)
{
	struct text *out = stream_output(sending->client->stream);

	body_stuff(out, piece, &sending->at_line_start);
	return out->len >= BLOCK ? blocks_flush(sending, NULL, 0) : TALK_OK;
}

static bool is_copied(struct slice piece)
{
	return piece.len <= COPIED_MOST;
}

/* Nothing is copied but what leaves in one packet with what comes next. */
static enum talk piece_put(struct sending *sending, struct slice piece)
{
	sending->at_line_start = piece.at[piece.len - 1] == '\n';
	if (!is_copied(piece))
		return blocks_flush(sending, &piece, 1);
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

/* All of them by one call, where nothing is to be set in them and the last does not wait. */
static enum talk chunks_put(struct sending *sending, const struct chunks *chunks)
{
	const struct slice *last = &chunks->of[chunks->count - 1];
	enum talk talk = TALK_OK;

	if (!sending->dots && !is_copied(*last)) {
		sending->at_line_start = last->at[last->len - 1] == '\n';
		return blocks_flush(sending, chunks->of, chunks->count);
	}
	for (size_t i = 0; i < chunks->count && talk == TALK_OK; i++)
		talk = bytes_put(sending, chunks->of[i]);
	return talk;
}

/* A big body: each chunk is checked by its sum before any byte of it is put. It is copied to be
 * sent: pages lent to a socket (sendfile) are the file's own, and a remote that answers before it
 * has read would be sent the next message that the file is used for. */
static enum body_end big_put(struct sending *sending, const struct job *job, enum talk *talk)
{
	struct chunks chunks = {
		.room = arena_bytes(job->arena, CHUNKS_ROOM), .at = SEGMENT_DATA_AT};

	while (chunks.part < job->parts) {
		switch (spool_read_chunks(&job->source, job->order.id, job->parts, &chunks)) {
		case SPOOL_READ_OK: break;
		case SPOOL_READ_DAMAGED: return BODY_DAMAGED;
		case SPOOL_READ_FAILED: return BODY_UNREADABLE;
		}
		*talk = chunks_put(sending, &chunks);
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
		end = big_put(&sending, job, talk);
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
