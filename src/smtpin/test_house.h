/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole edge for tests: the simulated loop, the real policy, the real writer of the spool over a
 * disk in memory, and a journal that is kept. Messages are read back from the bytes on that disk
 * once they are durable, so that a test sees what a crash would have left.
 */
#ifndef SMTPIN_TEST_HOUSE_H
#define SMTPIN_TEST_HOUSE_H

#include "account/fake.h"
#include "run/sim.h"
#include "smtpin/edge.h"

enum { HOUSE_SEGMENTS = 64, HOUSE_KEPT = 256, HOUSE_LINES = 16 };
enum house_spool { SPOOL_WORKS, SPOOL_IS_FULL, SPOOL_IS_BROKEN };

struct house_segment {
	struct text bytes;
	uint64_t epoch, read; /* how far messages were taken from it */
	struct text chunks;   /* of the big message in it */
};

struct house {
	struct loop *loop;
	struct edge edge;
	struct offload *pool;
	struct disk disk;
	struct arena *arena;
	enum house_spool spool;
	uint32_t early_request;
	bool flush_fails;
	struct house_segment segments[HOUSE_SEGMENTS];
	uint32_t segment_count;
	struct message *kept[HOUSE_KEPT]; /* body_size and body are whole */
	size_t kept_count;
	struct slice journal;            /* the last line */
	struct slice lines[HOUSE_LINES]; /* the last ones, by number */
	size_t journal_count;
	struct slice service;           /* of the next connection: "smtp" where it is empty */
	bool encrypted;                 /* so are the next connections, from the banner on */
	struct accounts_fake *accounts; /* NULL: accounts is away */
	struct test_counters *counters; /* NULL: they are unknown */
	struct slice next_hop;          /* what it says, as house_next_hop() has it */
};

/* NULL if the text is no policy; the complaints are printed then. */
struct policy *house_policy(struct slice text);
struct house *house_open(struct policy *policy, enum house_spool spool); /* owns the reference */
/* `limit` clauses count from now on; before, accounts is away. */
void house_counters(struct house *house);
/* What accounts says from now on (account/fake.h). */
void house_accounts(struct house *house, struct slice text);
/* What out answers from now on: "alice@a.example known|unknown|untold|silent asked mx:25: 250 Ok" a
 * line, `*` for everybody else. */
void house_next_hop(struct house *house, struct slice text);
/* Runs until nothing can happen; every client has closed. */
void house_close(struct house *house);
/* A client connects; the other end is the caller's, to be used in a task. */
struct io *house_connect(struct task *task, struct house *house, const struct address *from,
	size_t chunk, bool speaks_first);
/* A program of this host, run by this user. */
struct io *house_connect_local(
	struct task *task, struct house *house, struct slice user, size_t chunk);

/* A client that sends the parts of `parts`, each in one write, looks a moment after each, and
 * closes. What it heard is in `heard`, to be freed by the caller. */
struct house_client {
	struct house *house;
	struct address from;
	const struct slice *parts;
	size_t part_count;
	size_t chunk;
	struct text heard;
};
void house_converse(struct house_client *client);
size_t slice_count(struct slice s, struct slice part); /* overlapping ones too */
bool has_bare_end(struct slice body);                  /* a CR or LF that stands alone */

#endif
