/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between any role and resolver: a question by name and type, an answer in a small
 * normalised form (never raw DNS). An answer that does not fit one packet is cut to the records
 * that do and says so.
 */
#ifndef PACKETS_RESOLVE_H
#define PACKETS_RESOLVE_H

#include "base/cursor.h"

enum resolve_type {
	RESOLVE_ASK = 0x0500, /* role → resolver */
	RESOLVE_ANSWER,       /* resolver → role */
	RESOLVE_HEALTH,       /* resolver → role: whether a DNS list can be believed; unasked */
};

struct resolve_ask {
	uint32_t request;
	uint16_t type; /* enum dns_type */
	struct slice name;
};
struct resolve_answer {
	uint32_t request;
	uint8_t outcome; /* enum dns_outcome */
	bool secure;
	bool cut;
	uint32_t ttl;
	uint16_t count;
	struct slice records; /* `count` of resolve_record */
	struct slice why;
};
/* What the test of a DNS list found (RFC 5782 section 5). Said to every role when it is found, and
 * to each that comes later. */
struct resolve_health {
	bool of_domains; /* of names, not of addresses */
	bool believed;
	struct slice zone;
	struct slice why; /* it is not */
};
struct resolve_record {
	uint16_t preference;
	struct slice data; /* 4 or 16 bytes of an address; a name; a text */
};

void resolve_ask_write(struct writer *out, const struct resolve_ask *m);
bool resolve_ask_read(struct slice body, struct resolve_ask *m);
void resolve_answer_write(struct writer *out, const struct resolve_answer *m);
bool resolve_answer_read(struct slice body, struct resolve_answer *m);
void resolve_health_write(struct writer *out, const struct resolve_health *m);
bool resolve_health_read(struct slice body, struct resolve_health *m);
void resolve_record_write(struct writer *out, const struct resolve_record *m);
bool resolve_record_read(struct reader *in, struct resolve_record *m);

#endif
