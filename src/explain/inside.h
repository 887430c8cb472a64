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
	WORDS_MOST = 2000,         /* octets of one failure's words */
	MAIL_WORDS_MOST = 8 << 10, /* octets of a mail's words asked what they speak of */
	LINES_MOST = 1500,         /* lines of words for people */
	NESTED_MOST = 3,           /* reports inside forwarded mail */
	ADDRESSED_MOST = 64        /* addresses in the header of the original */
};

/* One reading under way. */
struct scene {
	struct arena *arena;
	struct reading *reading;
	struct slice from, to; /* addresses of the report itself */
	/* Whom the message went to, as the header of its copy says: what else is named so is sure.
	 */
	struct slice *addressed;
	size_t addressed_count;
};
/* The failure about that recipient, made if there is none yet; NULL above FAILURES_MAX. An empty
 * recipient always makes one. */
struct failure *failure_of(struct scene *scene, struct slice recipient);

/* text.c: finding things in words for people. */
size_t find_nocase(struct slice text, struct slice what); /* SIZE_MAX: not there */
bool has_nocase(struct slice text, const char *what);
bool has_one_of(struct slice text, const char *const *words); /* ends with NULL */
/* Runs of blanks and line ends as one blank, at most so many octets of it. */
struct slice unwrapped(struct slice text, size_t most, struct arena *arena);
struct slice squeezed(struct slice text, struct arena *arena); /* unwrapped, WORDS_MOST */
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

/* words.c: what a text speaks of, in many languages. */
enum sense {
	SENSE_FAILURE,       /* a line about a recipient: one that failed */
	SENSE_NOT_DELIVERED, /* the whole: that a mail did not arrive */
	SENSE_DELAY,
	SENSE_SUCCESS,
	SENSE_REPORT_SENDER,
	SENSE_REPORT_SUBJECT,
	SENSE_AWAY_SUBJECT,
	SENSE_AWAY_BODY,
	SENSE_CHALLENGE
};
bool tells(struct slice text, enum sense sense);
/* codes.c: numbers that are a server's answer. */
unsigned reply_code_at(struct slice text, size_t i); /* three digits there that are one, or 0 */
unsigned reply_code_find(struct slice text);         /* 0: none */
unsigned reply_code_sure(struct slice text);         /* only where it stands as a code does */
unsigned reply_code_of_class(struct slice text, unsigned class);
bool status_find(struct slice text, struct enhanced *status);
bool status_of_field(struct slice value, struct enhanced *status); /* success too */
bool status_is_vague(struct enhanced status);   /* x.0.0: says nothing but the class */
unsigned status_weight(struct enhanced status); /* how much it says: 0 nothing, 4 all */
/* said.c: a failure's reply code, status, remote host and command, from its words. */
void failure_complete(struct scene *scene, struct failure *failure);

/* report.c: RFC 3464 fields in `text`; false if there are none. */
bool report_read(struct scene *scene, struct slice text);
/* original.c */
size_t original_find(struct slice prose); /* where the quoted message begins; prose.len: nowhere */
void original_read(struct scene *scene, struct slice header);
/* The one of scene->addressed that is `name`, or whose local part is; empty if there is none. */
struct slice addressed_as(const struct scene *scene, struct slice name);
/* prose.c: recipients and what is said about each. False if it names no failure. */
bool prose_read(struct scene *scene, struct slice prose);
/* The only address in it that may be a recipient's, in a report that names nobody otherwise. */
bool prose_read_guess(struct scene *scene, struct slice prose);
/* Whether a recipient stands by itself in it, as reports have it and letters have not. */
bool prose_sets_recipient_apart(struct scene *scene, struct slice prose);
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
