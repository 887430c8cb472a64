/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking a segment or a results file record by record, over any damage.
 *
 * A valid header of this epoch is taken and its length skipped; anything else is passed over in
 * steps of 64 bytes, so that nothing behind a damaged stretch is lost and no length of a record of
 * another use is believed (spool/STATES.md, "Start-up").
 *
 *	walk_begin(&walk, &source, from, end, WALK_DENSE);
 *	while (walk_next(&walk, &record, &at)) …
 *	walk_end(&walk);
 */
#ifndef SPOOL_WALK_H
#define SPOOL_WALK_H

#include "spool/reader.h"

/* How much is read at once: everything, or headers here and there (big messages). */
enum { WALK_DENSE = 256 << 10, WALK_SPARSE = 4 << 10 };

struct walk {
	struct spool_source source;
	uint64_t at, end;
	uint64_t gap_from,
		gap_to; /* what was passed over before the record just given; else equal */
	size_t step;
	char *window;
	size_t window_size, window_len;
	uint64_t window_at;
	bool unreadable; /* the disk refused some block of it; it was taken as zeros */
};

void walk_begin(struct walk *walk, const struct spool_source *source, uint64_t from, uint64_t end,
	size_t step);
/* False at the end; the gap fields then tell what was passed over since the last record. */
bool walk_next(struct walk *walk, struct record *record, uint64_t *at) MUST_USE;
/* Up to `most` of the first payload bytes of the record at `at`, unchecked, until the next call.
 * Shorter where the file is. */
struct slice walk_payload(
	struct walk *walk, uint64_t at, const struct record *record, uint32_t most);
/* The record at a place where one was seen; false: it is not there any more. */
bool walk_record(struct walk *walk, uint64_t at, struct record *record) MUST_USE;
void walk_end(struct walk *walk);

#endif
