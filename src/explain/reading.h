/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was read: a reply, a bounce, a log line, an error window, as one structure. Read explain.h
 * first. No knowledge of providers' meanings here, only of forms.
 */
#ifndef EXPLAIN_READING_H
#define EXPLAIN_READING_H

#include "base/arena.h"
#include "reason/reason.h"

enum input_kind {
	INPUT_NOTHING,   /* nothing about a mail could be found */
	INPUT_REPLY,     /* an SMTP reply, one line or many */
	INPUT_BOUNCE,    /* an RFC 3464 report, or one in a form of the server's own */
	INPUT_WINDOW,    /* a mail program's error window */
	INPUT_LOG,       /* a line of a mail server's log */
	INPUT_VACATION,  /* not bounces: */
	INPUT_CHALLENGE, /* somebody asks for a confirmation */
	INPUT_RECEIPT,   /* RFC 8098: read, or deleted unread */
	INPUT_FEEDBACK,  /* RFC 5965 */
	INPUT_DELIVERED, /* a report of success */
	INPUT_ORDINARY_MAIL
};
enum fate { FATE_FAILED, FATE_DELAYED, FATE_DELIVERED, FATE_RELAYED, FATE_EXPANDED };

/* One recipient's fate. Every slice may be empty; text is UTF-8, MIME and encoded words undone. */
struct failure {
	struct slice recipient;       /* "local@domain", without brackets */
	struct slice final_recipient; /* where it differs: a name of another kind, after aliases */
	struct slice original_recipient; /* where it differs: what the sender wrote */
	enum fate fate;
	unsigned reply_code; /* 0: none */
	bool has_status;
	struct enhanced status;
	struct slice words;    /* what the refusing server said, lines joined by one blank */
	struct slice reported; /* what the reporting server's own prose says about it */
	struct slice remote_mta, reporting_mta;
	struct slice sender, sender_ip; /* where the words or the report name them */
	struct slice command;           /* "RCPT TO", "DATA", "connect", where it is told */
	struct slice product; /* form of the report: "postfix", "exim", "qmail", "exchange", ... */
	struct slice windows_error; /* 0x800CCC79 */
	struct slice postern_id;    /* ours, as [why ID] or kept [ID] names it */
	struct slice when;          /* as written */
	struct slice stated_cause;  /* what the reporting server (ours) makes of it */
	/* What a window or a log line tells besides: */
	struct slice account, server, port, tls; /* as written: "25", "Yes" */
	struct slice client, client_name,
		helo;              /* who was refused, where the server's log says it */
	struct slice queue_id;     /* of the server that wrote the line or the report */
	struct slice next_attempt; /* FATE_DELAYED: until when it tries, as written */
};
struct reading {
	enum input_kind kind;
	struct failure *failures;
	size_t failure_count;
	/* Of the report itself and of the message it is about: */
	struct slice reporting_mta, arrival, envelope_id;
	struct slice message_id, message_date, message_from, message_to, message_subject;
	struct slice envelope_sender, queue_id; /* where the report's fields tell them */
	struct slice postern_id; /* ours, of the message, as a report of ours tells it */
	struct slice date;       /* of the report, as written */
	struct slice said_by;    /* From of the report */
	struct slice why_not; /* what shows that it is no bounce: "Auto-Submitted: auto-replied" */
	bool truncated;       /* more than the limits of reading.c allow was left out */
};
/* `input` is anything; never fails. All memory from `arena`; bounded in time and memory by the
 * limits in reading.c, whatever the input. */
void reading_of(struct slice input, struct arena *arena, struct reading *reading);

#endif
