/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crew of threads that decide the journal's past again, a batch of lines at a time; taking JSON
 * apart is nearly all of the work. Each has a struct replay of its own; their sums are one in the
 * end. A policy is immutable and decisions are pure, so the threads share it.
 *
 *	struct crew *crew = crew_open(policy, since);
 *	crew_give(crew, line);            every line, in any order
 *	crew_close(crew, &replay);        adds what came of it
 */
#ifndef DIAGNOSE_CREW_H
#define DIAGNOSE_CREW_H

#include "diagnose/replay.h"

struct crew;

/* As many threads as processors, at most eight. Lines before `since` are passed over. */
struct crew *crew_open(const struct policy *policy, wall_ns since);
void crew_give(struct crew *crew, struct slice line);
/* Waits for all; gives back how many lines could not be read. */
uint64_t crew_close(struct crew *crew, struct replay *replay);

#endif
