/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An SMTP load generator: epoll, no library, one thread, or some processes that share the sessions.
 * README.md says what each mode measures. load.c has the options, the workers and the report,
 * load_talk.c the sessions.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mode { SEND, REFUSE, IDLE };
enum {
	LINE = 78,
	BLOCK = 840 * LINE, /* of a large body: what is sent stays in the processor's cache */
};
/* What was asked for; a worker has its part of it. */
struct wanted {
	enum mode mode;
	const char *address, *source, *from, *to;
	uint16_t port;
	bool pipelined, each_another;
	int sessions, seconds, workers;
	int64_t count, per_connection, first_id;
	int64_t rate; /* connections begun a second, evenly; 0: as fast as may be */
	size_t size;
};
extern struct wanted wanted;

/* What came of a run, or of a worker's part of it. */
struct result {
	uint64_t began, last; /* µs; the first connect, the last answer counted */
	int64_t finished, unknown, unexpected, broken, connections;
	char surprise[200]; /* the first unexpected reply */
};

struct run {
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
};
extern struct run run;
extern volatile sig_atomic_t stopped;

_Noreturn void die(const char *what); /* errno's words, exit status 2 */
uint64_t now(void);                   /* µs */

/* All sessions of this process, until everything is done or the time is up; what came of it is in
 * `run`. */
void talk(void);

#endif
