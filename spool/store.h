/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue's side of the spool: the folder, its segments, what became of each message.
 *
 * The store owns names and states (FREE, ACTIVE, SEALED, SUSPECT, DAMAGED; spool/STATES.md), the
 * results files, start-up and recycling. It does no scheduling: queue/ asks it for what is there
 * and tells it what became of each recipient.
 */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include "base/text.h"
#include "spool/disk.h"
#include "spool/envelope.h"
#include "spool/record.h"

struct store;

enum store_open {
	STORE_OPEN,
	STORE_LOCKED,   /* another daemon holds it: exit 75 */
	STORE_NEWER,    /* a format we do not know: exit 78, both numbers in `why` */
	STORE_UNUSABLE, /* exit 1, `why` says */
};

/* Where a message lies. The store keeps its own bookkeeping by (id, origin). */
struct stored {
	uint64_t id, origin;
	uint32_t segment;
	uint64_t at;     /* of its MESSAGE record */
	uint32_t length; /* of its payload */
	uint16_t copy;
	uint32_t parts; /* chunks before it (big messages) */
};
/* What results know of one recipient of a stored message. */
struct stored_recipient {
	bool done; /* delivered, bounced or removed */
	uint32_t attempts;
	wall_ns next; /* of the highest DEFER; 0: none */
};
struct store_events {
	/* Every message with at least one recipient not done: at start-up, and live from each
	 * store_committed(). `recipients` has one entry for each of the envelope's. */
	void (*found)(void *owner, const struct stored *stored, const struct message *message,
		const struct stored_recipient *recipients);
	/* Damage to acknowledged mail, or anything else an administrator must hear of. */
	void (*damage)(void *owner, struct slice words);
	void *owner;
};

/* `folder`: STATE/spool, made if it is empty. Runs the whole start-up of spool.md, calling `found`.
 */
enum store_open store_open(struct disk *disk, int folder, struct store_events events,
	struct text *why, struct store **store) MUST_USE;
void store_close(struct store *store);

/* A segment for a writer: opened for it alone, the descriptor is the caller's (to pass on and
 * close). -1 and errno; ENOSPC when the reserve would be touched. */
int store_give(
	struct store *store, enum segment_class kind, unsigned writer, struct spooling_give *give);
/* Everything below `durable` is flushed: new records are read and `found` is called for each. */
void store_committed(struct store *store, uint32_t number, uint64_t epoch, uint64_t durable);
void store_done(struct store *store, uint32_t number, uint64_t epoch, uint64_t durable);
void store_suspect(struct store *store, uint32_t number, uint64_t epoch, uint64_t durable);
/* The writer died: its segments are walked from the last offset known (start-up 2–5). */
void store_writer_died(struct store *store, unsigned writer);

/* For a reader: the segment opened read-only, the caller's. Jobs hold a segment until released. */
int store_open_segment(
	struct store *store, uint32_t number, uint64_t *epoch, enum segment_class *kind);
void store_hold(struct store *store, uint32_t number);
void store_release(struct store *store, uint32_t number);
/* Called when a segment is about to be recycled or removed: readers must close theirs. */
void store_on_forget(
	struct store *store, void (*forget)(void *owner, uint32_t number), void *owner);

/* Reads a message back (for reports, `queue show`): checked, nothing unchecked is given. */
enum read_back { READ_OK, READ_DAMAGED, READ_FAILED };
enum read_back store_read(struct store *store, const struct stored *stored, struct arena *arena,
	struct message *message, struct slice *payload) MUST_USE;

/* A message of our own (a report): durable when this returns STATUS_OK; `found` is called for it.
 */
enum status store_add(struct store *store, const struct message *message, struct slice body,
	uint64_t id) MUST_USE;

/* What became of a recipient. Facts that only add up; order and repetition mean nothing. */
enum result { RESULT_DELIVERED = 1, RESULT_BOUNCED, RESULT_REMOVED };
void store_result(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	enum result result, wall_ns now, struct slice remote_words);
void store_defer(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	uint32_t attempt, wall_ns next, struct slice words);
void store_attempt(struct store *store, uint64_t id, uint64_t origin); /* written, not flushed */
/* Results written since the last are flushed (within 50 ms of each, at once before a recycling);
 * the caller calls it from a thread or lets `flush` run there. */
bool store_needs_flush(const struct store *store);
enum status store_flush(struct store *store) MUST_USE;
/* Recycles what can be, checkpoints when due. Cheap when there is nothing to do. */
void store_tend(struct store *store, wall_ns now);

struct store_counts {
	size_t segments[5]; /* by state: free, active, sealed, suspect, damaged */
	size_t messages;
	uint64_t bytes;
};
struct store_counts store_count(const struct store *store);

#endif
