/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as the spool keeps it: the sections of a MESSAGE record (tag u16, flags u16, length
 * u32): envelope, facts, own trace headers, body. The body is in wire form: CRLF, not dot-stuffed.
 */
#ifndef SPOOL_ENVELOPE_H
#define SPOOL_ENVELOPE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "wire/command.h"

enum section { SECTION_ENVELOPE = 1, SECTION_FACTS, SECTION_TRACE, SECTION_BODY };
enum body_flags {
	BODY_FLAG_DOTS = 1, /* some line begins with a dot: stuff on the way out */
	BODY_FLAG_8BIT = 2, /* bytes above 127 */
};
enum envelope_flags {
	ENVELOPE_SMTPUTF8 = 1,
	ENVELOPE_8BITMIME = 2,
	ENVELOPE_BELIEVED =
		4, /* a failure may be reported to the sender (doc/policy.md, "Reports") */
	ENVELOPE_REPORT = 8, /* a report of ours */
};

enum envelope_recipient_flags {
	ENVELOPE_RECIPIENT_FORWARDED = 1, /* leaves with the envelope's return_path */
	ENVELOPE_RECIPIENT_REFUSED = 2,   /* after the data: is reported, never delivered */
};

struct envelope_recipient {
	struct slice address; /* the one form; "postmaster" without a domain as such */
	struct slice orcpt;   /* decoded; may be empty */
	uint8_t notify;       /* NOTIFY_…; below 16 */
	uint8_t flags;        /* ENVELOPE_RECIPIENT_…; below 16 */
	/* Of a refused one: "550 5.7.1 words [why ID]", and the name of the row of reasons. */
	struct slice reply, reason;
};
struct envelope {
	uint32_t flags;
	wall_ns received;
	struct slice sender;      /* empty: the null sender */
	struct slice return_path; /* of forwarded recipients, ours (wire/srs.h); else empty */
	struct slice envid;
	uint8_t ret; /* enum dsn_ret */
	/* What a way is chosen from later, and `why` shows: */
	struct slice listener, account, client, client_name, helo, policy_hash;
	const struct envelope_recipient *recipients;
	size_t recipient_count; /* at most 65,535 */
};

struct message { /* a record's payload taken apart; slices of it */
	struct envelope envelope;
	struct slice facts;
	struct slice trace; /* header lines of ours with CRLF, to stand before the body */
	struct slice body;  /* of a big message empty: it lies in the chunks */
	uint16_t body_flags;
	uint64_t body_size; /* octets, chunks counted */
};

/* The sections before the body's bytes, the body's section header included: what is written is this
 * text and then the body itself, uncopied. `body_size` is the whole body's, `inline_size` what
 * follows in this record (0 for a big one). */
void message_encode(struct text *out, const struct message *message, uint64_t inline_size);
/* Every length is checked; unknown sections are passed over. The recipients lie in `arena`. */
bool message_decode(struct slice payload, struct arena *arena, struct message *message) MUST_USE;
/* The same from the first bytes of a payload of `length`: everything but the body, of which only
 * what is there is given. For the queue, which needs no bodies. */
enum message_part { MESSAGE_WHOLE, MESSAGE_NEEDS_MORE, MESSAGE_BAD };
enum message_part message_decode_part(
	struct slice start, uint64_t length, struct arena *arena, struct message *message) MUST_USE;

#endif
