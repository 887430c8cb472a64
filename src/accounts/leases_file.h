/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases at rest: a header, then what happened, in order. Times are wall clock.
 *
 *	header  "postlse\n" u32 format u32 crc32c of the 12 bytes before
 *	record  u32 crc32c of what follows, u16 length, u8 what, u64 when it was written,
 *	        16 bytes address, u8 is IPv4, u8 by, u64 since, u64 until, u16 account
 *
 * A crash may leave half a record at the end; nothing behind a damaged record is believed.
 */
#ifndef ACCOUNTS_LEASES_FILE_H
#define ACCOUNTS_LEASES_FILE_H

#include "accounts/leases.h"
#include "base/cursor.h"
#include "base/text.h"

enum { LEASES_FORMAT = 1 };

enum lease_event {
	LEASE_WRITTEN,  /* nothing happened: the clock stood so when all was written */
	LEASE_MADE,     /* or made anew */
	LEASE_ENDED,    /* of this address and account */
	LEASE_ENDED_AT, /* all of this address */
	LEASE_ENDED_OF, /* all of this account */
	LEASE_EVENTS
};
struct lease_record {
	enum lease_event what;
	wall_ns when;
	struct lease_view lease; /* its times are of the wall clock here */
};

void leases_file_begin(struct text *out);
void leases_file_put(struct text *out, const struct lease_record *record);

enum leases_file { LEASES_FILE_OK, LEASES_FILE_NEWER, LEASES_FILE_DAMAGED };
/* Takes the header off the front of *s. `format`: the number it names. */
enum leases_file leases_file_open(struct slice *s, uint32_t *format)
	__attribute__((warn_unused_result));
/* Takes the next record off. False at the end, or, where something is left, before damage. */
bool leases_file_next(struct slice *s, struct lease_record *record)
	__attribute__((warn_unused_result));

#endif
