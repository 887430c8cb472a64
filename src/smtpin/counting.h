/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edge's way to the counters of `limit` clauses (packets/counting.h). While accounts is away,
 * or does not answer, every counter is unknown at once; what it must hear (kept, given back) waits
 * in order until it is there again, within bounds.
 */
#ifndef SMTPIN_COUNTING_H
#define SMTPIN_COUNTING_H

#include "account/asker.h"
#include "packets/counting.h"
#include "run/task.h"

struct counting;

struct counting *counting_open(struct loop *loop);
void counting_close(struct counting *counting); /* no task waits in it; NULL is fine */
/* A channel end to the (new) accounts, owned from here on. */
void counting_connect(struct counting *counting, int fd);
/* For tests: what is said goes to `way` instead of a channel (false: accounts is away), and what
 * would come is given to counting_receive(). */
typedef bool counting_way(void *owner, uint16_t type, struct slice body);
void counting_use_way(struct counting *counting, counting_way *way, void *owner);
void counting_receive(struct counting *counting, uint16_t type, struct slice body);
/* The asker goes over the same channel; it is closed after this. */
void counting_share(struct counting *counting, struct asker *asker);
void counting_drain(struct counting *counting);          /* before the end of the process */
uint64_t counting_lost(const struct counting *counting); /* words that had no room */

/* One place in each of the counters, or in none. *known: accounts has answered, `states` is filled;
 * where it is false nothing is reserved. WAIT_CANCELLED leaves nothing reserved either. */
enum wait counting_reserve(struct task *task, struct counting *counting, uint64_t holder,
	const struct counting_counter *wanted, size_t count, struct counting_state *states,
	bool *known, uint32_t *request) MUST_USE;
void counting_release(struct counting *counting, uint64_t holder, uint32_t request);
void counting_keep(struct counting *counting, uint64_t holder, const struct counting_counter *kept,
	size_t count);
void counting_drop(struct counting *counting, uint64_t holder);

#endif
