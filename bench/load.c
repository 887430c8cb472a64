/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator: options, workers, and the report, one line of JSON. Read load.h first. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 64 };

struct wanted wanted = {.address = "127.0.0.1",
	.from = "load@bench.example",
	.to = "sink@elsewhere.example",
	.sessions = 20,
	.seconds = 300,
	.workers = 1,
	.count = 1000,
	.size = 5120};
struct run run;
volatile sig_atomic_t stopped;

_Noreturn void die(const char *what)
{
	perror(what);
	exit(2);
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
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

/* ---- workers ---- */

/* The part of a whole that begins where the parts before it end. */
static int64_t part_of(int64_t whole, int worker)
{
	return whole * (worker + 1) / wanted.workers - whole * worker / wanted.workers;
}

/* `run.took` is its part's. */
static _Noreturn void work_as(int worker, struct result *sum)
{
	int64_t before = wanted.count * worker / wanted.workers;

	run.took += before;
	wanted.first_id += before;
	wanted.count = part_of(wanted.count, worker);
	wanted.sessions = (int)part_of(wanted.sessions, worker);
	wanted.rate = part_of(wanted.rate, worker);
	talk();
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
		talk();
	report();
	free(run.body);
	return 0;
}
