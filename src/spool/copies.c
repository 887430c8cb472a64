/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several copies of one message: which of them counts, and when another is made (STATES.md,
 * "Copies"). Only small messages are copied: of a big one it would be a whole file for nothing.
 */
#include <stdlib.h>

#include "base/panic.h"
#include "spool/keeping.h"
#include "spool/mutation.h"

enum {
	SPARSE_AFTER_S = 3600,
	LOOK_S = 60,
	MOVED_AT_ONCE = 4,
};

/* Which one counts */

static void doubt_set(struct store *store, struct kept *kept, bool doubted)
{
	if (doubted && !kept->doubted)
		store->doubts++;
	else if (!doubted && kept->doubted)
		store->doubts--;
	kept->doubted = doubted;
}

/* The one most certain to be on the disk; of equals the oldest. */
static bool is_better(const struct kept *kept, const struct record *record, enum standing standing)
{
	if (standing != kept->standing)
		return standing < kept->standing;
	return record->copy < kept->copy;
}

/* [S] None is given up before one is proven to be on the disk: a copy may be seen in the page cache
 * alone, of a flush that failed. Until then the message is doubted, and no segment that shows it is
 * used again. */
void copy_found(struct store *store, struct kept *kept, struct segment *segment,
	const struct record *record, uint64_t at, enum standing standing)
{
	if (kept->left == 0) /* done: none of them counts, and its segment may be used again */
		return;
	if (is_better(kept, record, standing)) {
		kept_count(store, kept, -1);
		kept_lies(kept, segment, at);
		kept->length = record->length;
		kept->copy = record->copy;
		kept->standing = standing;
		kept_count(store, kept, 1);
	}
	doubt_set(store, kept, kept->standing != STANDS_PROVEN && !MUTATED(COPIES_GIVEN_UP_EARLY));
}

/* A copy was made and flushed. */
void copy_made(struct store *store, struct kept *kept, struct segment *segment, uint64_t at)
{
	kept_count(store, kept, -1);
	store->tend_due = true; /* that segment may be spent now */
	segment_event(segment, kept_segment(store, kept)->last_event);
	kept_lies(kept, segment, at);
	kept->copy++;
	kept->standing = STANDS_PROVEN;
	doubt_set(store, kept, false);
	kept_count(store, kept, 1);
	segment_show(store, segment, kept);
}

void copies_forget(struct store *store, struct kept *kept)
{
	doubt_set(store, kept, false);
}

bool segment_is_leaned_on(const struct store *store, const struct segment *segment)
{
	if (store->doubts == 0)
		return false;
	for (size_t i = 0; i < segment->shown_count; i++)
		if (segment_shown(store, segment, i)->doubted)
			return true;
	return false;
}

/* When another is made */

/* What is doubted gets a copy that is not: made and flushed by ourselves. */
static void doubts_end(struct store *store)
{
	uint32_t at = 0;

	for (struct kept *kept; store->doubts > 0 && (kept = slab_next(store->kept, &at)); at++)
		if (kept->doubted && own_copy(store, kept) == COPY_FAILED)
			return; /* tried again at the next look */
}

/* Less than 30 % live for an hour. */
static bool segment_is_sparse(const struct store *store, struct segment *segment, wall_ns now)
{
	bool sparse = segment->kind == SEGMENT_SMALL && segment->live > 0 &&
		      segment->live_bytes * 10 < store->scale.segment * 3;

	if (!sparse)
		segment->sparse_since = 0;
	else if (segment->sparse_since == 0 || segment->sparse_since > now)
		segment->sparse_since = now;
	return sparse && now - segment->sparse_since >= SPARSE_AFTER_S * NS_PER_S;
}

/* Each costs a flush, and the loop waits for it. True: more of them are left to move. */
static bool stragglers_move(struct store *store, struct segment *segment)
{
	unsigned moved = 0;

	for (size_t i = 0; i < segment->shown_count; i++) {
		struct kept *kept = segment_shown(store, segment, i);
		if (kept->use != segment->use || kept->left == 0)
			continue;
		if (moved++ == MOVED_AT_ONCE)
			return true;
		if (own_copy(store, kept) != COPY_MADE)
			break; /* tried again at the next look */
	}
	return false;
}

/* One segment at a look. */
static bool sparse_move(struct store *store, wall_ns now)
{
	LIST_EACH (struct segment, segment, &store->states[SEGMENT_SEALED], link)
		if (segment_is_sparse(store, segment, now) && segment->holds == 0)
			return stragglers_move(store, segment);
	return false;
}

/* A clock that is set back or ahead moves the next look by a minute, no more. */
bool copies_tend(struct store *store, wall_ns now)
{
	if (now < store->look_at && now + LOOK_S * NS_PER_S >= store->look_at)
		return false;
	doubts_end(store);
	bool more = sparse_move(store, now);
	if (!more)
		store->look_at = now + LOOK_S * NS_PER_S;
	return more;
}
