/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: buffered bytes over an io, for line protocols. Buffers are taken from a pool of the loop
 * only while there is something in them, so an idle connection holds none.
 *
 * Output is collected and leaves in one write when the reader is about to wait with nothing left to
 * read, or at stream_flush(): so a multi-line reply, and the replies to a pipelined group, are one
 * packet. Between stream and io stands a `struct transport`, so that TLS can be put there
 * (STARTTLS) without the conversation noticing.
 */
#ifndef RUN_STREAM_H
#define RUN_STREAM_H

#include "run/io.h"

struct stream;

struct transport {
	enum io_end (*read)(struct task *, void *self, char *buffer, size_t size, size_t *got);
	enum io_end (*write)(struct task *, void *self, struct slice bytes);
	void *self;
	/* These two may be NULL. Until a read would give something, so that no buffer is held
	 * meanwhile; and whether it would give something now. */
	enum io_end (*wait)(struct task *, void *self);
	bool (*has_input)(void *self);
};

struct stream *stream_open(struct io *io); /* owns the io from here on */
void stream_close(struct stream *stream);  /* unsent output is dropped; closes the io */
/* Puts `transport` between stream and io (TLS). False, and nothing changes, while bytes read but
 * not consumed are left: nothing sent before a handshake may survive it (RFC 3207 section 4.2). */
bool stream_set_transport(struct stream *stream, const struct transport *transport) MUST_USE;
struct io *stream_io(struct stream *stream); /* for transports; still the stream's */

enum line {
	LINE_WHOLE,    /* *line is without its CRLF, valid until the next read call */
	LINE_TOO_LONG, /* no CRLF within `most` bytes; what was read so far is consumed */
	LINE_BAD_END,  /* a bare LF or a bare CR came first; consumed up to and with it */
	LINE_CLOSED,
	LINE_FAILED,
	LINE_DEADLINE,
	LINE_CANCELLED,
};
/* CRLF alone ends a line (RFC 5321 section 2.3.8). `most` counts the CRLF. */
enum line stream_line(
	struct task *task, struct stream *stream, size_t most, struct slice *line) MUST_USE;
/* Waits until at least one byte is there and shows all that is; stream_consume() takes some. */
enum io_end stream_peek(struct task *task, struct stream *stream, struct slice *bytes) MUST_USE;
void stream_consume(struct stream *stream, size_t bytes);
/* For bodies: waits likewise, for at most `size` bytes, which go to the caller's own buffer. What
 * was read too far is given back before anything else is read; it is copied. */
enum io_end stream_read(
	struct task *task, struct stream *stream, char *buffer, size_t size, size_t *got) MUST_USE;
void stream_give_back(struct stream *stream, struct slice bytes);
/* What was consumed (a password) can be read from the buffer no more; slices of it are dead. */
void stream_forget(struct stream *stream);
/* Whether unconsumed bytes are here already, without waiting: what a client pipelined. The socket
 * is asked too, unless the last read, which brought what is being answered, took all there was. */
bool stream_has_input(struct stream *stream);
/* The same, and the socket is asked in any case: before a close, which resets the connection over
 * bytes not read. */
bool stream_has_come(struct stream *stream);

void stream_put(struct stream *stream, struct slice bytes); /* copied into the output buffer */
struct text *stream_output(struct stream *stream);          /* the buffer itself, for formatters */
enum io_end stream_flush(struct task *task, struct stream *stream) MUST_USE;
/* Flushes what is buffered together with `bytes`, which are not copied: for message bodies. */
enum io_end stream_flush_with(
	struct task *task, struct stream *stream, struct slice bytes) MUST_USE;
/* The same with several pieces, STREAM_PARTS at most. */
enum { STREAM_PARTS = 8 };
enum io_end stream_flush_parts(
	struct task *task, struct stream *stream, const struct slice *parts, size_t count) MUST_USE;

#endif
