/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between edges and out: does the next hop take mail for this address?
 *
 * An edge names an address in a domain with `mailboxes asked`, nothing else: whom to ask, out reads
 * in the policy itself, so that no edge can make it connect to a place of its choosing.
 */
#ifndef PACKETS_ASKING_H
#define PACKETS_ASKING_H

#include "base/cursor.h"

enum asking_type {
	ASKING_ASK = 0x0A00, /* edge → out */
	ASKING_ANSWER,       /* out → edge */
};
enum {
	ASKING_ADDRESS_MAX = 1000, /* octets of local@domain; RFC 5321 4.5.3.1.3 says 256 */
	ASKING_BECAUSE_MAX = 400,
};

struct asking_ask {
	uint32_t request;     /* the edge's own number, repeated in the answer */
	struct slice address; /* local@domain in the one form (wire/mailbox.h) */
};
enum asking_found {
	ASKING_KNOWN,
	ASKING_UNKNOWN,
	ASKING_CANNOT_TELL, /* no answer, or one that is not about the mailbox */
	ASKING_FOUNDS
};
struct asking_answer {
	uint32_t request;
	uint8_t found;        /* enum asking_found */
	struct slice because; /* for people; the encoder cuts it to ASKING_BECAUSE_MAX */
};

void asking_ask_write(struct writer *out, const struct asking_ask *m);
bool asking_ask_read(struct slice body, struct asking_ask *m);
void asking_answer_write(struct writer *out, const struct asking_answer *m);
bool asking_answer_read(struct slice body, struct asking_answer *m);

#endif
