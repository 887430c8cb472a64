/* SPDX-License-Identifier: Apache-2.0 */
/* Buffered streams. The contract is in stream.h. */
#include "run/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/text.h"
#include "run/inside.h"

struct stream {
	struct io *io;
	struct transport transport; /* read is NULL where there is none */
	char *input;                /* NULL while nothing is in it */
	size_t room;                /* of the input: LOOP_BUFFER, more only to take bytes back */
	size_t start, end;          /* what is read and not consumed */
	size_t scanned;             /* from start: holds no end of line */
	struct text output;         /* `at` is NULL while nothing is in it */
};

struct stream *stream_open(struct io *io)
{
	struct stream *stream = calloc(1, sizeof *stream);

	panic_if(!stream, "no memory for a stream");
	stream->io = io;
	stream->output = TEXT_GROWING;
	return stream;
}

static struct loop *loop_of(const struct stream *stream)
{
	return stream->io->watch.loop;
}

/* It held what came behind a message, and that may have been a password. */
static void large_free(char *large, size_t room)
{
	explicit_bzero(large, room);
	free(large);
}

static void give_input(struct stream *stream)
{
	if (stream->input && stream->room > LOOP_BUFFER)
		large_free(stream->input, stream->room);
	else if (stream->input)
		loop_buffer_give(loop_of(stream), stream->input);
	stream->input = NULL;
	stream->start = stream->end = stream->scanned = 0;
}

static void give_output(struct stream *stream)
{
	if (stream->output.size == LOOP_BUFFER)
		loop_buffer_give(loop_of(stream), stream->output.at);
	else
		text_free(&stream->output);
	stream->output = TEXT_GROWING;
}

void stream_close(struct stream *stream)
{
	if (!stream)
		return;
	give_input(stream);
	give_output(stream);
	io_close(stream->io);
	free(stream);
}

bool stream_set_transport(struct stream *stream, const struct transport *transport)
{
	if (stream->end > stream->start)
		return false;
	stream->transport = *transport;
	return true;
}

struct io *stream_io(struct stream *stream)
{
	return stream->io;
}

/* --- output --- */

struct text *stream_output(struct stream *stream)
{
	if (!stream->output.at) {
		stream->output.at = loop_buffer_take(loop_of(stream));
		stream->output.size = LOOP_BUFFER;
	}
	return &stream->output;
}

void stream_put(struct stream *stream, struct slice bytes)
{
	text_put(stream_output(stream), bytes);
}

static struct iovec part_of(struct slice bytes)
{
	return (struct iovec){.iov_base = (void *)(uintptr_t)bytes.at, .iov_len = bytes.len};
}

static enum io_end write_through(
	struct task *task, struct transport *transport, const struct slice *parts, size_t count)
{
	enum io_end end = IO_DONE;

	for (size_t i = 0; i < count && end == IO_DONE; i++)
		if (parts[i].len)
			end = transport->write(task, transport->self, parts[i]);
	return end;
}

static enum io_end write_parts(
	struct task *task, struct stream *stream, const struct slice *parts, size_t count)
{
	struct iovec vector[1 + STREAM_PARTS];

	if (stream->transport.write)
		return write_through(task, &stream->transport, parts, count);
	if (count == 1)
		return io_write(task, stream->io, parts[0]);
	for (size_t i = 0; i < count; i++)
		vector[i] = part_of(parts[i]);
	return io_writev(task, stream->io, vector, (int)count);
}

/* After a failure the output is dropped: the connection is of no use any more. */
enum io_end stream_flush_parts(
	struct task *task, struct stream *stream, const struct slice *parts, size_t count)
{
	struct slice all[1 + STREAM_PARTS] = {text_slice(&stream->output)};
	size_t len = all[0].len, used = len != 0;
	enum io_end end = IO_DONE;

	panic_if(count > STREAM_PARTS, "%zu parts of one flush", count);
	for (size_t i = 0; i < count; i++) {
		all[used++] = parts[i];
		len += parts[i].len;
	}
	if (len != 0)
		end = write_parts(task, stream, all, used);
	give_output(stream);
	return end;
}

enum io_end stream_flush_with(struct task *task, struct stream *stream, struct slice bytes)
{
	return stream_flush_parts(task, stream, &bytes, bytes.len != 0);
}

enum io_end stream_flush(struct task *task, struct stream *stream)
{
	return stream_flush_parts(task, stream, NULL, 0);
}

/* --- input --- */

static struct slice unread(const struct stream *stream)
{
	return (struct slice){
		stream->input ? stream->input + stream->start : NULL, stream->end - stream->start};
}

static void take_input(struct stream *stream, size_t bytes)
{
	stream->room = bytes > LOOP_BUFFER ? bytes : LOOP_BUFFER;
	stream->input = bytes > LOOP_BUFFER ? malloc(bytes) : loop_buffer_take(loop_of(stream));
	panic_if(!stream->input, "no memory for a stream");
}

/* Whoever waits holds no more than the others. */
static void make_small(struct stream *stream)
{
	char *large = stream->input;
	size_t room = stream->room;
	struct slice rest = unread(stream);

	take_input(stream, rest.len);
	memcpy(stream->input, rest.at, rest.len);
	large_free(large, room);
	stream->start = 0;
	stream->end = rest.len;
}

static void make_room(struct stream *stream)
{
	if (!stream->input)
		take_input(stream, 0);
	if (stream->room > LOOP_BUFFER && stream->end - stream->start < LOOP_BUFFER)
		make_small(stream);
	if (stream->start == 0)
		return;
	memmove(stream->input, stream->input + stream->start, stream->end - stream->start);
	stream->end -= stream->start;
	stream->start = 0;
}

/* Before the wait: what was answered so far leaves, and an empty buffer goes back. */
static enum io_end wait_for_input(struct task *task, struct stream *stream)
{
	enum io_end end = stream_flush(task, stream);

	if (end != IO_DONE)
		return end;
	if (stream->end == 0)
		give_input(stream);
	return io_wait_readable(task, stream->io);
}

/* The same, where bytes come through a transport. */
static enum io_end transport_is_ready(struct task *task, struct stream *stream)
{
	struct transport *transport = &stream->transport;
	enum io_end end = stream_flush(task, stream);

	if (end == IO_DONE)
		end = io_may_go_on(task);
	if (end == IO_DONE && transport->wait) {
		if (stream->start == stream->end)
			give_input(stream);
		end = transport->wait(task, transport->self);
	}
	return end;
}

static enum io_end fill_from_transport(struct task *task, struct stream *stream)
{
	struct transport *transport = &stream->transport;
	enum io_end end = transport_is_ready(task, stream);
	size_t got = 0;

	if (end != IO_DONE)
		return end;
	make_room(stream);
	end = transport->read(task, transport->self, stream->input + stream->end,
		stream->room - stream->end, &got);
	stream->end += got;
	return end;
}

/* Adds at least one byte to the input; there must be room for it. */
static enum io_end fill(struct task *task, struct stream *stream)
{
	if (stream->transport.read)
		return fill_from_transport(task, stream);
	for (;;) {
		size_t got;
		make_room(stream);
		enum io_end end = io_try_read(task, stream->io, stream->input + stream->end,
			stream->room - stream->end, &got);
		stream->end += got;
		if (end != IO_DONE || got != 0)
			return end;
		end = wait_for_input(task, stream);
		if (end != IO_DONE)
			return end;
	}
}

static enum line line_of(enum io_end end)
{
	switch (end) {
	case IO_DONE: return LINE_WHOLE;
	case IO_CLOSED: return LINE_CLOSED;
	case IO_FAILED: return LINE_FAILED;
	case IO_DEADLINE: return LINE_DEADLINE;
	case IO_CANCELLED: return LINE_CANCELLED;
	}
	panic("no such end %d", (int)end);
}

/* What stands at the front of `bytes`, of which the first `scanned` hold no end of line; *used is
 * how much of it is consumed, 0 where more must be read first. The answer does not depend on how
 * the input was cut: of a line that is too long exactly `most` bytes are consumed, but never a CR
 * whose LF would then stand alone. */
static enum line look(struct slice bytes, size_t scanned, size_t most, size_t *used)
{
	struct slice rest = slice_from(slice_part(bytes, 0, most), scanned);
	size_t lf = slice_find(rest, '\n');
	size_t cr = slice_find(slice_part(rest, 0, lf), '\r');

	*used = 0;
	if (cr != SIZE_MAX && cr + 1 < rest.len) {
		bool whole = lf == cr + 1;
		*used = scanned + cr + (whole ? 2 : 1);
		return whole ? LINE_WHOLE : LINE_BAD_END;
	}
	if (lf != SIZE_MAX) {
		*used = scanned + lf + 1;
		return LINE_BAD_END;
	}
	if (bytes.len >= most)
		*used = most - (cr != SIZE_MAX);
	return LINE_TOO_LONG;
}

enum line stream_line(struct task *task, struct stream *stream, size_t most, struct slice *line)
{
	panic_if(most < 2 || most > LOOP_BUFFER, "a line of %zu bytes", most);
	for (;;) {
		struct slice bytes = unread(stream);
		size_t used;
		enum line found = look(bytes, stream->scanned, most, &used);
		if (used != 0) {
			if (found == LINE_WHOLE)
				*line = slice_part(bytes, 0, used - 2);
			stream_consume(stream, used);
			return found;
		}
		bool half = bytes.len != 0 && bytes.at[bytes.len - 1] == '\r';
		stream->scanned = bytes.len - half;
		enum io_end end = fill(task, stream);
		if (end != IO_DONE)
			return line_of(end);
	}
}

enum io_end stream_peek(struct task *task, struct stream *stream, struct slice *bytes)
{
	enum io_end end = IO_DONE;

	if (stream->end == stream->start) {
		stream->start = stream->end = stream->scanned = 0;
		end = fill(task, stream);
	}
	*bytes = unread(stream);
	return end;
}

void stream_consume(struct stream *stream, size_t bytes)
{
	panic_if(bytes > stream->end - stream->start, "consumed more than there is");
	stream->start += bytes;
	stream->scanned = 0;
}

static enum io_end read_from_transport(
	struct task *task, struct stream *stream, char *buffer, size_t size, size_t *got)
{
	struct transport *transport = &stream->transport;
	enum io_end end = transport_is_ready(task, stream);

	if (end != IO_DONE)
		return end;
	return transport->read(task, transport->self, buffer, size, got);
}

enum io_end stream_read(
	struct task *task, struct stream *stream, char *buffer, size_t size, size_t *got)
{
	struct slice there = slice_part(unread(stream), 0, size);
	enum io_end end = IO_DONE;

	*got = there.len;
	if (there.len) {
		memcpy(buffer, there.at, there.len);
		stream_consume(stream, there.len);
		return IO_DONE;
	}
	give_input(stream);
	if (stream->transport.read)
		return read_from_transport(task, stream, buffer, size, got);
	while (end == IO_DONE) {
		end = io_try_read(task, stream->io, buffer, size, got);
		if (end != IO_DONE || *got)
			break;
		end = wait_for_input(task, stream);
	}
	return end;
}

void stream_give_back(struct stream *stream, struct slice bytes)
{
	if (stream->end > stream->start) { /* they came from the input, and are still there */
		panic_if(bytes.len > stream->start, "given back what was not read");
		stream->start -= bytes.len;
		return;
	}
	give_input(stream);
	if (!bytes.len)
		return;
	take_input(stream, bytes.len);
	memcpy(stream->input, bytes.at, bytes.len);
	stream->end = bytes.len;
}

void stream_forget(struct stream *stream)
{
	if (!stream->input)
		return;
	explicit_bzero(stream->input, stream->start);
	explicit_bzero(stream->input + stream->end, stream->room - stream->end);
}

bool stream_has_input(struct stream *stream)
{
	if (stream->end > stream->start)
		return true;
	if (stream->transport.has_input)
		return stream->transport.has_input(stream->transport.self);
	/* An end of file is none: who says QUIT and closes has not talked out of turn. */
	return io_has_bytes(stream->io);
}

bool stream_has_come(struct stream *stream)
{
	return stream_has_input(stream) || stream->io->kind->peek(stream->io) > 0;
}
