/* SPDX-License-Identifier: Apache-2.0 */
/* What counters.c (reserving, keeping) and counters_ring.c (the moments of one counter) share.
 * Nobody else includes it. */
#ifndef ACCOUNTS_COUNTERS_INSIDE_H
#define ACCOUNTS_COUNTERS_INSIDE_H

#include "accounts/counters.h"

/* Keys with the same first word. A stranger who can invent keys of one class cannot make us forget
 * those of another. */
struct counter_class {
	char *word;
	size_t word_len;
	struct list counters; /* the one touched last stands last */
	size_t count;
};

struct counter {
	struct list link;
	struct counter_class *of;
	mono_ns period;
	uint64_t most;
	uint64_t reserved, kept;
	struct moment *moments; /* a ring */
	size_t first, count, size;
	size_t key_len;
	char key[];
};

struct counters {
	struct map *by_key;
	struct counter_class classes[CLASSES_MOST];
	size_t class_count, of_a_class;
	size_t moments; /* room of all rings */
	uint64_t forgotten;
	const struct counter *shown; /* by counters_next() */
};

/* ---- counters_ring.c ---- */
/* The oldest is 0; there are `count`. */
struct moment *counter_moment(const struct counter *counter, size_t number);
void counter_expire(struct counter *counter, mono_ns now);
/* Moments never go back; those of one instant are one. */
void counter_add_moment(
	struct counters *counters, struct counter *counter, mono_ns when, uint64_t places);

#endif
