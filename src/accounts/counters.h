/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of `limit` clauses: how many places each has in its window, who has reserved one,
 * and when the next is free. Pure: time is given, nothing is written.
 *
 * A holder (one transaction) reserves a place in several counters at once or in none, then keeps
 * its places or gives them back. Two holders cannot both have the last place.
 */
#ifndef ACCOUNTS_COUNTERS_H
#define ACCOUNTS_COUNTERS_H

#include "base/clock.h"
#include "base/list.h"
#include "base/status.h"
#include "packets/counting.h"

enum {
	MOMENTS_MOST = 4096,         /* of one counter, in its window: 64 KiB */
	MOMENTS_ALL_MOST = 4 << 20,  /* of all counters: 64 MiB */
	CLASSES_MOST = 16,           /* first words of keys; the last takes all others */
	COUNTERS_OF_A_CLASS = 50000, /* usually */
};

struct counters;

/* Places of one transaction. Zero-filled it holds nothing. */
struct holder {
	uint64_t id;
	struct held *held;
	size_t count, room;
};

/* What people are shown, and what is written down. */
struct counter_view {
	struct slice key;
	mono_ns period;
	uint64_t most; /* as it was asked last; 0: not since the start */
	uint64_t kept, reserved;
	mono_ns free_at; /* when the oldest kept place comes free; NEVER: nothing is kept */
	mono_ns newest;  /* when a place was kept last, where one is */
};
struct moment {
	mono_ns at;
	uint64_t places;
};

enum reservation { RESERVED, RESERVED_NOTHING, RESERVED_NO_ROOM };

/* `seed`: random, since keys are chosen by clients. */
struct counters *counters_new(uint64_t seed, size_t of_a_class);
void counters_free(struct counters *counters); /* every holder is empty */

/* All `count` of `wanted`, or nothing if any is full; `states` tells each in either case. */
enum reservation counters_reserve(struct counters *counters, struct holder *holder,
	uint32_t request, const struct counting_counter *wanted, size_t count, mono_ns now,
	struct counting_state *states) MUST_USE;
/* Gives back what that request reserved. */
void counters_release(struct counters *counters, struct holder *holder, uint32_t request);
/* The places were accepted at `now`; those that the holder had not reserved (accounts was away)
 * are counted all the same. */
void counters_keep(struct counters *counters, struct holder *holder,
	const struct counting_counter *kept, mono_ns now);
/* Gives back everything. */
void counters_drop(struct counters *counters, struct holder *holder);
/* Adds what was kept at `when`, as the file says. */
void counters_put(struct counters *counters, struct slice key, mono_ns period, mono_ns when,
	uint64_t places, mono_ns now);
/* Removes what has no place left. */
void counters_sweep(struct counters *counters, mono_ns now);

/* Of one key, without touching it; false: it has no place taken. */
bool counters_find(
	struct counters *counters, struct slice key, mono_ns now, struct counter_view *view);
size_t counters_count(const struct counters *counters);
uint64_t counters_forgotten(const struct counters *counters); /* for want of room */
/* All of them, in no order; *at starts at 0. False at the end. The key lives until the counters
 * are changed. */
bool counters_next(struct counters *counters, size_t *at, mono_ns now, struct counter_view *view);
/* The moments of the counter that counters_next() gave last, the oldest first; NULL at the end. */
const struct moment *counters_moment(const struct counters *counters, size_t number);

#endif
