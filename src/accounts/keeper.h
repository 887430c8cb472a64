/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STATE/accounts/limits: what the counters held, for the next start.
 *
 * What is kept is appended at the end of the turn in which it was accepted, and flushed within a
 * second. The file is written anew (and renamed into place) at the start, when most of it has
 * expired, after a failed write, and when the wall clock was set: inside, times are monotonic.
 *
 *	keeper_open(&keeper, role, counters, folder)     loads; then keeper_start()
 *	keeper_note(&keeper, &kept)                      for each place accepted
 *	keeper_tend(&keeper)                             every few seconds
 *	keeper_finish(task, &keeper)
 */
#ifndef ACCOUNTS_KEEPER_H
#define ACCOUNTS_KEEPER_H

#include "accounts/counters.h"
#include "role/role.h"
#include "run/offload.h"

struct keeper {
	struct role *role;
	struct counters *counters;
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
	size_t loaded, ignored;         /* records; bytes */
};

/* Reads what there is. False: a format newer than known, with words in `why`. `folder` is the
 * keeper's from here on. */
bool keeper_open(struct keeper *keeper, struct role *role, struct counters *counters,
	struct offload *pool, int folder, struct text *why) MUST_USE;
void keeper_start(struct keeper *keeper);
void keeper_note(struct keeper *keeper, const struct counting_counter *kept);
void keeper_tend(struct keeper *keeper);
/* Everything is written and flushed, or that has failed. */
void keeper_finish(struct task *task, struct keeper *keeper);

#endif
