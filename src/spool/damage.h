/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged segments: what is wrong with them, and the two ways out, both on demand only:
 * `postern queue salvage` and `postern queue discard` (spool/STATES.md, "Damage").
 *
 * A DAMAGED segment stays as it is: readable mail in it is delivered as ever, nothing is written to
 * it, nothing of it is used again, and checkpoints keep every fact. That ends with one of
 *
 *	store_salvage(store, 17, see, owner)   everything readable is saved first
 *	store_discard(store, 17)               the damaged stretches are given up
 *
 * after which the file is removed. Both first move the sound messages that are still to be
 * delivered into another segment, as stragglers are moved: nothing of them is lost whenever the
 * process ends. Both block the loop: one flush for each message moved or put back (about a second
 * for a thousand), and what reading 16 MiB takes.
 */
#ifndef SPOOL_DAMAGE_H
#define SPOOL_DAMAGE_H

#include "spool/store.h"

/* One stretch that cannot be read, or a reason that concerns the whole file (from == to). */
struct damage {
	uint32_t segment;
	enum segment_class kind;
	uint64_t from, to; /* bytes of the file */
	uint64_t id;       /* of the message that lay there; 0: not legible, or several */
	const char *what;  /* a constant: "acknowledged mail cannot be read here" */
};
/* Every damage known of, segment by segment. */
void store_damage_each(const struct store *store,
	void (*see)(void *owner, const struct damage *damage), void *owner);

/* A reader met a message that does not check (`out` said REASON_MESSAGE_DAMAGED): its segment
 * becomes DAMAGED and its bytes are copied to damaged/, before a result is written that would let
 * the segment be used again. Reported once. */
void store_mark_damaged(struct store *store, const struct stored *stored);

enum clearing {
	CLEARING_DONE,
	CLEARING_UNKNOWN, /* no segment has this number */
	CLEARING_SOUND,   /* it is not damaged: nothing was done */
	CLEARING_BUSY,    /* a job reads it: try again in a moment; nothing was done */
	CLEARING_FAILED,  /* the disk (errno); the segment stays, what was saved is saved: try again
			   */
};

/* What became of one message, or of one stretch without a legible one. */
enum salvage {
	SALVAGE_QUEUED, /* it was whole after all: it is in the queue again, `found` was called */
	SALVAGE_DONE,   /* it was whole, and all of its recipients are done: nothing to do */
	SALVAGE_WHOLE,  /* in `file`, whole: a big message, or one that may have been delivered */
	SALVAGE_PARTS,  /* in `file`, with marks where something is missing or may be altered */
	SALVAGE_BYTES,  /* no message could be made out: the bare bytes are in `file` */
};
struct salvaged {
	enum salvage outcome;
	uint64_t id;      /* 0: not legible */
	uint64_t at;      /* where in the segment */
	const char *file; /* its name in STATE/spool/damaged/, until the call returns; or "" */
};
/* A file holds header lines of ours (X-Postern-Salvaged: id, sender and recipients as far as they
 * can be read, what is wrong), then the message as it was stored, CRLF at line ends. It is flushed
 * before the segment goes. May call `found` (as store_add() does). */
enum clearing store_salvage(struct store *store, uint32_t number,
	void (*see)(void *owner, const struct salvaged *salvaged), void *owner) MUST_USE;
/* The segment and the copies of its stretches in damaged/ are removed. */
enum clearing store_discard(struct store *store, uint32_t number) MUST_USE;

#endif
