/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A POP3 command, taken apart (RFC 1939 section 3, RFC 2449 section 4). Pure.
 *
 *	struct pop_command command;
 *	if (pop_command_parse(line, &command) == POP_WELL_FORMED) …
 */
#ifndef POP3_COMMAND_H
#define POP3_COMMAND_H

#include "base/slice.h"

enum pop_verb {
	POP_CAPA,
	POP_STLS,
	POP_USER,
	POP_PASS,
	POP_AUTH,
	POP_APOP,
	POP_UTF8,
	POP_LANG,
	POP_STAT,
	POP_LIST,
	POP_UIDL,
	POP_RETR,
	POP_TOP,
	POP_DELE,
	POP_RSET,
	POP_NOOP,
	POP_QUIT,
	POP_HTTP, /* a browser was led here */
	POP_VERBS
};

struct pop_command {
	enum pop_verb verb;
	bool has_message, has_lines;
	uint64_t message; /* its number, from 1; not compared with anything yet */
	uint64_t lines;
	struct slice text; /* of USER, PASS, AUTH, LANG, APOP: all that follows, blanks too */
};

enum pop_parse { POP_WELL_FORMED, POP_NO_COMMAND, POP_WRONG_ARGUMENTS };

/* `line` without its CRLF. The verb is set unless there is none. */
enum pop_parse pop_command_parse(struct slice line, struct pop_command *command);
/* "RETR and the number of a message": what would be right. */
const char *pop_usage(enum pop_verb verb);

#endif
