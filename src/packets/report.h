/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between any role and control: journal lines one way, questions and answers the other.
 *
 * A decision line that cannot be handed over is dropped and counted, never waited for. Delivery
 * events carry a sequence number and are repeated until control has them.
 */
#ifndef PACKETS_REPORT_H
#define PACKETS_REPORT_H

#include "base/cursor.h"

enum report_type {
	REPORT_LINE = 0x0400, /* role → control: one JSON line of the journal, without its LF */
	REPORT_DROPPED,       /* role → control: count u64 of lines dropped since the last */
	REPORT_EVENT,         /* queue → control: a delivery event, numbered */
	REPORT_HAVE,   /* control → queue: every event up to and with sequence u64 is kept */
	REPORT_ASK,    /* control → role: a question as JSON: {"ask":"queue", …} */
	REPORT_ANSWER, /* role → control: a piece of the answer */
	REPORT_SYNC,   /* queue → control: make durable what you have, and say HAVE; no body */
};

struct report_event {
	uint64_t sequence;
	struct slice line;
};
struct report_ask {
	uint32_t request;
	struct slice question; /* JSON */
};
struct report_answer {
	uint32_t request;
	bool last;          /* no further piece comes */
	struct slice piece; /* of a JSON text, or JSON lines; may be cut anywhere */
};

void report_event_write(struct writer *out, const struct report_event *m);
bool report_event_read(struct slice body, struct report_event *m);
void report_ask_write(struct writer *out, const struct report_ask *m);
bool report_ask_read(struct slice body, struct report_ask *m);
void report_answer_write(struct writer *out, const struct report_answer *m);
bool report_answer_read(struct slice body, struct report_answer *m);
void report_count_write(struct writer *out, uint64_t count); /* DROPPED and HAVE */
bool report_count_read(struct slice body, uint64_t *count);

#endif
