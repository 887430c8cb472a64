/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stories with faults at every pair of places. The contract is in stories.h.
 *
 * Each is: prepare; one change of a segment's life, met by a first fault; the end of the process;
 * a start and some more work, met by a second fault; a power cut; judgement. Where a crash leaves
 * something to chance, the number of the place is the seed.
 */
#include "spool/stories.h"

#include <errno.h>
#include <stdio.h>

#include "base/panic.h"
#include "spool/rig.h"

enum { SHORT_STEP = 3 }; /* the short form tells every third place */

enum fault_kind { NO_FAULT, FLUSH_FAILS, FLUSH_FAILS_AND_IT_DIES, WRITE_FAILS, IT_STOPS };

/* How many places of a fault there are: more than a stretch has calls costs only time. */
struct span {
	enum fault_kind kind;
	unsigned places;
};
struct story {
	const char *name;
	void (*prepare)(struct rig *rig);
	void (*change)(struct rig *rig);
	void (*after)(struct rig *rig); /* the start */
	struct span first[4], second[4];
	/* A bit of this segment's header, when the power was cut first, or last; 0: none. */
	unsigned rots_first, rots_last;
};

static void started(struct rig *rig)
{
	panic_if(rig_start(rig) != STORE_OPEN, "seed %llu does not start: %.*s",
		(unsigned long long)rig->seed, SLICE_ARGS(text_slice(&rig->why)));
}

/* Every segment is SEALED by it. */
static void seal(struct rig *rig)
{
	rig_kill(rig);
	started(rig);
}

static void tend_long(struct rig *rig)
{
	for (int i = 0; i < 4; i++) {
		rig->now += 2 * INT64_C(3600) * NS_PER_S;
		rig_tend(rig);
	}
}

/* Preparing */

static void nothing(struct rig *rig)
{
	(void)rig;
}

static void one_left_of_four(struct rig *rig)
{
	rig_send(rig, 4);
	seal(rig);
	rig_deliver_but(rig, 2);
}

static void all_delivered(struct rig *rig)
{
	rig_send(rig, 4);
	seal(rig);
	rig_deliver_but(rig, 0);
}

static void all_delivered_and_unheard(struct rig *rig)
{
	rig->events = true;
	all_delivered(rig);
}

static void four_found(struct rig *rig)
{
	rig_send(rig, 4);
	rig_deliver_but(rig, 2);
}

/* Segments with little in them; the process ends before the PAD that would say that it is durable:
 * write, flush, open, read. */
static void lives_end_early(struct rig *rig)
{
	for (int i = 0; i < 4; i++) {
		disk_memory_stop_at(rig->disk, 5);
		rig_send(rig, 1);
		seal(rig);
	}
}

/* More than the few that are kept for the next one. */
static void big_ones_delivered(struct rig *rig)
{
	for (int i = 0; i < 7; i++)
		rig_send_big(rig, 100);
	rig_deliver_but(rig, 0);
}

/* Changes and what follows */

static void big_comes(struct rig *rig)
{
	rig_send_big(rig, 9000);
}

static void mail_comes(struct rig *rig)
{
	for (int i = 0; i < 3; i++)
		rig_send(rig, 2);
}

static void tend_shortly(struct rig *rig)
{
	for (int i = 0; i < 6 && store_tend(rig->store, rig->now); i++)
		;
}

static void tend_and_send(struct rig *rig)
{
	tend_long(rig);
	rig_send(rig, 2);
}

static void results_come(struct rig *rig)
{
	for (unsigned i = 0; i < 3; i++) {
		rig_send(rig, 1);
		rig_deliver(rig, 1);
	}
}

/* Results enough for a checkpoint while the process lives. */
static void tend_and_checkpoint(struct rig *rig)
{
	rig_tend(rig);
	rig_send(rig, 1);
	const struct rig_message *sent = &rig->messages[rig->count - 1];
	for (uint32_t i = 1; i < 120 && sent->found; i++)
		store_defer(rig->store, sent->id, sent->stored.origin, 0, i, rig->now,
			SLICE("a reply that fills the file"));
	if (store_flush(rig->store) != STATUS_OK)
		return;
	for (int i = 0; i < 300 && store_tend(rig->store, rig->now); i++)
		continue; /* a piece of it each */
}

/* A piece of a checkpoint, some results, another piece, … */
static void results_beside_a_checkpoint(struct rig *rig)
{
	rig_send(rig, 6);
	const struct rig_message *sent = &rig->messages[0];
	for (uint32_t i = 1; i < 120 && sent->found; i++)
		store_defer(rig->store, sent->id, sent->stored.origin, 0, i, rig->now,
			SLICE("a reply that fills the file"));
	for (int i = 0; i < 60 && store_tend(rig->store, rig->now); i++)
		if (i % 8 == 0)
			rig_deliver(rig, 3);
}

static const struct story stories[STORIES] = {
	[STORY_MAIL] = {"mail comes", nothing, mail_comes, mail_comes,
		{{FLUSH_FAILS, 12}, {FLUSH_FAILS_AND_IT_DIES, 12}, {WRITE_FAILS, 12},
			{IT_STOPS, 40}},
		{{NO_FAULT, 4}, {FLUSH_FAILS, 12}}},
	[STORY_BIG] = {"a big message comes", nothing, big_comes, big_comes,
		{{FLUSH_FAILS, 6}, {FLUSH_FAILS_AND_IT_DIES, 6}, {IT_STOPS, 16}},
		{{NO_FAULT, 8}, {FLUSH_FAILS, 8}}},
	[STORY_RESULTS] = {"results come", four_found, results_come, results_come,
		{{FLUSH_FAILS, 8}, {FLUSH_FAILS_AND_IT_DIES, 8}, {WRITE_FAILS, 16}, {IT_STOPS, 40}},
		{{NO_FAULT, 8}, {FLUSH_FAILS, 8}}},
	[STORY_SPENT] = {"a spent segment is used again", all_delivered, tend_and_send,
		tend_and_send, {{FLUSH_FAILS, 8}, {FLUSH_FAILS_AND_IT_DIES, 8}, {IT_STOPS, 30}},
		{{NO_FAULT, 8}, {FLUSH_FAILS, 12}, {IT_STOPS, 60}}},
	[STORY_HEADER_FAILS] = {"its new header fails, and the next one is torn", all_delivered,
		tend_shortly, tend_shortly, {{FLUSH_FAILS, 4}, {FLUSH_FAILS_AND_IT_DIES, 4}},
		{{IT_STOPS, 120}}},
	[STORY_MENDING_FAILS] = {"its new header fails, and its mending at the start",
		all_delivered, tend_shortly, nothing, {{FLUSH_FAILS_AND_IT_DIES, 4}},
		{{FLUSH_FAILS, 12}}},
	[STORY_UNHEARD] = {"a segment with unheard events is spent", all_delivered_and_unheard,
		tend_and_checkpoint, tend_and_checkpoint, {{NO_FAULT, 4}, {IT_STOPS, 30}},
		{{NO_FAULT, 4}}},
	[STORY_BIG_REMOVED] = {"a surplus big file is removed", big_ones_delivered,
		tend_and_checkpoint, nothing, {{NO_FAULT, 4}, {IT_STOPS, 60}}, {{NO_FAULT, 1}}},
	[STORY_STRAGGLER] = {"a straggler moves and its segment is used again", one_left_of_four,
		tend_long, tend_long,
		{{FLUSH_FAILS, 12}, {FLUSH_FAILS_AND_IT_DIES, 12}, {WRITE_FAILS, 12},
			{IT_STOPS, 40}},
		{{NO_FAULT, 8}, {FLUSH_FAILS, 12}, {IT_STOPS, 40}}},
	[STORY_STRAGGLER_SHORT] = {"a straggler moves, and the process ends soon", one_left_of_four,
		tend_long, tend_shortly, {{FLUSH_FAILS, 12}, {FLUSH_FAILS_AND_IT_DIES, 12}},
		{{NO_FAULT, 8}, {FLUSH_FAILS, 8}}},
	/* It has number 3; its name goes at the start without a flush, because two that are spent
	 * are used again and none is made. */
	[STORY_NAME_RETURNS] = {"a segment being made is given up, and its name returns and rots",
		nothing, tend_shortly, big_comes, {{IT_STOPS, 12}}, {{NO_FAULT, 6}},
		.rots_last = 3},
	[STORY_CHECKPOINT] = {"results come while a checkpoint is made", four_found,
		results_beside_a_checkpoint, results_beside_a_checkpoint,
		{{NO_FAULT, 4}, {FLUSH_FAILS, 30}, {WRITE_FAILS, 30}, {IT_STOPS, 80}},
		{{NO_FAULT, 4}, {FLUSH_FAILS, 12}}},
	[STORY_ROOM] = {"segments give back room that nobody uses", lives_end_early, tend_shortly,
		tend_and_send,
		{{NO_FAULT, 4}, {FLUSH_FAILS, 12}, {FLUSH_FAILS_AND_IT_DIES, 12}, {IT_STOPS, 60}},
		{{NO_FAULT, 4}, {FLUSH_FAILS, 8}, {IT_STOPS, 30}}},
	[STORY_ROOM_ROTS] = {"a segment gives back room, and a copy of its header rots",
		lives_end_early, tend_shortly, tend_and_send, {{NO_FAULT, 2}, {IT_STOPS, 30}},
		{{NO_FAULT, 4}}, .rots_first = 1},
};

const char *story_name(enum story_number story)
{
	return story < STORIES ? stories[story].name : "";
}

/* Telling */

static unsigned places(const struct span spans[4])
{
	unsigned count = 0;

	for (int i = 0; i < 4; i++)
		count += spans[i].places;
	return count;
}

static void fault_set(struct rig *rig, const struct span spans[4], uint64_t place)
{
	while (place >= spans->places)
		place -= spans++->places;
	unsigned nth = (unsigned)place + 1;
	switch (spans->kind) {
	case NO_FAULT: break;
	case FLUSH_FAILS_AND_IT_DIES:
		disk_memory_fatal(rig->disk, true);
		disk_memory_fail(rig->disk, DISK_FDATASYNC, nth, EIO);
		break;
	case FLUSH_FAILS: disk_memory_fail(rig->disk, DISK_FDATASYNC, nth, EIO); break;
	case WRITE_FAILS: disk_memory_fail(rig->disk, DISK_PWRITEV, nth, EIO); break;
	case IT_STOPS: disk_memory_stop_at(rig->disk, nth); break;
	}
}

static void header_rot(struct rig *rig, unsigned number, uint64_t copy)
{
	char name[16];

	snprintf(name, sizeof name, "%06u", number);
	if (number)
		disk_memory_flip(rig->disk, "seg", name, copy * SPOOL_BLOCK * 8 + 64);
}

/* Of each pair of places: the process ends by a kill, or by a power cut. */
void story_tell(struct told told)
{
	const struct story *story = &stories[told.story];
	uint64_t place = told.place, kill = place % 2;
	struct rig *rig = rig_open(told.round << 32 | (told.place + 1));

	place /= 2;
	rig->segment = 40 << 10;
	rig->checkpoint = 12 << 10;
	rig->no_damage = true;
	started(rig);
	story->prepare(rig);
	fault_set(rig, story->first, place % places(story->first));
	story->change(rig);
	if (kill)
		rig_kill(rig);
	else
		rig_power_cut(rig);
	header_rot(rig, story->rots_first, told.place / 2 % 2);
	fault_set(rig, story->second, place / places(story->first));
	if (rig_start(rig) == STORE_OPEN)
		story->after(rig);
	rig_power_cut(rig);
	header_rot(rig, story->rots_last, 0);
	started(rig);
	rig_judge(rig);
	rig_close(rig);
}

uint64_t story_tell_all(enum story_number story, uint64_t rounds, volatile struct told *told)
{
	const struct story *which = &stories[story];
	uint64_t count = UINT64_C(2) * places(which->first) * places(which->second);
	uint64_t all = rounds ? count * rounds : count, step = rounds ? 1 : SHORT_STEP, lives = 0;

	for (uint64_t n = 0; n < all; n += step, lives++) {
		struct told now = {story, n % count, n / count};
		if (told)
			*told = now;
		story_tell(now);
	}
	return lives;
}

uint64_t stories_tell(uint64_t rounds, volatile struct told *told)
{
	uint64_t lives = 0;

	for (int i = 0; i < STORIES; i++)
		lives += story_tell_all((enum story_number)i, rounds, told);
	return lives;
}
