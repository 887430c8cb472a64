/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the journal back: for `why`, `log`, `replay`, `audit`. Day files are read in blocks, in
 * either direction, one line in memory at a time; a line that does not parse is counted and passed
 * over, because a crash or a full disk may leave one.
 *
 *	struct journal_query query = {.id = id, .newest_first = true};
 *	struct journal_counts counts;
 *	if (journal_read(folder, &query, print_line, out, &counts) == STATUS_FAILED) … errno
 */
#ifndef JOURNAL_READ_H
#define JOURNAL_READ_H

#include "base/address.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/status.h"

enum { JOURNAL_LINE_MAX = 64 << 10 };

struct journal_trace {
	uint32_t clause;
	int8_t value; /* 1 true, 0 false, -1 unknown */
};
struct journal_place {
	bool known;
	unsigned line;
	struct slice file, text;
};
/* A decision (event is empty) or an event. What a line does not say is empty or 0. */
struct journal_line {
	struct slice raw; /* the line as it stands, without its LF */
	struct slice event;
	uint64_t id, message;
	uint64_t repeats, first_id, last_id; /* equal refusals that share the line; 0: it is one */
	wall_ns time;
	struct slice node, session, policy, stage, listener;
	struct slice client, client_name, helo, network; /* client: the address as written */
	bool has_address;
	struct address address; /* the client's, parsed */
	bool tls;
	bool has_sender; /* an empty one is the null sender */
	struct slice account, sender, recipient, from;
	bool has_size, size_declared; /* declared: before the data */
	uint64_t size, recipients;
	bool has_recipient_ours, recipient_ours, trusted;
	struct slice decision, reason, reply, remote;
	struct journal_place grant, clause;
	const struct journal_trace *trace;
	size_t trace_count;
	uint64_t attempt, count; /* count: of event "dropped" */
	bool repeated;           /* an event told again after a crash: it may stand here twice */
	uint64_t number;         /* of its recipient, where it knows no address */
	wall_ns next;
	int64_t us;
};
/* Everything the line holds lives in `arena`; raw is `text` itself. False: damaged, or not ours. */
bool journal_line_read(struct slice text, struct arena *arena, struct journal_line *line) MUST_USE;

struct journal_query {
	/* Of the decision or its message; 0: any. A line that several refusals share has the ids of
	 * the first and the last: it matches any between them that the same process gave, so a line
	 * that has the very id goes before it. */
	uint64_t id;
	struct slice to, from; /* patterns with *; from: sender or author */
	const struct network *client;
	wall_ns since, until; /* until 0: no end */
	bool newest_first;
	bool unparsed; /* `see` is given each line's `raw` alone, and nothing is matched but the day
			*/
};
struct journal_counts {
	uint64_t lines, damaged, shown;
};
bool journal_query_matches(const struct journal_query *query, const struct journal_line *line);
/* Calls `see` for each line that matches; false from it ends the reading. `folder` stays open. The
 * line and what it points to end with the call. STATUS_FAILED: the folder or a file could not be
 * read (errno). */
enum status journal_read(int folder, const struct journal_query *query,
	bool (*see)(void *owner, const struct journal_line *line), void *owner,
	struct journal_counts *counts) MUST_USE;
/* Bytes of the day files that hold lines from `since` on, for a progress bar. */
uint64_t journal_bytes(int folder, wall_ns since);

#endif
