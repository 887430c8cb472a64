/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a report as lines, each with the recipient it names. Read prose.c for what is made
 * of them. */
#ifndef EXPLAIN_PAGE_H
#define EXPLAIN_PAGE_H

#include "explain/inside.h"

/* How surely an address on a line is the recipient that failed. */
enum strength {
	NO_RECIPIENT,
	PERHAPS,    /* an address, and nothing says it is somebody else's */
	IN_WORDS,   /* in a sentence of failure, or in the transcript */
	ON_ITS_OWN, /* alone, labelled, or with its error behind it */
};

struct line {
	struct slice text; /* without blanks and decoration */
	struct slice raw;  /* trimmed only */
	struct slice recipient;
	struct slice label, rest; /* before and behind it on its line */
	struct slice original;    /* what the sender wrote, where the next line says so */
	struct slice owner;       /* the recipient in whose place it stands, if it stands in one */
	enum strength strength;
};
struct page {
	struct scene *scene;
	bool below_heading; /* "… the following recipients:" stands above */
	bool below_other;   /* "A message sent by": whose address comes is not the recipient */
	bool inside;        /* below a recipient, in its paragraph; it stands `depth` blanks in */
	size_t depth;
	bool reasons_above; /* the recipients stand below what is said about each */
	struct line *lines;
	size_t count, room;
};

/* Stops where the fields for machines begin; page->scene is set. */
void page_read(struct page *page, struct slice prose);

/* transcript.c: lines that are a server's own words. */
bool words_have_code(struct slice words);
/* Gives the answers to a command that names a recipient to it. */
void replies_assign(struct page *page);
/* Once all failures are known: a line belongs to one of them, or to none. */
void owners_settle(struct page *page);
/* The first reply of refusal in the page, or the first that names `recipient`; nothing that stands
 * in another recipient's place. */
struct slice transcript_of(const struct page *page, struct slice recipient);
/* In a transcript: the reply on the line, or the one to the command on it. */
struct slice reply_at(const struct page *page, size_t at);

#endif
