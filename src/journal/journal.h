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
	struct slice said;  /* by the client, where an address could not be read; or empty */
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
	struct delivery_tls tls;
	int64_t us;
	uint32_t attempt;
	wall_ns next;    /* deferred: when it is tried again */
	bool repeated;   /* told again after a crash; the journal may have it already */
	uint16_t number; /* of the recipient, from 0: said where `recipient` is empty */
};
/* `,"tls":{…}`: what was wished and what there was; nothing where the way knows no TLS. */
void json_put_tls(struct text *line, const struct delivery_tls *tls);
struct slice delivery_event_text(enum delivery_event event); /* "delivered" */
void journal_write_delivery(struct text *line, const struct journal_delivery *delivery);

/* A sign-in, also one that failed. */
struct journal_auth {
	uint64_t id, session;
	wall_ns time;
	struct slice node, listener;
	struct address client;
	bool tls;
	struct slice account;   /* who signed in, or who it claimed to be; empty: not said */
	struct slice mechanism; /* "SCRAM-SHA-256" */
	struct slice outcome;   /* "signed-in", or the row of reasons */
	struct slice because;   /* for the administrator alone */
	struct slice reply;     /* as sent, without CRLF */
	unsigned code;          /* of the reply; for the log */
	struct enhanced enhanced;
};
void journal_write_auth(struct text *line, const struct journal_auth *auth);

/* A handshake of TLS that failed, event `tls`. */
struct journal_tls {
	uint64_t id, session;
	wall_ns time;
	struct slice node, listener;
	struct address client;
	struct slice because; /* "no shared cipher" */
};
void journal_write_tls(struct text *line, const struct journal_tls *failure);

#endif
