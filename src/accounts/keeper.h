/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file below STATE/accounts: what a part of this room holds, for the next start. A kind says
 * which part: the counters of limits, leases.
 *
 * What changes is appended at the end of the turn in which it did, and flushed within a second, or
 * what its kind says. The file is written anew (and renamed into place) at the start, when most of
 *it has expired, after a failed write, and when the wall clock was set: inside, times are
 *monotonic.
 *
 *	keeper_open(&keeper, &kind, owner, role, pool, folder, &why)     loads; then keeper_start()
 *	put_a_record(keeper_text(&keeper))                               for each change
 *	keeper_tend(&keeper)                                             every few seconds
 *	keeper_finish(task, &keeper)
 */
#ifndef ACCOUNTS_KEEPER_H
#define ACCOUNTS_KEEPER_H

#include "role/role.h"
#include "run/offload.h"

struct keeper;

struct keeper_kind {
	const char *name, *new_name; /* of the file: "limits", "limits.new" */
	const char *what;            /* "the counters of limits", for people */
	mono_ns flush_every;         /* 0: a second */
	/* Takes what the file held: keeper->owner, keeper->role for the clocks, keeper->ignored for
	 * the bytes behind damage. False with words in `why`: a format newer than known. */
	bool (*take)(struct keeper *keeper, struct slice bytes, struct text *why);
	/* Everything there is, from the file's first byte on. `offset` makes monotonic times those
	 * of the wall clock. */
	void (*put_all)(struct keeper *keeper, int64_t offset, struct text *out);
};

struct keeper {
	const struct keeper_kind *kind;
	void *owner;
	struct role *role;
	struct offload *pool;
	int folder, file;    /* -1: none; the file is then written anew */
	struct text pending; /* not written yet */
	struct text since;   /* written to the old file while the new one is being made */
	struct turn_end hook;
	struct gate stir, hurry, ended;
	bool running, closing;
	bool unflushed, rewriting, must_rewrite, complained;
	uint64_t size, size_at_rewrite; /* of the file */
	int64_t offset;                 /* wall clock less monotonic, of the times in the file */
	size_t ignored;                 /* bytes of the file that were not believed */
};

/* Reads what there is. False: a format newer than known, with words in `why`. `folder` is the
 * keeper's from here on. */
bool keeper_open(struct keeper *keeper, const struct keeper_kind *kind, void *owner,
	struct role *role, struct offload *pool, int folder, struct text *why) MUST_USE;
void keeper_start(struct keeper *keeper);
/* Where a record is appended, now. */
struct text *keeper_text(struct keeper *keeper);
void keeper_tend(struct keeper *keeper);
/* Everything is written and flushed, or that has failed. */
void keeper_finish(struct task *task, struct keeper *keeper);

#endif
