/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of this room share. Read reading.h first. */
#ifndef EXPLAIN_INSIDE_H
#define EXPLAIN_INSIDE_H

#include "explain/reading.h"
#include "wire/entity.h"

enum {
	INPUT_MOST = 8 << 20,   /* octets of the input looked at */
	PROSE_MOST = 128 << 10, /* octets of words for people */
	FAILURES_MAX = 256,
	WORDS_MOST = 2000, /* octets of one failure's words */
	LINES_MOST = 1500, /* lines of words for people */
	NESTED_MOST = 3    /* reports inside forwarded mail */
};

/* One reading under way. */
struct scene {
	struct arena *arena;
	struct reading *reading;
	struct slice from, to; /* addresses of the report itself */
};
/* The failure about that recipient, made if there is none yet; NULL above FAILURES_MAX. An empty
 * recipient always makes one. */
struct failure *failure_of(struct scene *scene, struct slice recipient);

/* text.c: finding things in words for people. */
size_t find_nocase(struct slice text, struct slice what); /* SIZE_MAX: not there */
bool has_nocase(struct slice text, const char *what);
bool has_one_of(struct slice text, const char *const *words);  /* ends with NULL */
struct slice squeezed(struct slice text, struct arena *arena); /* runs of blanks, ends: one blank */
struct slice line_take(struct slice *text);                    /* without its end */
/* Keeps `value` in *field if that is empty. */
void fill(struct slice *field, struct slice value);
/* A string member of a JSON object, escapes of quotes undone; empty if there is none. */
struct slice json_member(struct slice json, const char *name, struct arena *arena);
/* The first mail address in `s`, whole at *at and its end; false if there is none. */
struct mention {
	struct slice address; /* without brackets */
	size_t at, end;       /* offsets of it with its brackets */
};
bool address_find(struct slice s, size_t from, struct mention *mention);
bool is_address(struct slice s);

/* said.c: a failure's reply code, status, remote host and command, from its words. */
unsigned reply_code_find(struct slice text); /* 0: none */
bool status_find(struct slice text, struct enhanced *status);
bool status_is_vague(struct enhanced status); /* x.0.0: says nothing but the class */
void failure_complete(struct scene *scene, struct failure *failure);

/* report.c: RFC 3464 fields in `text`; false if there are none. */
bool report_read(struct scene *scene, struct slice text);
/* original.c */
size_t original_find(struct slice prose); /* where the quoted message begins; prose.len: nowhere */
void original_read(struct scene *scene, struct slice header);
/* prose.c: recipients and what is said about each. False if it names no failure. */
bool prose_read(struct scene *scene, struct slice prose);
/* A failure that names nobody: its words are read all the same. */
void prose_read_nameless(struct scene *scene, struct slice prose);
/* logline.c, window.c: false if `text` has no such form. */
bool log_read(struct scene *scene, struct slice text);
bool window_read(struct scene *scene, struct slice text);
/* notice.c: a notice in JSON, as Amazon SES sends them; false if it is none. */
bool notice_read(struct scene *scene, struct slice text);
/* mail.c: a whole mail; what kind it is. */
void mail_read(struct scene *scene, struct slice message, unsigned nested);

#endif
