/* SPDX-License-Identifier: Apache-2.0 */
/* A counting SMTP sink: takes every message, keeps none, counts ids (X-Bench-Id) to find what was
 * lost or doubled. Prints {"port":…} at its start and its counts at its end; XSTAT tells them in a
 * session, XRESET ID begins anew with that id: what has a lower one is of a run before and only
 * counted as late. One thread, epoll, no library. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 128, BACKLOG = 4096, ID_MOST = 100000000 };
enum place { COMMANDS, HEADER, BODY };

struct session {
	int fd;
	enum place place;
	int64_t id; /* of the message that comes in, -1: it named none */
	size_t in_len, out_len;
	char in[65536];
	char out[2048];
};

static struct {
	int64_t messages, unique, duplicates, nameless, late, connections;
	uint64_t bytes;
	double first, last; /* s, of the monotonic clock */
} counted;
static uint8_t *seen; /* ID_MOST of them, touched as they come */
static int64_t first_id, seen_most;
static volatile sig_atomic_t stopped;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- counting ---- */

static void count_message(int64_t id)
{
	if (id >= 0 && id < first_id) {
		counted.late++;
		return;
	}
	counted.last = now();
	if (counted.messages++ == 0)
		counted.first = counted.last;
	if (id < 0 || id >= ID_MOST) {
		counted.nameless++;
		return;
	}
	if (seen[id])
		counted.duplicates++;
	else
		counted.unique++;
	seen[id] = 1;
	if (id >= seen_most)
		seen_most = id + 1;
}

static void begin_anew(int64_t id)
{
	memset(seen, 0, (size_t)seen_most);
	seen_most = 0;
	first_id = id;
	memset(&counted, 0, sizeof counted);
}

static int counts(char *into, size_t size)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	return snprintf(into, size,
		"{\"messages\":%lld,\"unique\":%lld,\"duplicates\":%lld,\"nameless\":%lld,\"late\":"
		"%lld,"
		"\"connections\":%lld,\"bytes\":%llu,\"first\":%.6f,\"last\":%.6f,\"cpu\":%.4f}",
		(long long)counted.messages, (long long)counted.unique,
		(long long)counted.duplicates, (long long)counted.nameless, (long long)counted.late,
		(long long)counted.connections, (unsigned long long)counted.bytes, counted.first,
		counted.last, cpu);
}

/* ---- a session ---- */

static void say(struct session *session, const char *text)
{
	size_t len = strlen(text);

	if (len > sizeof session->out - session->out_len)
		return; /* more commands in one packet than answers fit: the client will complain */
	memcpy(session->out + session->out_len, text, len);
	session->out_len += len;
}

static void say_counts(struct session *session)
{
	char text[512] = "250 ";
	int len = counts(text + 4, sizeof text - 8);

	memcpy(text + 4 + len, "\r\n", 3);
	say(session, text);
}

static void start_message(struct session *session)
{
	say(session, "354 go on\r\n");
	session->place = HEADER;
	session->id = -1;
}

/* False: the session has ended. */
static bool take_command(struct session *session, const char *line)
{
	static const struct {
		const char *verb, *reply;
	} plain[] = {
		{"MAIL", "250 2.1.0 ok\r\n"},
		{"RCPT", "250 2.1.5 ok\r\n"},
		{"EHLO", "250-sink.bench.example\r\n250-PIPELINING\r\n250-SIZE 0\r\n"
			 "250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"},
		{"HELO", "250 sink.bench.example\r\n"},
		{"RSET", "250 2.0.0 ok\r\n"},
		{"NOOP", "250 2.0.0 ok\r\n"},
	};

	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (strncasecmp(line, plain[i].verb, 4) == 0) {
			say(session, plain[i].reply);
			return true;
		}
	if (strncasecmp(line, "DATA", 4) == 0) {
		start_message(session);
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		say(session, "221 2.0.0 bye\r\n");
		return false;
	} else if (strncmp(line, "XSTAT", 5) == 0) {
		say_counts(session);
	} else if (strncmp(line, "XRESET", 6) == 0) {
		begin_anew(strtoll(line + 6, NULL, 10));
		say(session, "250 2.0.0 forgotten\r\n");
	} else {
		say(session, "500 5.5.1 what?\r\n");
	}
	return true;
}

static void take_content(struct session *session, const char *line, size_t len)
{
	static const char name[] = "X-Bench-Id: ";

	if (line[0] == '.' && (line[1] == '\r' || line[1] == '\n')) {
		count_message(session->id);
		say(session, "250 2.0.0 counted\r\n");
		session->place = COMMANDS;
	} else if (session->place == HEADER && len <= 2) {
		session->place = BODY;
	} else if (session->place == HEADER && strncasecmp(line, name, sizeof name - 1) == 0) {
		session->id = strtoll(line + sizeof name - 1, NULL, 10);
	}
}

/* Of a body only its end matters: the line to begin with, as near to it as is known. Dots are rare,
 * and looking for one is the fastest there is. */
static char *body_skip(char *at, char *end)
{
	for (char *dot = at + 1; dot < end && (dot = memchr(dot, '.', (size_t)(end - dot))); dot++)
		if (dot[-1] == '\n' && end - dot >= 3 && dot[1] == '\r' && dot[2] == '\n')
			return dot;
	char *last = memrchr(at, '\n', (size_t)(end - at));
	return last ? last + 1 : at;
}

static bool take_lines(struct session *session)
{
	char *at = session->in, *end = session->in + session->in_len, *line_end;

	while ((line_end = memchr(at, '\n', (size_t)(end - at)))) {
		if (session->place == BODY && *at != '.') {
			at = body_skip(at, end);
			continue;
		}
		if (session->place == COMMANDS) {
			*line_end = '\0';
			if (!take_command(session, at))
				return false;
		} else {
			take_content(session, at, (size_t)(line_end + 1 - at));
		}
		at = line_end + 1;
	}
	session->in_len = (size_t)(end - at);
	memmove(session->in, at, session->in_len);
	return session->in_len < sizeof session->in;
}

static bool flush(struct session *session)
{
	size_t len = session->out_len;

	session->out_len = 0;
	return len == 0 || send(session->fd, session->out, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* False: the session has ended. A client whose segments are acknowledged late may wait 40 ms with
 * its next one; that would be the kernel's figure, so everything is acknowledged at once. */
static bool woken(struct session *session)
{
	int yes = 1;
	ssize_t got = recv(session->fd, session->in + session->in_len,
		sizeof session->in - session->in_len, 0);

	if (got < 0 && errno == EAGAIN)
		return true;
	if (got <= 0)
		return false;
	bool drained = session->in_len + (size_t)got < sizeof session->in;
	counted.bytes += (uint64_t)got;
	session->in_len += (size_t)got;
	bool stays = take_lines(session);
	bool replied = session->out_len > 0; /* the reply carries the acknowledgement */
	if (!flush(session))
		return false;
	if (stays && !replied && drained)
		setsockopt(session->fd, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes);
	return stays;
}

/* ---- the run ---- */

static int listen_at(const char *address, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	socklen_t len = sizeof at;
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* inherited */
	if (inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
		bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, BACKLOG) != 0 ||
		getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		die("sink: listen");
	printf("{\"port\":%u}\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static void greet(int epoll, int fd)
{
	struct session *session = malloc(sizeof *session);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = session};

	if (!session)
		die("malloc");
	session->fd = fd;
	session->place = COMMANDS;
	session->in_len = session->out_len = 0;
	counted.connections++;
	say(session, "220 sink.bench.example ESMTP\r\n");
	if (!flush(session) || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		close(fd);
		free(session);
	}
}

static void greet_all(int epoll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		greet(epoll, fd);
}

static void turn(int epoll, int listener)
{
	struct epoll_event events[EVENTS];
	int ready = epoll_wait(epoll, events, EVENTS, -1);

	for (int i = 0; i < ready; i++) {
		struct session *session = events[i].data.ptr;
		if (!session) {
			greet_all(epoll, listener);
		} else if (!woken(session)) {
			close(session->fd);
			free(session);
		}
	}
}

int main(int count, char **arguments)
{
	struct epoll_event event = {.events = EPOLLIN};
	char text[512];

	if (count > 3) {
		fputs("usage: sink [ADDRESS [PORT]]\n", stderr);
		return 2;
	}
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	seen = calloc(ID_MOST, 1);
	if (!seen || epoll < 0)
		die("sink");
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
	int listener =
		listen_at(count > 1 ? arguments[1] : "127.0.0.1", count > 2 ? arguments[2] : "0");
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
		die("epoll_ctl");
	while (!stopped)
		turn(epoll, listener);
	counts(text, sizeof text);
	puts(text);
	free(seen);
	return 0;
}
