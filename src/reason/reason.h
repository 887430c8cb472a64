/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reasons: the one table of why mail is refused or deferred.
 *
 * Every 4xx and 5xx that Postern utters is a row of reason/reasons.def. From the row come the enum,
 * the reply, what `why` and `explain` say, the bounce's words, the manual's table, the metric's
 * name and the test that each row has a scenario. Knowledge, no I/O.
 *
 * doc/add-a-reason.md walks through adding one.
 */
#ifndef REASON_REASON_H
#define REASON_REASON_H

#include "base/arena.h"
#include "wire/reply.h"

enum reason {
	REASON_NONE, /* nothing is wrong */
#define REASON(id, ...) REASON_##id,
#include "reason/reasons.def"
#undef REASON
	REASONS,
};

/* Who speaks when several clauses fire (doc/policy.md, "Meaning" 3): the smaller first. */
enum reason_rank {
	RANK_RELAY,
	RANK_RECIPIENT,
	RANK_SENDER,
	RANK_CLIENT,
	RANK_CONTENT,
	RANK_TRANSPORT
};

struct reason_row {
	struct slice name; /* "relay-denied": metrics, journal, explain's `cause` where it is one */
	enum reason_rank rank;
	unsigned code;            /* 550 */
	struct enhanced enhanced; /* 5.7.1 */
	struct slice text;        /* the reply's words; $1 $2 stand for arguments */
	struct slice cause;       /* a class of reasons, for people: reason_test.c has the list */
	struct slice actor;       /* sender, sender-admin, recipient, recipient-admin, nobody */
	struct slice explanation; /* what happened, for a person */
	struct slice steps;       /* what to do, one step a line */
};
const struct reason_row *reason_row(enum reason reason); /* panics at a number that is none */
enum reason reason_find(struct slice name);              /* REASON_NONE if there is none */
/* The row's words with $1… replaced. Missing arguments give an empty text. */
struct slice reason_words(
	enum reason reason, const struct slice *arguments, size_t count, struct arena *arena);

#endif
