/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions of the load generator; `reply_rows` below is the conversation. Read load.h first. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum step { BANNER, EHLO, MAIL, RCPT, DATA, DOT, RSET, QUIT, HOLD, STEPS };
enum {
	NO_MESSAGE = -1,
	PIECES = 16, /* of one call */
	EVENTS = 256,
	REDIAL_MS = 20,
	DIALS_IN_THE_AIR = 4,
	LINGER_MS = 100
};

struct session {
	int fd; /* -1: closed */
	enum step step;
	uint32_t watched; /* events that epoll watches */
	int64_t id;       /* of the message or attempt in hand, else NO_MESSAGE */
	int64_t done;     /* on this connection */
	uint64_t begun;  /* µs; MAIL was sent, or the dot; the connect where they come at a rate */
	uint64_t redial; /* µs; not before, 0: not waiting */
	size_t in_len, out_len, out_sent;
	size_t body_len; /* what of the shared body is still to send */
	char in[1024];
	char out[1024];
};

/* ---- writing ---- */

__attribute__((format(printf, 2, 3))) static void say(
	struct session *session, const char *format, ...)
{
	va_list list;
	size_t room = sizeof session->out - session->out_len;

	va_start(list, format);
	int len = vsnprintf(session->out + session->out_len, room, format, list);
	va_end(list);
	if (len < 0 || (size_t)len >= room) {
		fprintf(stderr, "load: a line is too long\n");
		exit(2);
	}
	session->out_len += (size_t)len;
}

static void watch(struct session *session, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = session};

	if (session->watched == events)
		return;
	int how = session->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(run.epoll, how, session->fd, &event) != 0)
		die("epoll_ctl");
	session->watched = events;
}

static void written(struct session *session, size_t len)
{
	size_t commands = session->out_len - session->out_sent;

	if (len < commands) {
		session->out_sent += len;
		return;
	}
	session->out_len = session->out_sent = 0;
	session->body_len -= len - commands;
}

/* What of the body is left, as far as it goes by one call; gives how many pieces. */
static size_t body_pieces(const struct session *session, struct iovec pieces[PIECES])
{
	size_t at = run.body_len - session->body_len, count = 0;

	for (; at < run.blocks_len && count < PIECES; count++) {
		size_t used = at % BLOCK;
		pieces[count] = (struct iovec){run.block + used, BLOCK - used};
		at += BLOCK - used;
	}
	if (count < PIECES && at < run.body_len)
		pieces[count++] = (struct iovec){run.body + at - run.blocks_len, run.body_len - at};
	return count;
}

static ssize_t send_commands(const struct session *session)
{
	return send(session->fd, session->out + session->out_sent,
		session->out_len - session->out_sent, MSG_NOSIGNAL);
}

static ssize_t send_with_body(struct session *session)
{
	struct iovec pieces[1 + PIECES] = {
		{session->out + session->out_sent, session->out_len - session->out_sent}};
	struct msghdr message = {.msg_iov = pieces};

	message.msg_iovlen = 1 + body_pieces(session, pieces + 1);
	return sendmsg(session->fd, &message, MSG_NOSIGNAL);
}

/* What was said, and the body behind it, in one packet where it fits. False: the connection is
 * gone. */
static bool flush(struct session *session)
{
	while (session->out_len + session->body_len > 0) {
		ssize_t sent = session->body_len ? send_with_body(session) : send_commands(session);
		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent < 0) {
			watch(session, EPOLLIN | EPOLLOUT);
			return true;
		}
		written(session, (size_t)sent);
	}
	watch(session, EPOLLIN);
	return true;
}

/* ---- connections ---- */

static bool more(void)
{
	return !stopped && wanted.mode != IDLE &&
	       (run.again_count > 0 || run.next_id < wanted.count);
}

static void redial_at(struct session *session, uint64_t time)
{
	session->redial = time;
	run.waiting++;
}

static void redial_later(struct session *session)
{
	redial_at(session, now() + REDIAL_MS * 1000);
}

static void dial(struct session *session)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(wanted.port)};
	struct sockaddr_in source = {.sin_family = AF_INET};
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	*session = (struct session){.fd = fd, .step = BANNER, .id = NO_MESSAGE, .begun = now()};
	if (wanted.mode == SEND) /* the others say nothing while an answer is to come */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (wanted.source) {
		inet_pton(AF_INET, wanted.source, &source.sin_addr);
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
		if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
			die("bind");
	}
	inet_pton(AF_INET, wanted.address, &address.sin_addr);
	run.open++;
	run.sum.connections++;
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS)
		watch(session, EPOLLIN);
	else
		die("connect");
}

/* At once, or when its turn comes. */
static void dial_next(struct session *session)
{
	if (wanted.rate == 0) {
		dial(session);
		return;
	}
	int64_t turn = run.dialled++;
	redial_at(session, run.sum.began + (uint64_t)(turn * 1000000 / wanted.rate));
}

/* What was in hand is tried again, unless its dot was sent: then nobody knows. */
static void put_back(struct session *session)
{
	if (session->id == NO_MESSAGE)
		return;
	if (session->step == DOT)
		run.sum.unknown++;
	else
		run.again[run.again_count++] = session->id;
	session->id = NO_MESSAGE;
}

static void hang_up(struct session *session, bool broken)
{
	put_back(session);
	close(session->fd);
	session->fd = -1;
	run.open--;
	run.sum.broken += broken;
	if (broken && wanted.mode == IDLE)
		run.sum.finished -= session->step == HOLD;
	if (!more())
		return;
	if (broken)
		redial_later(session);
	else
		dial_next(session);
}

/* ---- the conversation: one function for each expected reply ---- */

static void say_hello(struct session *session)
{
	say(session, "EHLO load.bench.example\r\n");
	session->step = EHLO;
}

static void say_recipient(struct session *session)
{
	if (wanted.each_another)
		say(session, "RCPT TO:<%lld.%s>\r\n", (long long)(wanted.first_id + session->id),
			wanted.to);
	else
		say(session, "RCPT TO:<%s>\r\n", wanted.to);
}

static bool is_last_here(const struct session *session)
{
	return wanted.per_connection > 0 && session->done + 1 >= wanted.per_connection;
}

static void begin(struct session *session)
{
	bool full = wanted.per_connection > 0 && session->done >= wanted.per_connection;

	if (!more() || full) {
		say(session, "QUIT\r\n");
		session->step = QUIT;
		return;
	}
	session->id = run.again_count > 0 ? run.again[--run.again_count] : run.next_id++;
	if (wanted.rate == 0)
		session->begun = now();
	session->step = MAIL;
	say(session, "MAIL FROM:<%s>\r\n", wanted.from);
	if (!wanted.pipelined)
		return;
	say_recipient(session);
	if (wanted.mode == SEND)
		say(session, "DATA\r\n");
	else
		say(session, is_last_here(session) ? "QUIT\r\n" : "RSET\r\n");
}

static void hello_answered(struct session *session)
{
	if (wanted.mode != IDLE) {
		begin(session);
		return;
	}
	session->step = HOLD;
	run.sum.finished++;
	run.sum.last = now();
}

static void mail_answered(struct session *session)
{
	session->step = RCPT;
	if (!wanted.pipelined)
		say_recipient(session);
}

static void finish(struct session *session)
{
	run.sum.last = now();
	run.took[run.sum.finished++] = (uint32_t)(run.sum.last - session->begun);
	session->id = NO_MESSAGE;
	session->done++;
}

static void recipient_answered(struct session *session)
{
	session->step = DATA;
	if (wanted.mode == REFUSE) {
		bool last = is_last_here(session);
		finish(session);
		session->step = last ? QUIT : RSET;
		if (!wanted.pipelined)
			say(session, last ? "QUIT\r\n" : "RSET\r\n");
	} else if (!wanted.pipelined) {
		say(session, "DATA\r\n");
	}
}

static void send_message(struct session *session)
{
	long long id = (long long)(wanted.first_id + session->id);

	say(session,
		"From: <%s>\r\nTo: <%s>\r\nSubject: message %lld\r\n"
		"Date: Mon, 05 Jan 2026 09:00:00 +0000\r\n"
		"Message-ID: <%lld.%d@bench.example>\r\nX-Bench-Id: %lld\r\n\r\n",
		wanted.from, wanted.to, id, id, (int)getpid(), id);
	session->body_len = run.body_len;
	if (wanted.rate == 0)
		session->begun = now();
	session->step = DOT;
}

static void dot_answered(struct session *session)
{
	finish(session);
	begin(session);
}

static const struct reply_row {
	char expected; /* first digit of the reply; a refusal is expected of REFUSE's RCPT */
	void (*then)(struct session *session);
} reply_rows[STEPS] = {
	[BANNER] = {'2', say_hello},
	[EHLO] = {'2', hello_answered},
	[MAIL] = {'2', mail_answered},
	[RCPT] = {'2', recipient_answered},
	[DATA] = {'3', send_message},
	[DOT] = {'2', dot_answered},
	[RSET] = {'2', begin},
	[QUIT] = {'2', NULL}, /* then hang up */
	[HOLD] = {0, NULL},   /* nothing is expected */
};

static void surprised(const char *line)
{
	run.sum.unexpected++;
	if (!run.sum.surprise[0])
		snprintf(run.sum.surprise, sizeof run.sum.surprise, "%.190s", line);
}

/* One reply, its last line. False: the session has ended. */
static bool answer(struct session *session, const char *line)
{
	const struct reply_row *row = &reply_rows[session->step];
	char expected = wanted.mode == REFUSE && session->step == RCPT ? '5' : row->expected;

	if (line[0] == expected && row->then) {
		row->then(session);
		return true;
	}
	bool ended = line[0] == expected;
	if (!ended) {
		surprised(line);
		if (session->step == DOT)
			session->step = DATA; /* not taken: may be tried again */
	}
	hang_up(session, !ended);
	return false;
}

static bool take_lines(struct session *session)
{
	char *at = session->in, *end = session->in + session->in_len, *line_end;

	while ((line_end = memchr(at, '\n', (size_t)(end - at)))) {
		*line_end = '\0';
		bool last_line = line_end - at < 4 || at[3] != '-';
		if (last_line && !answer(session, at))
			return false;
		at = line_end + 1;
	}
	session->in_len = (size_t)(end - at);
	memmove(session->in, at, session->in_len);
	return true;
}

static void woken(struct session *session, uint32_t events)
{
	ssize_t got = -1;
	size_t room = sizeof session->in - session->in_len;

	if ((events & EPOLLOUT) && !flush(session)) {
		hang_up(session, true);
		return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	got = recv(session->fd, session->in + session->in_len, room, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		hang_up(session, session->step != QUIT);
		return;
	}
	session->in_len += (size_t)got;
	if (take_lines(session) && !flush(session))
		hang_up(session, true);
}

/* ---- the run ---- */

static void redial_waiting(struct session *sessions)
{
	uint64_t time = now();

	for (int i = 0; i < wanted.sessions && run.waiting > 0; i++) {
		struct session *session = &sessions[i];
		if (session->redial == 0 || session->redial > time)
			continue;
		session->redial = 0;
		run.waiting--;
		if (more())
			dial(session);
	}
}

static void turn(struct session *sessions, int wait_ms)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(run.epoll, events, EVENTS, wait_ms);

	for (int i = 0; i < count; i++) {
		struct session *session = events[i].data.ptr;
		if (session->fd >= 0)
			woken(session, events[i].events);
	}
	if (run.waiting > 0)
		redial_waiting(sessions);
}

static bool out_of_time(void)
{
	return stopped || now() - run.sum.began > (uint64_t)wanted.seconds * 1000000;
}

static void run_load(struct session *sessions)
{
	for (int i = 0; i < wanted.sessions && more(); i++)
		dial_next(&sessions[i]);
	while (!out_of_time() && run.sum.finished + run.sum.unknown < wanted.count)
		turn(sessions, run.waiting == 0 ? 100 : wanted.rate ? 1 : 5);
	/* The last answers to QUIT. */
	uint64_t end = now() + LINGER_MS * 1000;
	while (!stopped && run.open > 0 && now() < end)
		turn(sessions, 5);
}

/* Holds the connections until standard input ends or a signal comes. */
static void run_idle(struct session *sessions)
{
	struct epoll_event input = {.events = EPOLLIN, .data.ptr = &sessions[wanted.sessions]};
	int opened = 0;

	while (!out_of_time() && run.sum.finished < wanted.sessions) {
		while (opened < wanted.sessions && opened - run.sum.finished < DIALS_IN_THE_AIR)
			dial(&sessions[opened++]);
		turn(sessions, 100);
	}
	printf("{\"held\":%lld,\"seconds\":%.3f}\n", (long long)run.sum.finished,
		(double)(run.sum.last - run.sum.began) / 1e6);
	fflush(stdout);
	sessions[wanted.sessions].fd = -1;
	if (epoll_ctl(run.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0)
		die("load: standard input must be a pipe");
	while (!stopped) {
		struct epoll_event event;
		if (epoll_wait(run.epoll, &event, 1, 1000) < 1)
			continue;
		if (event.data.ptr == input.data.ptr)
			return;
		woken(event.data.ptr, event.events);
	}
}

void talk(void)
{
	struct session *sessions = calloc((size_t)wanted.sessions + 1, sizeof *sessions);

	run.again = calloc((size_t)wanted.sessions, sizeof *run.again);
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!sessions || !run.again || run.epoll < 0)
		die("load");
	for (int i = 0; i < wanted.sessions; i++)
		sessions[i].fd = -1;
	run.sum.began = run.sum.last = now();
	if (wanted.mode == IDLE)
		run_idle(sessions);
	else
		run_load(sessions);
	free(run.again);
	free(sessions);
}
