/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between any role and resolver: a question by name and type, an answer in a small
 * normalised form (never raw DNS). An answer that does not fit one packet is cut to the records
 * that do and says so.
 */
#ifndef PACKETS_RESOLVE_H
#define PACKETS_RESOLVE_H

#include "base/cursor.h"

enum resolve_type { RESOLVE_ASK = 0x0500, RESOLVE_ANSWER };

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
struct resolve_record {
	uint16_t preference;
	struct slice data; /* 4 or 16 bytes of an address; a name; a text */
};

void resolve_ask_write(struct writer *out, const struct resolve_ask *m);
bool resolve_ask_read(struct slice body, struct resolve_ask *m);
void resolve_answer_write(struct writer *out, const struct resolve_answer *m);
bool resolve_answer_read(struct slice body, struct resolve_answer *m);
void resolve_record_write(struct writer *out, const struct resolve_record *m);
bool resolve_record_read(struct reader *in, struct resolve_record *m);

#endif
