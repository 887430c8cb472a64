/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision journal: JSON lines in STATE/journal/YYYY-MM-DD.jsonl (posternd(8) has the fields).
 * This room writes a line from a decision and reads lines back; the files belong to the control
 * role.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "base/id.h"
#include "policy/policy.h"

enum { JOURNAL_SCHEMA = 1 };

struct journal_decision {
	uint64_t id;
	wall_ns time;
	struct slice node, session;
	const struct policy *policy;
	const struct facts *facts;
	const struct decision *decision;
	struct slice reply; /* as sent, without CRLF */
	uint64_t message;   /* the message's id where there is one, else 0 */
	bool tls;
	int64_t us;          /* what deciding took */
	struct arena *arena; /* for looking up networks; NULL: one is made for the call */
};
/* Appends one JSON object without a line end. */
void journal_write_decision(struct text *line, const struct journal_decision *decision);

enum delivery_event {
	EVENT_DELIVERED,
	EVENT_DEFERRED,
	EVENT_BOUNCED,
	EVENT_EXPIRED,
	EVENT_REMOVED
};
struct journal_delivery {
	uint64_t message;
	wall_ns time;
	struct slice node;
	enum delivery_event event;
	struct slice sender, recipient, remote, reply;
	struct slice reason; /* the row's name where we said it */
	bool tls;
	int64_t us;
	uint32_t attempt;
	wall_ns next;    /* deferred: when it is tried again */
	bool repeated;   /* told again after a crash; the journal may have it already */
	uint16_t number; /* of the recipient, from 0: said where `recipient` is empty */
};
struct slice delivery_event_text(enum delivery_event event); /* "delivered" */
void journal_write_delivery(struct text *line, const struct journal_delivery *delivery);

#endif
