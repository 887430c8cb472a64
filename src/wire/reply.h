/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMTP replies in both directions (RFC 5321 section 4.2, RFC 2034, RFC 3463).
 */
#ifndef WIRE_REPLY_H
#define WIRE_REPLY_H

#include "base/status.h"
#include "base/text.h"

enum { REPLY_LINE_MAX = 512 }; /* octets with CRLF (RFC 5321 4.5.3.1.5) */

struct enhanced {
	uint8_t class; /* 2, 4, 5; 0: none */
	uint16_t subject;
	uint16_t detail;
};
void text_enhanced(struct text *text, struct enhanced enhanced); /* "5.7.1" */
bool enhanced_parse(struct slice s, struct enhanced *enhanced);

/* Writes "550 5.7.1 words [why 7K3Q-9MZD-2C4T]\r\n". Words that would pass 512 octets are cut, the
 * ending (`tail`, may be empty) never. Words may hold '\n' for a reply of several lines. Control
 * characters in words become blanks; bytes above 127 become '?' unless `utf8`. */
void reply_write(struct text *out, unsigned code, struct enhanced enhanced, struct slice words,
	struct slice tail, bool utf8);

/* Reading a remote's reply, line by line. */
struct reply {
	unsigned code;            /* 0 until the first line */
	struct enhanced enhanced; /* of the first line that has one */
	struct text words;        /* growing: the lines' words, joined by '\n', cut at 4096 */
	unsigned lines;
	bool whole;
};
enum reply_fault { REPLY_OK, REPLY_NOT_A_REPLY, REPLY_CODE_CHANGED, REPLY_TOO_MANY_LINES };
void reply_begin(struct reply *reply); /* reuses the text */
/* `line` without CRLF. After REPLY_OK, `whole` says whether it was the last line. */
enum reply_fault reply_add_line(struct reply *reply, struct slice line) MUST_USE;
void reply_free(struct reply *reply);

#endif
