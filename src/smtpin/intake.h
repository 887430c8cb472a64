/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message data on its way in: read to its true end, whatever is wrong with it on the way, so that
 * nothing in it is ever taken for a command.
 *
 * A message is gathered in memory as long as it is small; refused, it never was on the disk. Once
 * it is big its header has been looked at, and it goes to a file of its own, which is given up
 * again if the message is refused.
 */
#ifndef SMTPIN_INTAKE_H
#define SMTPIN_INTAKE_H

#include "smtpin/session.h"
#include "wire/author.h"
#include "wire/body.h"

enum {
	TRACE_ROOM = 16 << 10, /* for our own header lines and the envelope */
	GATHER_MOST = SMALL_MESSAGE_MAX - TRACE_ROOM, /* and a header must end within it */
};

struct intake {
	struct session *session;
	struct body_reader reader;
	struct text gathered;
	size_t gather_most; /* when it becomes big */
	bool normalised;    /* some line end was not CRLF */
	bool header_seen;
	enum author_fault author; /* once the header is seen; the author is the transaction's */
	struct big_message *big;  /* NULL: still small */
	uint64_t written;         /* octets in the big file */
	enum reason fault;        /* REASON_NONE: nothing is wrong so far */
	struct slice about;
};

void intake_begin(struct intake *intake, struct session *session);
/* Reads to the end of data. False when the connection or our patience ended first. */
bool intake_receive(struct task *task, struct intake *intake);
/* Takes so many octets as they stand, whatever they are, and whether or not there is a fault
 * (BDAT); false as above. Then, behind the last of them, the message is complete. */
bool intake_take(struct task *task, struct intake *intake, uint64_t octets);
void intake_complete(struct task *task, struct intake *intake);
/* The same for octets that nobody wants, outside of any message. */
bool intake_skip(struct task *task, struct session *session, uint64_t octets);
/* What is wrong already, before anything of it is read. */
void intake_expect(struct intake *intake, uint64_t octets);
/* Octets of the message as it is kept. */
uint64_t intake_size(const struct intake *intake);
/* Gives back everything; a big file that was not committed is abandoned. */
void intake_end(struct intake *intake);

/* Among the files of the intake. From a fault on the rest is read, up to its true end, and thrown
 * away; the first one speaks. */
void intake_find_fault(struct intake *intake, enum reason fault, uint64_t limit);
/* intake_header.c: looks at the header in what is gathered. A line that has not ended yet says
 * nothing. What decisions read of it is kept apart before it goes to a file. */
void intake_see_header(struct intake *intake);
void intake_keep_header(struct intake *intake);

/* accept.c: Received in front, durable in the spool, then 250. */
void accept_message(struct task *task, struct intake *intake);

#endif
