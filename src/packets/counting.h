/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between edges and accounts: places in the counters of `limit` clauses.
 *
 * An edge reserves a place in every counter of a recipient at once, before it accepts it; it gets
 * all of them or none. What a transaction (`holder`) has reserved is kept when its message is
 * accepted, given back when it is not, and given back when the edge's channel ends.
 */
#ifndef PACKETS_COUNTING_H
#define PACKETS_COUNTING_H

#include "base/cursor.h"

enum counting_type {
	COUNTING_RESERVE = 0x0600, /* edge → accounts */
	COUNTING_ANSWER,           /* accounts → edge: how each counter stands */
	COUNTING_RELEASE,          /* edge → accounts: that reservation came to nothing */
	COUNTING_KEEP,             /* edge → accounts: the message was accepted */
	COUNTING_DROP,             /* edge → accounts: the transaction came to nothing */
};
enum { COUNTERS_MAX = 32 }; /* of one packet */

/* A counter belongs to its key (who, what and period, as policy_counters() writes it) and period;
 * the number it may reach can change. */
struct counting_counter {
	struct slice key;
	int64_t period; /* ns */
	uint64_t most;
	uint32_t places;
	bool by_message; /* however many recipients its holder reserves for, it is one place */
};
struct counting_reserve {
	uint32_t request; /* the edge's own number, repeated in the answer */
	uint64_t holder;
	uint8_t count;
	struct slice counters; /* `count` of counting_counter */
};
struct counting_answer {
	uint32_t request;
	bool unknown; /* no room for another counter: nothing is reserved */
	uint8_t count;
	struct slice states; /* `count` of counting_state, in the order of the question */
};
struct counting_state {
	bool full;       /* then nothing is reserved, in no counter */
	uint64_t used;   /* places, those that were asked for not counted */
	int64_t free_in; /* ns until the next place is free; 0: now, or nobody can say */
};
struct counting_release {
	uint64_t holder;
	uint32_t request; /* of the RESERVE */
};
/* Names every place again, so that one accepted while accounts was started anew is counted. */
struct counting_keep {
	uint64_t holder;
	bool last; /* the holder has no more */
	uint8_t count;
	struct slice counters;
};
struct counting_drop {
	uint64_t holder;
};

void counting_counter_write(struct writer *out, const struct counting_counter *m);
bool counting_counter_read(struct reader *in, struct counting_counter *m);
void counting_state_write(struct writer *out, const struct counting_state *m);
bool counting_state_read(struct reader *in, struct counting_state *m);
void counting_reserve_write(struct writer *out, const struct counting_reserve *m);
bool counting_reserve_read(struct slice body, struct counting_reserve *m);
void counting_answer_write(struct writer *out, const struct counting_answer *m);
bool counting_answer_read(struct slice body, struct counting_answer *m);
void counting_release_write(struct writer *out, const struct counting_release *m);
bool counting_release_read(struct slice body, struct counting_release *m);
void counting_keep_write(struct writer *out, const struct counting_keep *m);
bool counting_keep_read(struct slice body, struct counting_keep *m);
void counting_drop_write(struct writer *out, const struct counting_drop *m);
bool counting_drop_read(struct slice body, struct counting_drop *m);

#endif
