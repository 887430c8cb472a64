/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of streams and of io, over fake and real sockets. */
#include "run/testing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "run/sim.h"
#include "run/stream.h"

/* --- the same lines whatever the cut --- */

static const char conversation[] = "EHLO client.example\r\n"
				   "\r\n"
				   "bare\nlf\r\n"
				   "bare\rcr\r\n"
				   "two\r\r\nthree\n\n\r\n"
				   "exactly-18-bytes\r\n"
				   "exactly-19-bytes!\r\n"
				   "this one is much longer than eighteen\r\n"
				   "cr at the limit..\r\r\n"
				   "a\0b\r\n"
				   "no end";
enum { MOST = 18 };

struct heard {
	struct io *io;
	struct text log;
};

static const char *const words[] = {[LINE_WHOLE] = "whole",
	[LINE_TOO_LONG] = "long",
	[LINE_BAD_END] = "bad",
	[LINE_CLOSED] = "closed",
	[LINE_FAILED] = "failed",
	[LINE_DEADLINE] = "deadline",
	[LINE_CANCELLED] = "cancelled"};

static void listens(struct task *task, void *arg)
{
	struct heard *heard = arg;
	struct stream *stream = stream_open(heard->io);
	enum line end;

	do {
		struct slice line = SLICE_NONE;
		end = stream_line(task, stream, MOST, &line);
		text_format(&heard->log, "%s:", words[end]);
		text_escaped(&heard->log, line);
		text_char(&heard->log, '\n');
	} while (end == LINE_WHOLE || end == LINE_TOO_LONG || end == LINE_BAD_END);
	stream_close(stream);
}

struct said {
	struct io *io;
	struct slice bytes;
	size_t piece;
};

static void says(struct task *task, void *arg)
{
	struct said *said = arg;

	for (size_t at = 0; at < said->bytes.len; at += said->piece) {
		struct slice piece = slice_part(said->bytes, at, at + said->piece);
		assert_int_equal(io_write(task, said->io, piece), IO_DONE);
		assert_int_equal(task_yield(task), WAIT_READY);
	}
	io_close(said->io);
}

static struct text lines_of(struct slice bytes, size_t piece, size_t chunk)
{
	struct loop *loop = sim_open(0);
	struct heard heard = {.log = TEXT_GROWING};
	struct said said = {.bytes = bytes, .piece = piece};

	sim_pair(loop, &heard.io, &said.io);
	sim_set_chunk(heard.io, chunk);
	start(loop, "listens", listens, &heard);
	start(loop, "says", says, &said);
	loop_run(loop);
	loop_close(loop);
	return heard.log;
}

static void test_lines_are_the_same_whatever_the_cut(void **state)
{
	struct slice bytes = SLICE(conversation);
	struct text whole = lines_of(bytes, bytes.len, 0);

	(void)state;
	for (size_t size = 1; size <= bytes.len; size++) {
		struct text chunks = lines_of(bytes, bytes.len, size);
		struct text pieces = lines_of(bytes, size, 0);
		assert_true(slice_is(text_slice(&chunks), text_slice(&whole)));
		assert_true(slice_is(text_slice(&pieces), text_slice(&whole)));
		text_free(&chunks);
		text_free(&pieces);
	}
	text_free(&whole);
}

static void test_only_crlf_ends_a_line(void **state)
{
	static const struct {
		struct slice said;
		const char *lines;
	} rows[] = {
		{SLICE("a\r\nb\r\n"), "whole:a\nwhole:b\nclosed:\n"},
		{SLICE("\r\n"), "whole:\nclosed:\n"},
		{SLICE("a\nb\r\n"), "bad:\nwhole:b\nclosed:\n"},
		{SLICE("a\rb\r\n"), "bad:\nwhole:b\nclosed:\n"},
		{SLICE("a\r\r\nb\r\n"), "bad:\nwhole:\nwhole:b\nclosed:\n"},
		{SLICE("\n\r\n"), "bad:\nwhole:\nclosed:\n"},
		{SLICE("a\0b\r\n"), "whole:a\\x00b\nclosed:\n"},
		{SLICE("0123456789abcdef\r\n"), "whole:0123456789abcdef\nclosed:\n"},
		{SLICE("0123456789abcdefg\r\nb\r\n"), "long:\nwhole:\nwhole:b\nclosed:\n"},
		{SLICE("0123456789abcdefgh\r\nb\r\n"), "long:\nwhole:\nwhole:b\nclosed:\n"},
		{SLICE("0123456789abcdefghijk\r\n"), "long:\nwhole:ijk\nclosed:\n"},
		{SLICE("0123456789abcdefg\rh\r\n"), "long:\nbad:\nwhole:h\nclosed:\n"},
		{SLICE("0123456789abcdef\nh\r\n"), "bad:\nwhole:h\nclosed:\n"},
		{SLICE("half\r"), "closed:\n"},
		{SLICE(""), "closed:\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text lines = lines_of(rows[i].said, 1, 0);
		assert_slice(text_slice(&lines), rows[i].lines);
		text_free(&lines);
	}
}

/* --- replies leave together --- */

struct lines {
	struct io *io;
	struct text got;
	int reads;
};

static void answers(struct task *task, void *arg)
{
	struct stream *stream = stream_open(arg);
	struct slice line;

	while (stream_line(task, stream, 512, &line) == LINE_WHOLE) {
		stream_put(stream, SLICE("250 "));
		stream_put(stream, line);
		text_put(stream_output(stream), SLICE("\r\n"));
	}
	stream_close(stream);
}

static void asks(struct task *task, void *arg)
{
	struct lines *lines = arg;
	char buffer[100];
	size_t got;

	assert_int_equal(io_write(task, lines->io, SLICE("a\r\nb\r\nc\r\nd")), IO_DONE);
	assert_int_equal(io_read(task, lines->io, buffer, sizeof buffer, &got), IO_DONE);
	assert_slice(((struct slice){buffer, got}), "250 a\r\n250 b\r\n250 c\r\n");
	assert_int_equal(io_write(task, lines->io, SLICE("\r\n")), IO_DONE);
	assert_int_equal(io_read(task, lines->io, buffer, sizeof buffer, &got), IO_DONE);
	assert_slice(((struct slice){buffer, got}), "250 d\r\n");
	io_close(lines->io);
	lines->reads = 2;
}

static void test_replies_to_a_pipelined_group_leave_in_one_write(void **state)
{
	struct loop *loops[] = {sim_open(0), loop_open()};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct lines lines = {0};
		struct io *other;
		int fds[2];

		if (i == 0) {
			sim_pair(loops[i], &other, &lines.io);
		} else {
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
			other = io_open(loops[i], fds[0]);
			lines.io = io_open(loops[i], fds[1]);
		}
		start(loops[i], "answers", answers, other);
		start(loops[i], "asks", asks, &lines);
		loop_run(loops[i]);
		assert_int_equal(lines.reads, 2);
		loop_close(loops[i]);
	}
}

/* --- bodies --- */

enum { BODY = 3 * 1000 * 1000 };

static void sends_body(struct task *task, void *arg)
{
	struct stream *stream = stream_open(arg);
	char *body = malloc(BODY);

	assert_non_null(body);
	for (size_t i = 0; i < BODY; i++)
		body[i] = (char)(i * 7 % 251);
	stream_put(stream, SLICE("DATA\r\n"));
	assert_int_equal(stream_flush_with(task, stream, (struct slice){body, BODY}), IO_DONE);
	free(body);
	stream_close(stream);
}

static void takes_body(struct task *task, void *arg)
{
	struct lines *lines = arg;
	struct stream *stream = stream_open(lines->io);
	struct slice part;
	size_t seen = 0;

	assert_int_equal(stream_line(task, stream, 100, &part), LINE_WHOLE);
	assert_slice(part, "DATA");
	while (stream_peek(task, stream, &part) == IO_DONE) {
		size_t take = part.len > 1 ? part.len - part.len / 3 : part.len;
		for (size_t i = 0; i < take; i++, seen++)
			assert_int_equal(part.at[i], (char)(seen * 7 % 251));
		stream_consume(stream, take);
	}
	assert_int_equal(seen, BODY);
	lines->reads = 1;
	stream_close(stream);
}

/* The same into its own buffer; some of what it read is always read again. */
static void takes_body_in_place(struct task *task, void *arg)
{
	struct lines *lines = arg;
	struct stream *stream = stream_open(lines->io);
	static char room[100000];
	struct slice part;
	size_t got, seen = 0;

	assert_int_equal(stream_line(task, stream, 100, &part), LINE_WHOLE);
	assert_slice(part, "DATA");
	while (stream_read(task, stream, room, sizeof room - seen % 7777, &got) == IO_DONE) {
		size_t take = got > 1 ? got - got / 3 : got;
		for (size_t i = 0; i < take; i++, seen++)
			assert_int_equal(room[i], (char)(seen * 7 % 251));
		stream_give_back(stream, (struct slice){room + take, got - take});
		memset(room, 0, sizeof room);
		if (got % 5 == 0 && stream_peek(task, stream, &part) == IO_DONE) {
			assert_int_equal(part.at[0], (char)(seen++ * 7 % 251));
			stream_consume(stream, 1);
		}
	}
	assert_int_equal(seen, BODY);
	lines->reads = 1;
	stream_close(stream);
}

static void body_arrives(void (*takes)(struct task *task, void *arg))
{
	struct loop *loops[] = {sim_open(0), loop_open()};

	for (size_t i = 0; i < 2; i++) {
		struct lines lines = {0};
		struct io *other;
		int fds[2];

		if (i == 0) {
			sim_pair(loops[i], &other, &lines.io);
		} else {
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
			other = io_open(loops[i], fds[0]);
			lines.io = io_open(loops[i], fds[1]);
		}
		start(loops[i], "sends", sends_body, other);
		start(loops[i], "takes", takes, &lines);
		loop_run(loops[i]);
		assert_int_equal(lines.reads, 1);
		loop_close(loops[i]);
	}
}

static void test_a_body_larger_than_every_buffer_arrives(void **state)
{
	(void)state;
	body_arrives(takes_body);
	body_arrives(takes_body_in_place);
}

/* --- what was read too far --- */

static void reads_too_far(struct task *task, void *arg)
{
	struct lines *lines = arg;
	struct stream *stream = stream_open(lines->io);
	static char room[60000];
	struct slice line;
	size_t got = 0, count = 0;

	for (size_t some; got < sizeof room; got += some)
		assert_int_equal(
			stream_read(task, stream, room + got, sizeof room - got, &some), IO_DONE);
	stream_give_back(stream, (struct slice){room, sizeof room});
	memset(room, 0, sizeof room);
	while (stream_line(task, stream, 100, &line) == LINE_WHOLE)
		count += slice_is(line, SLICE("RSET"));
	assert_int_equal(count, 15000);
	lines->reads = 1;
	stream_close(stream);
}

static void says_much(struct task *task, void *arg)
{
	struct stream *stream = stream_open(arg);

	for (size_t i = 0; i < 15000; i++)
		stream_put(stream, SLICE("RSET\r\n"));
	assert_int_equal(stream_flush(task, stream), IO_DONE);
	stream_close(stream);
}

static void test_lines_that_were_given_back_are_read(void **state)
{
	struct loop *loop = sim_open(0);
	struct lines lines = {0};
	struct io *other;

	(void)state;
	sim_pair(loop, &other, &lines.io);
	start(loop, "says", says_much, other);
	start(loop, "reads", reads_too_far, &lines);
	loop_run(loop);
	assert_int_equal(lines.reads, 1);
	loop_close(loop);
}

/* --- transports --- */

struct rot {
	struct io *io;
};

static char rotate(char c)
{
	return ascii_is_alpha(c) ? (char)(c ^ 1) : c;
}

static enum io_end rot_read(struct task *task, void *self, char *buffer, size_t size, size_t *got)
{
	struct rot *rot = self;
	enum io_end end = io_read(task, rot->io, buffer, size, got);

	for (size_t i = 0; end == IO_DONE && i < *got; i++)
		buffer[i] = rotate(buffer[i]);
	return end;
}

static enum io_end rot_write(struct task *task, void *self, struct slice bytes)
{
	struct rot *rot = self;
	char copy[100];

	assert_true(bytes.len <= sizeof copy);
	for (size_t i = 0; i < bytes.len; i++)
		copy[i] = rotate(bytes.at[i]);
	return io_write(task, rot->io, (struct slice){copy, bytes.len});
}

static void upgrades(struct task *task, void *arg)
{
	struct stream *stream = stream_open(arg);
	struct rot rot = {arg};
	struct transport transport = {rot_read, rot_write, &rot};
	struct slice line;

	assert_int_equal(stream_line(task, stream, 100, &line), LINE_WHOLE);
	assert_false(stream_set_transport(stream, &transport)); /* "early" is still there */
	assert_int_equal(stream_line(task, stream, 100, &line), LINE_WHOLE);
	assert_slice(line, "early");
	assert_true(stream_set_transport(stream, &transport));
	stream_put(stream, SLICE("bcde\r\n"));
	assert_int_equal(stream_line(task, stream, 100, &line), LINE_WHOLE);
	assert_slice(line, "BCD");
	assert_int_equal(stream_line(task, stream, 100, &line), LINE_CLOSED);
	stream_close(stream);
}

static void talks_rot(struct task *task, void *arg)
{
	char buffer[100];
	size_t got;

	assert_int_equal(io_write(task, arg, SLICE("upgrade\r\nearly\r\n")), IO_DONE);
	assert_int_equal(io_read(task, arg, buffer, sizeof buffer, &got), IO_DONE);
	assert_slice(((struct slice){buffer, got}), "cbed\r\n");
	assert_int_equal(io_write(task, arg, SLICE("CBE\r\n")), IO_DONE);
	io_close(arg);
}

static void test_a_transport_is_not_put_over_bytes_that_came_before_it(void **state)
{
	struct loop *loop = sim_open(0);
	struct io *one, *other;

	(void)state;
	sim_pair(loop, &one, &other);
	start(loop, "upgrades", upgrades, one);
	start(loop, "talks", talks_rot, other);
	loop_run(loop);
	assert_int_equal(task_count(loop), 0);
	loop_close(loop);
}

/* --- deadlines, ends --- */

static void waits_in_vain(struct task *task, void *arg)
{
	struct stream *stream = stream_open(arg);
	struct slice line;
	mono_ns outer = task_limit(task, 5 * NS_PER_S);

	assert_false(stream_has_input(stream));
	assert_int_equal(stream_line(task, stream, 100, &line), LINE_DEADLINE);
	assert_true(stream_has_input(stream));
	task_restore(task, outer);
	assert_int_equal(stream_line(task, stream, 100, &line), LINE_CLOSED);
	stream_put(stream, SLICE("nobody hears this"));
	assert_int_equal(stream_flush(task, stream), IO_CLOSED);
	stream_close(stream);
}

static void says_half(struct task *task, void *arg)
{
	assert_int_equal(task_sleep(task, NS_PER_S), WAIT_READY);
	assert_int_equal(io_write(task, arg, SLICE("half a li")), IO_DONE);
	assert_int_equal(task_sleep(task, 9 * NS_PER_S), WAIT_READY);
	io_close(arg);
}

static void test_half_a_line_waits_until_the_deadline(void **state)
{
	struct loop *loop = sim_open(0);
	struct io *one, *other;

	(void)state;
	sim_pair(loop, &one, &other);
	start(loop, "waits", waits_in_vain, one);
	start(loop, "half", says_half, other);
	loop_run(loop);
	assert_int_equal(task_count(loop), 0);
	loop_close(loop);
}

static void floods(struct task *task, void *arg)
{
	while (io_write(task, arg, SLICE("flood ")) == IO_DONE)
		;
	io_close(arg);
}

static void is_flooded(struct task *task, void *arg)
{
	char c[3];
	size_t got, reads = 0;
	enum io_end end;

	task_limit(task, 50 * NS_PER_MS);
	while ((end = io_read(task, arg, c, sizeof c, &got)) == IO_DONE)
		reads++;
	assert_int_equal(end, IO_DEADLINE);
	assert_true(reads > 0);
	io_close(arg);
}

static void test_a_peer_that_never_pauses_gets_no_further_than_the_deadline(void **state)
{
	struct loop *loop = loop_open();
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	start(loop, "floods", floods, io_open(loop, fds[0]));
	start(loop, "is flooded", is_flooded, io_open(loop, fds[1]));
	loop_run(loop);
	assert_int_equal(task_count(loop), 0);
	loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_the_same_whatever_the_cut),
		cmocka_unit_test(test_only_crlf_ends_a_line),
		cmocka_unit_test(test_replies_to_a_pipelined_group_leave_in_one_write),
		cmocka_unit_test(test_a_body_larger_than_every_buffer_arrives),
		cmocka_unit_test(test_lines_that_were_given_back_are_read),
		cmocka_unit_test(test_a_transport_is_not_put_over_bytes_that_came_before_it),
		cmocka_unit_test(test_half_a_line_waits_until_the_deadline),
		cmocka_unit_test(test_a_peer_that_never_pauses_gets_no_further_than_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
