/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one schema in two forms, `time level role event id client account sender recipient code
 * enhanced clause text`. What is empty is left out; nothing from outside leaves unescaped.
 *
 *	2026-11-21T09:30:00.123Z info edge/0 refused id=7K3Q-9MZD-2C4T client=[192.0.2.1] code=550 …
 *	{"time":"2026-11-21T09:30:00.123Z","level":"info","role":"edge/0","event":"refused",…}
 */
#ifndef ROLE_LOG_H
#define ROLE_LOG_H

#include "base/clock.h"
#include "base/text.h"

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };
enum log_form { LOG_READABLE, LOG_JSON };

struct log_line {
	wall_ns time;
	enum log_level level;
	struct slice role;  /* "edge/0" */
	struct slice event; /* one word */
	uint64_t id;        /* 0: none */
	struct slice client, account, sender, recipient;
	unsigned code; /* 0: none */
	struct slice enhanced;
	struct slice clause; /* "postern.conf:12" */
	struct slice text;   /* for people; cut to LOG_TEXT_MAX bytes */
};

/* LOG_WRITE_MAX: what a pipe takes whole (PIPE_BUF): lines of several processes do not mix. */
enum { LOG_TEXT_MAX = 1000, LOG_FIELD_MAX = 320, LOG_WRITE_MAX = 4096 };

/* Lines that leave together, by as few calls as may be. */
struct log_lines {
	int fd;
	enum log_form form;
	struct text text; /* growing */
};

void text_log_line(struct text *text, const struct log_line *line, enum log_form form); /* no LF */
enum log_form log_form_of(int fd); /* readable on a terminal */
/* Writes the line with its LF in one call; what `fd` does not take is lost. errno survives. */
void log_write(int fd, const struct log_line *line, enum log_form form);

/* The same in two steps. Much that is gathered leaves before it is sent. */
void log_gather(struct log_lines *lines, const struct log_line *line);
void log_send(struct log_lines *lines);

#endif
