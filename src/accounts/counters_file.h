/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters at rest: a header, then records. A record holds moments of one counter; the same counter
 * may have several. Times are wall clock.
 *
 *	header  "postlim\n" u32 format u32 crc32c of the 12 bytes before
 *	record  u32 crc32c of what follows, u32 length, u16 key, u64 period, {u64 when, u32 places}…
 *
 * A crash may leave half a record at the end; nothing behind a damaged record is believed.
 */
#ifndef ACCOUNTS_COUNTERS_FILE_H
#define ACCOUNTS_COUNTERS_FILE_H

#include "base/clock.h"
#include "base/cursor.h"
#include "base/status.h"
#include "base/text.h"

enum { COUNTERS_FORMAT = 1, RECORD_MOMENTS = 256 };

struct counters_record {
	struct slice key;
	mono_ns period;
	struct slice moments; /* for counters_file_moment() */
};
struct kept_moment {
	wall_ns when;
	uint64_t places;
};

void counters_file_begin(struct text *out);
/* At most RECORD_MOMENTS of them. */
void counters_file_put(struct text *out, struct slice key, mono_ns period,
	const struct kept_moment *moments, size_t count);

enum counters_file { COUNTERS_FILE_OK, COUNTERS_FILE_NEWER, COUNTERS_FILE_DAMAGED };
/* Takes the header off the front of *s. `format`: the number it names. */
enum counters_file counters_file_open(struct slice *s, uint32_t *format) MUST_USE;
/* Takes the next record off. False at the end, or, where something is left, before damage. */
bool counters_file_next(struct slice *s, struct counters_record *record) MUST_USE;
bool counters_file_moment(struct slice *moments, struct kept_moment *moment) MUST_USE;

#endif
