/* SPDX-License-Identifier: Apache-2.0 */
/* An SMTP load generator: epoll, no library, one thread, or some processes that share the sessions.
 * Prints one line of JSON. README.md says what each mode measures; `reply_rows` below is the
 * conversation. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum mode { SEND, REFUSE, IDLE };
enum step { BANNER, EHLO, MAIL, RCPT, DATA, DOT, RSET, QUIT, HOLD, STEPS };
enum {
	LINE = 78,
	BLOCK = 840 * LINE, /* of a large body: what is sent stays in the processor's cache */
	PIECES = 16,        /* of one call */
	WORKERS = 64,
};
enum { NO_MESSAGE = -1, EVENTS = 256, REDIAL_MS = 20, DIALS_IN_THE_AIR = 4, LINGER_MS = 100 };

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

static struct {
	enum mode mode;
	const char *address, *source, *from, *to;
	uint16_t port;
	bool pipelined, each_another;
	int sessions, seconds, workers;
	int64_t count, per_connection, first_id;
	int64_t rate; /* connections begun a second, evenly; 0: as fast as may be */
	size_t size;
} wanted = {.address = "127.0.0.1",
	.from = "load@bench.example",
	.to = "sink@elsewhere.example",
	.sessions = 20,
	.seconds = 300,
	.workers = 1,
	.count = 1000,
	.size = 5120};

/* What came of a run, or of a worker's part of it. */
struct result {
	uint64_t began, last; /* µs; the first connect, the last answer counted */
	int64_t finished, unknown, unexpected, broken, connections;
	char surprise[200]; /* the first unexpected reply */
};

static struct {
	int epoll, open, waiting;
	int64_t dialled; /* of those that come at a rate */
	int64_t next_id;
	int64_t *again; /* ids to try again: refused or lost before the dot */
	size_t again_count;
	struct result sum;
	uint32_t *took; /* µs, of each one finished */
	char *body;     /* its end, behind so many blocks that are all the same */
	char block[BLOCK];
	size_t blocks_len, body_len;
} run;
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

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

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

/* ---- the report ---- */

static int by_size(const void *one, const void *other)
{
	uint32_t a, b;

	memcpy(&a, one, sizeof a);
	memcpy(&b, other, sizeof b);
	return (a > b) - (a < b);
}

static double took_ms(double part)
{
	if (run.sum.finished == 0 || wanted.mode == IDLE)
		return 0;
	return run.took[(size_t)((double)(run.sum.finished - 1) * part)] / 1000.0;
}

static double seconds_of(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void print_escaped(const char *text)
{
	for (; *text; text++)
		if (*text >= ' ' && *text <= '~' && *text != '"' && *text != '\\')
			putchar(*text);
}

static double cpu_of(int whose)
{
	struct rusage usage;

	getrusage(whose, &usage);
	return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

static void report(void)
{
	double seconds = (double)(run.sum.last - run.sum.began) / 1e6;

	if (wanted.mode != IDLE)
		qsort(run.took, (size_t)run.sum.finished, sizeof *run.took, by_size);
	printf("{\"finished\":%lld,\"seconds\":%.4f,\"rate\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"connections\":%lld,\"unknown\":%lld,\"unexpected\":%lld,\"broken\":%lld,"
	       "\"cpu\":%.4f,\"began\":%.6f,\"surprise\":\"",
		(long long)run.sum.finished, seconds,
		seconds > 0 ? (double)run.sum.finished / seconds : 0, took_ms(0.5), took_ms(0.99),
		(long long)run.sum.connections, (long long)run.sum.unknown,
		(long long)run.sum.unexpected, (long long)run.sum.broken,
		cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN), (double)run.sum.began / 1e6);
	print_escaped(run.sum.surprise);
	printf("\"}\n");
}

/* ---- options ---- */

static void usage(void)
{
	fputs("usage: load send|refuse|idle -p PORT [options]\n"
	      "  -a ADDRESS   where the server listens (127.0.0.1)\n"
	      "  -b ADDRESS   where to come from\n"
	      "  -c NUMBER    sessions at a time (20)\n"
	      "  -w NUMBER    processes that share them (1)\n"
	      "  -n NUMBER    messages or refusals in all (1000)\n"
	      "  -m NUMBER    of them on one connection (no end)\n"
	      "  -s BYTES     of a message's body (5120)\n"
	      "  -P           pipelined: MAIL, RCPT and DATA or RSET in one packet\n"
	      "  -f, -t       sender, recipient\n"
	      "  -u           each recipient another: the id and a dot before it\n"
	      "  -i NUMBER    the first message's id (0)\n"
	      "  -r NUMBER    so many connections a second with a message each; their time is "
	      "from\n"
	      "               the connect to the 250\n"
	      "  -T SECONDS   at most (300)\n",
		stderr);
	exit(2);
}

static int64_t number(const char *text, int64_t least, int64_t most)
{
	char *end;
	long long value = strtoll(text, &end, 10);

	if (*end || end == text || value < least || value > most) {
		fprintf(stderr, "load: \"%s\" is no number from %lld to %lld\n", text,
			(long long)least, (long long)most);
		exit(2);
	}
	return value;
}

static void take_option(int option, const char *value)
{
	switch (option) {
	case 'a': wanted.address = value; break;
	case 'b': wanted.source = value; break;
	case 'w': wanted.workers = (int)number(value, 1, WORKERS); break;
	case 'c': wanted.sessions = (int)number(value, 1, 100000); break;
	case 'n': wanted.count = number(value, 1, 100000000); break;
	case 'm': wanted.per_connection = number(value, 0, INT32_MAX); break;
	case 's': wanted.size = (size_t)number(value, 0, 1 << 30); break;
	case 'P': wanted.pipelined = true; break;
	case 'u': wanted.each_another = true; break;
	case 'f': wanted.from = value; break;
	case 't': wanted.to = value; break;
	case 'r': wanted.rate = number(value, 1, 1000000); break;
	case 'i': wanted.first_id = number(value, 0, INT64_MAX / 2); break;
	case 'p': wanted.port = (uint16_t)number(value, 1, 65535); break;
	case 'T': wanted.seconds = (int)number(value, 1, 86400); break;
	default: usage();
	}
}

static void read_options(int count, char **arguments)
{
	static const char *const modes[] = {[SEND] = "send", [REFUSE] = "refuse", [IDLE] = "idle"};
	size_t mode = 0;

	while (count > 1 && mode < 3 && strcmp(arguments[1], modes[mode]) != 0)
		mode++;
	if (count < 2 || mode == 3)
		usage();
	wanted.mode = (enum mode)mode;
	for (int o; (o = getopt(count - 1, arguments + 1, "a:b:c:w:n:m:s:Pf:t:ui:p:r:T:")) != -1;)
		take_option(o, optarg);
	if (wanted.port == 0 || optind < count - 1)
		usage();
	if (wanted.mode == IDLE)
		wanted.count = wanted.sessions;
	if (wanted.rate > 0)
		wanted.per_connection = 1;
	if (wanted.workers > wanted.sessions || wanted.workers > wanted.count ||
		(wanted.rate > 0 && wanted.workers > wanted.rate) ||
		(wanted.workers > 1 && wanted.mode == IDLE)) {
		fprintf(stderr, "load: too little to do for %d processes\n", wanted.workers);
		exit(2);
	}
}

/* Lines of 76 letters, none begins with a dot. */
static void fill_lines(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i * 7 % 26);
	for (size_t i = LINE - 2; i + 1 < len; i += LINE)
		memcpy(text + i, "\r\n", 2);
}

/* Then the dot. */
static void make_body(void)
{
	static const char end[] = "\r\n.\r\n";
	size_t rest = wanted.size % BLOCK;

	run.blocks_len = wanted.size - rest;
	run.body_len = wanted.size + sizeof end - 1;
	run.body = malloc(rest + sizeof end);
	if (!run.body)
		die("malloc");
	fill_lines(run.block, BLOCK);
	fill_lines(run.body, rest);
	memcpy(run.body + rest, end, sizeof end - 1);
}

/* Alone, or as a worker with its part of everything: `run.took` is that part's. */
static void work(void)
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

/* The part of a whole that begins where the parts before it end. */
static int64_t part_of(int64_t whole, int worker)
{
	return whole * (worker + 1) / wanted.workers - whole * worker / wanted.workers;
}

static _Noreturn void work_as(int worker, struct result *sum)
{
	int64_t before = wanted.count * worker / wanted.workers;

	run.took += before;
	wanted.first_id += before;
	wanted.count = part_of(wanted.count, worker);
	wanted.sessions = (int)part_of(wanted.sessions, worker);
	wanted.rate = part_of(wanted.rate, worker);
	work();
	*sum = run.sum;
	_exit(0);
}

/* Times are by one clock; what the parts took comes to stand without gaps. */
static void add_up(const struct result sums[])
{
	const uint32_t *took = run.took;
	int64_t before = 0;

	run.sum.began = sums[0].began;
	for (int i = 0; i < wanted.workers; i++) {
		const struct result *sum = &sums[i];
		memmove(run.took + run.sum.finished, took + before,
			(size_t)sum->finished * sizeof *took);
		before += part_of(wanted.count, i);
		run.sum.began = sum->began < run.sum.began ? sum->began : run.sum.began;
		run.sum.last = sum->last > run.sum.last ? sum->last : run.sum.last;
		run.sum.finished += sum->finished;
		run.sum.unknown += sum->unknown;
		run.sum.unexpected += sum->unexpected;
		run.sum.broken += sum->broken;
		run.sum.connections += sum->connections;
		if (!run.sum.surprise[0])
			memcpy(run.sum.surprise, sum->surprise, sizeof sum->surprise);
	}
}

/* Who is told to stop stops the workers, and still says what came of it. */
static void share_work(struct result sums[])
{
	pid_t workers[WORKERS];
	int status, worked = 0;

	for (int i = 0; i < wanted.workers; i++) {
		workers[i] = fork();
		if (workers[i] < 0)
			die("fork");
		if (workers[i] == 0)
			work_as(i, &sums[i]);
	}
	for (int i = 0; i < wanted.workers;) {
		pid_t ended = waitpid(workers[i], &status, 0);
		if (ended < 0 && stopped)
			for (int other = i; other < wanted.workers; other++)
				kill(workers[other], SIGTERM);
		if (ended < 0 && errno != EINTR)
			die("waitpid");
		i += ended > 0;
		worked += ended > 0 && status == 0;
	}
	if (worked < wanted.workers) {
		fprintf(stderr, "load: a worker ended early\n");
		exit(2);
	}
	add_up(sums);
}

static void *shared(size_t len)
{
	void *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

int main(int count, char **arguments)
{
	read_options(count, arguments);
	make_body();
	run.took = shared((size_t)wanted.count * sizeof *run.took);
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = stop}, NULL);
	if (wanted.workers > 1)
		share_work(shared((size_t)wanted.workers * sizeof(struct result)));
	else
		work();
	report();
	free(run.body);
	return 0;
}
