/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stories: a few steps that lead a segment through one change of its life, told again and again
 * with two faults at every pair of places and then a power cut. What random lives meet once in
 * thousands is met here each time. For the crash test.
 */
#ifndef SPOOL_STORIES_H
#define SPOOL_STORIES_H

#include <stdint.h>

enum story_number {
	STORY_MAIL,
	STORY_BIG,
	STORY_RESULTS,
	STORY_SPENT,
	STORY_HEADER_FAILS,
	STORY_MENDING_FAILS,
	STORY_UNHEARD,
	STORY_BIG_REMOVED,
	STORY_STRAGGLER,
	STORY_STRAGGLER_SHORT,
	STORY_NAME_RETURNS,
	STORY_ROOM,
	STORY_ROOM_ROTS,
	STORY_CHECKPOINT,
	STORIES,
};

/* What is told now, in memory that a dying process leaves behind; may be NULL. */
struct told {
	enum story_number story;
	uint64_t place, round;
};

/* Tells every story with every pair of places, so many times, each with other crashes; 0: every
 * third place once. Ends by abort() where a promise is broken. Gives how many lives that took. */
uint64_t stories_tell(uint64_t rounds, volatile struct told *told);
uint64_t story_tell_all(enum story_number story, uint64_t rounds, volatile struct told *told);
/* One place of one story alone, as `told` named it. */
void story_tell(struct told told);
const char *story_name(enum story_number story);

#endif
