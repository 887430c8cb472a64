/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between edges and queue: who writes where, and how far it is durable (spool/STATES.md).
 * The 250 waits for none of them.
 */
#ifndef PACKETS_SPOOLING_H
#define PACKETS_SPOOLING_H

#include "base/cursor.h"

enum spooling_type {
	SPOOLING_WANT = 0x0200, /* edge → queue: give me a segment */
	SPOOLING_GIVE,          /* queue → edge, with a descriptor opened for this edge alone */
	SPOOLING_NONE,          /* queue → edge: none to be had: 452 at MAIL */
	SPOOLING_COMMITTED,     /* edge → queue: everything below `durable` is flushed; may lag */
	SPOOLING_DONE,          /* edge → queue: nothing will be written to it any more */
	SPOOLING_SUSPECT,       /* edge → queue: a write or flush failed; the batch is voided */
};

enum segment_class { SEGMENT_SMALL, SEGMENT_BIG };

struct spooling_want {
	uint8_t segment_class;
	uint32_t request; /* the edge's own number, repeated in the answer */
};
struct spooling_give {
	uint8_t segment_class;
	uint32_t request;
	uint32_t number;
	uint64_t epoch;
	uint64_t size; /* bytes; a big one grows */
};
struct spooling_none {
	uint8_t segment_class;
	uint32_t request;
	bool full; /* no space, as against another failure */
	struct slice words;
};
struct spooling_committed {
	uint32_t number;
	uint64_t epoch;
	uint64_t durable; /* offset in the segment */
};
/* DONE and SUSPECT have the shape of COMMITTED. */

void spooling_want_write(struct writer *out, const struct spooling_want *m);
bool spooling_want_read(struct slice body, struct spooling_want *m);
void spooling_give_write(struct writer *out, const struct spooling_give *m);
bool spooling_give_read(struct slice body, struct spooling_give *m);
void spooling_none_write(struct writer *out, const struct spooling_none *m);
bool spooling_none_read(struct slice body, struct spooling_none *m);
void spooling_committed_write(struct writer *out, const struct spooling_committed *m);
bool spooling_committed_read(struct slice body, struct spooling_committed *m);

#endif
