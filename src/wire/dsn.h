/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a delivery status notification: multipart/report (RFC 6522) of words for people, a
 * message/delivery-status (RFC 3464) and the message it is about or its header. Whatever came from
 * outside (addresses, a remote's words) is made safe on the way: it cannot end its field or its
 * part. Addresses beyond ASCII are written in the ASCII form of RFC 6533, `utf-8;`; a message that
 * needed SMTPUTF8 comes back as message/global.
 *
 *	struct dsn dsn = {.reporting_mta = …, .recipients = one, .count = 1, …};
 *	struct dsn_form form = text_dsn(&text, &dsn, arena);
 */
#ifndef WIRE_DSN_H
#define WIRE_DSN_H

#include "base/arena.h"
#include "base/clock.h"
#include "wire/reply.h"

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_recipient {
	struct slice final;    /* mailbox.text of where it went */
	struct slice original; /* ORCPT decoded, "rfc822;user@example.org"; may be empty */
	enum dsn_action action;
	struct enhanced status;   /* its class is made to fit the action */
	struct slice remote_mta;  /* the host that spoke, or empty */
	struct slice remote_says; /* its reply, "550 5.1.1 …", lines joined by '\n'; or empty */
	struct slice cause;       /* X-Postern-Cause: what explain makes of it; or empty */
	wall_ns last_attempt;     /* 0: none */
	wall_ns retry_until;      /* 0: none; written for DSN_DELAYED only (RFC 3464 2.3.9) */
};
struct dsn {
	struct slice reporting_mta;  /* our name */
	struct slice from;           /* mailbox.text: postmaster or MAILER-DAEMON of ours */
	struct slice to;             /* mailbox.text of the one who is told */
	struct slice subject, words; /* UTF-8; `words` in lines that end in '\n' */
	struct slice id;             /* makes Message-ID and boundary: letters, digits, "-" */
	wall_ns now;
	struct slice message;     /* X-Postern-Queue-ID: our id of the message; or empty */
	struct slice envelope_id; /* ENVID decoded, may be empty */
	wall_ns arrived;          /* 0: not said */
	const struct dsn_recipient *recipients;
	size_t count;
	struct slice original; /* the message, CRLF lines; or at least its header */
	bool whole;            /* all of it, not only its header */
	bool original_utf8;    /* it came with SMTPUTF8 */
};
/* What sending it needs. */
struct dsn_form {
	bool has_8bit; /* BODY=8BITMIME */
	bool smtputf8; /* `to` or `from` is beyond ASCII */
	bool whole;    /* false also where lines above 998 octets kept the body out */
};
struct dsn_form text_dsn(struct text *text, const struct dsn *dsn, struct arena *arena);
const char *dsn_action_text(enum dsn_action action);

#endif
