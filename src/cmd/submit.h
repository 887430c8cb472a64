/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message handed to the daemon by a program of this host: blocking SMTP over its Unix socket.
 * Exit statuses are those of sysexits.h: what cannot be delivered now is EX_TEMPFAIL, so that the
 * caller tries again.
 */
#ifndef CMD_SUBMIT_H
#define CMD_SUBMIT_H

#include <stdio.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"

#define SENDMAIL_SOCKET "/run/postern/sendmail.sock"

enum { SUBMIT_RECIPIENTS_MAX = 10000 };

struct submission {
	struct arena *arena;
	const char *socket; /* --socket, else $POSTERN_SENDMAIL_SOCKET, else SENDMAIL_SOCKET */
	bool has_sender;
	struct slice sender;    /* "" is the null sender */
	struct slice full_name; /* -F */
	struct slice notify, ret, envid;
	bool dots_are_text; /* -i: a line with only a dot does not end the message */
	struct slice *recipients;
	size_t recipient_count;
};

void submission_begin(struct submission *submission);
void submission_end(struct submission *submission);
/* One address or several, as a header or the command line writes them: names, comments, groups.
 * False: one of them is none. */
bool submission_add_recipients(struct submission *submission, struct slice list) MUST_USE;
/* The message on standard input. `from_header`: recipients are those of To, Cc and Bcc, but for the
 * ones given (as sendmail's -t does), and Bcc goes no further. An exit status. */
int submission_deliver(struct submission *submission, bool from_header);
/* -bs: the caller speaks SMTP itself, on standard input and output. */
int submission_converse(struct submission *submission);

#endif
