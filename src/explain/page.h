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
	struct slice recipient, rest;
	enum strength strength;
};
struct page {
	struct scene *scene;
	bool below_heading; /* "… the following recipients:" stands above */
	bool below_other;   /* "A message sent by": whose address comes is not the recipient */
	struct line *lines;
	size_t count;
};

/* Stops where the fields for machines begin; page->scene is set. */
void page_read(struct page *page, struct slice prose);

#endif
