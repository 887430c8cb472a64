/* SPDX-License-Identifier: Apache-2.0 */
/* What submit.c and submit_message.c share. Nobody else includes it. */
#ifndef CMD_SUBMIT_INSIDE_H
#define CMD_SUBMIT_INSIDE_H

#include "base/utf8.h"
#include "cmd/submit.h"
#include "wire/mailbox.h"

struct dialogue {
	struct submission *submission;
	int fd;
	FILE *in;
	char reply[1024];      /* the last line of the last one */
	struct slice hostname; /* the daemon's */
	struct slice sender;
	struct text header; /* as it will be sent, CRLF line ends, without the empty line */
	bool has_from;
	bool has_first; /* the line that ended the header is the first of the body */
	struct slice first;
	bool ended; /* the input has, or a line with only a dot came */
};

bool dialogue_put(struct dialogue *dialogue, struct slice bytes);

/* Reads the header from standard input; with `recipients` it adds those of To, Cc and Bcc. An exit
 * status. */
int message_read_header(struct dialogue *dialogue, bool recipients);
/* The header, the rest of standard input with CRLF line ends and dots stuffed, and the final dot.
 * False: the connection is gone. */
bool message_put(struct dialogue *dialogue);

#endif
