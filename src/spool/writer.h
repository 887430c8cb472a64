/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge's side of the spool: appending, and one flush for all who wait.
 *
 * A small message is one record, gathered in memory and written by one call with the others of its
 * group, then flushed by one fdatasync on a thread; records that arrive meanwhile form the next
 * group. After a failed write or flush nothing is ever written to that segment again (but VOID),
 * all whose records were in the group get the failure, and another segment is asked for.
 *
 *	switch (writer_commit(task, writer, &message, body, id)) {
 *	case COMMIT_DURABLE:  …say 250
 *	case COMMIT_FULL:     …452 4.3.1
 *	case COMMIT_FAILED:   …451 4.3.0
 *	}
 */
#ifndef SPOOL_WRITER_H
#define SPOOL_WRITER_H

#include "run/offload.h"
#include "run/task.h"
#include "spool/disk.h"
#include "spool/envelope.h"
#include "spool/record.h"

struct spool_writer;

/* How the writer speaks with the queue; the edge's main connects it to its channel. */
struct writer_link {
	void (*want)(void *owner, enum segment_class kind, uint32_t request);
	void (*committed)(void *owner, uint32_t number, uint64_t epoch, uint64_t durable);
	void (*done)(void *owner, uint32_t number, uint64_t epoch, uint64_t durable);
	void (*suspect)(void *owner, uint32_t number, uint64_t epoch, uint64_t durable);
	void *owner;
};

/* Asks for nothing yet: call writer_ready() once the link stands, so that the first segment is
 * there before the first client. */
struct spool_writer *spool_writer_open(
	struct loop *loop, struct disk *disk, struct offload *pool, struct writer_link link);
void spool_writer_close(struct spool_writer *store); /* no task waits in it */
/* The answers to want(): a segment (its descriptor is the store's now), or none. */
void spool_writer_give(struct spool_writer *store, const struct spooling_give *give, int fd);
void spool_writer_none(struct spool_writer *store, const struct spooling_none *none);
/* The queue died: nothing can be committed until the supervisor ends us. */
void spool_writer_lost(struct spool_writer *store);
/* Finish the running flush, give segments back; for an orderly end. */
void spool_writer_retire(struct task *task, struct spool_writer *store);

enum commit { COMMIT_DURABLE, COMMIT_FULL, COMMIT_FAILED };
/* Whether MAIL can be answered 250: a segment is there or can be expected. */
enum commit writer_ready(
	struct spool_writer *store); /* also asks for a segment where it has none */

/* One whole small message (trace + body at most SMALL_MESSAGE_MAX; with so many recipients that it
 * is larger than 1 MiB it gets a file of its own like a big one). Waits until it is durable, not
 * ended by deadline or cancellation: what was written must be known. */
enum commit writer_commit(struct task *task, struct spool_writer *store,
	const struct message *message, struct slice body, uint64_t id) MUST_USE;

/* A big one: chunks as they come, then the MESSAGE with the last of them. Each call writes what it
 * is given, from where it lies, in records of up to CHUNK_MAX: few large pieces, whole chunks but
 * for the last, cost least. */
struct big_message;
enum commit writer_big_open(struct task *task, struct spool_writer *store, uint64_t id,
	struct big_message **big) MUST_USE;
enum commit writer_big_append(
	struct task *task, struct big_message *big, struct slice bytes) MUST_USE;
enum commit writer_big_commit(struct task *task, struct big_message *big,
	const struct message *message, struct slice last) MUST_USE;
void writer_big_abandon(struct big_message *big); /* given up: the file is given back */

#endif
