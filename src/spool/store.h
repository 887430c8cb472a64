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

enum segment_state {
	SEGMENT_FREE,
	SEGMENT_ACTIVE,
	SEGMENT_SEALED,
	SEGMENT_SUSPECT,
	SEGMENT_DAMAGED,
	SEGMENT_STATES,
};

/* Sizes and times that tests make smaller; all zero: the ordinary ones. */
struct store_scale {
	uint64_t segment;    /* bytes of a small segment; a multiple of SPOOL_BLOCK */
	uint64_t reserve;    /* kept for results and reports on a full disk */
	uint64_t checkpoint; /* a results file larger than this is rewritten */
	uint64_t (*epoch)(
		void *owner); /* where epochs come from; NULL: the system's random bytes */
	void *epoch_owner;
	unsigned free;   /* segments kept written out at least, one of them the store's own */
	unsigned small;  /* the same of small mail, at most */
	unsigned roomy;  /* SEALED ones that keep room nobody will use, at most */
	unsigned forget; /* messages forgotten at once when their segment is used again */
	unsigned big;    /* files of big messages kept for the next ones, at most */
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
enum result { RESULT_DELIVERED = 1, RESULT_BOUNCED, RESULT_REMOVED };
/* A result whose event the journal may not have: store_heard() had not come so far. */
struct unheard_result {
	uint64_t id, origin, event;
	uint16_t recipient;
	enum result result;
	wall_ns time;
	struct slice words; /* the remote's; empty once a checkpoint was made */
};
struct store_events {
	/* Every message with at least one recipient not done: at start-up, and live from each
	 * store_committed(). `recipients` has one entry for each of the envelope's. What is pointed
	 * to lives until `found` returns; `message` has no body here. May call store_result() and
	 * its like, not store_committed(), store_add() or store_tend(). */
	void (*found)(void *owner, const struct stored *stored, const struct message *message,
		const struct stored_recipient *recipients);
	/* Damage to acknowledged mail, or anything else an administrator must hear of. */
	void (*damage)(void *owner, struct slice words);
	void *owner;
	/* At start, behind all of `found`: each of these, in no order, until store_heard() covers
	 * it. Once store_open() has returned its message can be read (store_locate(),
	 * store_read()), until it is heard. May be NULL. */
	void (*unheard)(void *owner, const struct unheard_result *result);
};

/* `folder`: STATE/spool, made if it is empty. Runs the whole start-up of spool/STATES.md, calling
 * `found`.
 */
enum store_open store_open(struct disk *disk, int folder, struct store_events events,
	struct text *why, struct store **store) MUST_USE;
enum store_open store_open_scaled(struct disk *disk, int folder, struct store_events events,
	const struct store_scale *scale, struct text *why, struct store **store) MUST_USE;
/* Gives back memory and descriptors; writes nothing: every end is a crash that start-up mends. */
void store_close(struct store *store);

/* A segment for a writer: opened for it alone, the descriptor is the caller's (to pass on and
 * close). -1 and errno; ENOSPC when the reserve would be touched. `give->request` is the caller's.
 * Quick while store_tend() has kept FREE segments ready; else writes one out (16 MiB). */
int store_give(
	struct store *store, enum segment_class kind, unsigned writer, struct spooling_give *give);
/* Everything below `durable` is flushed: new records are read and `found` is called for each. */
void store_committed(struct store *store, uint32_t number, uint64_t epoch, uint64_t durable);
void store_done(struct store *store, uint32_t number, uint64_t epoch, uint64_t durable);
void store_suspect(struct store *store, uint32_t number, uint64_t epoch, uint64_t durable);
/* The writer died: its segments are walked from the last offset known (start-up 2–5). */
void store_writer_died(struct store *store, unsigned writer);

/* Where the message lies now: store_tend() moves stragglers. False, and nothing changes, if the
 * store does not know it. */
bool store_locate(const struct store *store, struct stored *stored);
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

/* What became of a recipient. Facts that only add up; order and repetition mean nothing. `event`:
 * the number of the delivery event that says so, 0: none. */
void store_result(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	enum result result, wall_ns now, uint64_t event, struct slice remote_words);
void store_defer(struct store *store, uint64_t id, uint64_t origin, uint16_t recipient,
	uint32_t attempt, wall_ns next, struct slice words);
void store_attempt(struct store *store, uint64_t id, uint64_t origin); /* not flushed */
/* Writes what these said, by one call: before anything leaves the process that rests on it, so
 * once at the end of a turn of the loop. store_tend() and a flush begin with it. */
void store_write_results(struct store *store);
/* The journal has every event up to this one for certain, or it was given up. Until then its result
 * is kept, told again at each start (`unheard`), and its message's segment is not used again. */
void store_heard(struct store *store, uint64_t event);
/* Results written since the last are flushed (within 50 ms of each, at once before a recycling).
 * store_flush() blocks for one fdatasync. To let it run on a thread: begin in the loop, run on the
 * thread (it touches nothing but the descriptor), end in the loop; results may be written between.
 */
bool store_needs_flush(const struct store *store);
enum status store_flush(struct store *store) MUST_USE;
struct store_flush {
	struct disk *disk;
	int fd;
	uint64_t upto, heard;
	int error;
};
bool store_flush_begin(struct store *store, struct store_flush *flush); /* false: nothing to do */
void store_flush_run(struct store_flush *flush);
enum status store_flush_end(struct store *store, struct store_flush *flush) MUST_USE;
/* False after results could not be written: no delivery may start until it is true again. */
bool store_may_deliver(const struct store *store);
/* Recycles what can be, checkpoints when due, writes out FREE segments in slices of 512 KiB (one
 * fdatasync each), moves stragglers. Cheap when there is nothing to do; true: call it again soon.
 * A checkpoint (once per 64 MiB of results) is made in pieces, one with each call. */
bool store_tend(struct store *store, wall_ns now);
/* Fewer FREE segments are ready than should be: store_tend() should not be left waiting. */
bool store_wants_tending(const struct store *store);

struct store_counts {
	size_t segments[SEGMENT_STATES];
	size_t messages; /* with a recipient left */
	uint64_t bytes;
};
struct store_counts store_count(const struct store *store);
/* Bytes that the index of its messages takes. */
size_t store_memory(const struct store *store);

#endif
