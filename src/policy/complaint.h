/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Complaints about a configuration: several in one run, each with its place, what is wrong, what
 * would be right and, where a known word is near, "did you mean".
 *
 *	postern.conf:7:12: error: unknown word "netwrok"; did you mean "network"?
 *	    7 | relay for netwrok office
 *	      |           ^~~~~~~
 */
#ifndef POLICY_COMPLAINT_H
#define POLICY_COMPLAINT_H

#include "base/arena.h"
#include "base/text.h"

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

struct complaint {
	enum severity severity;
	struct slice file;
	unsigned line, column, width; /* from 1; column in characters; line 0: the whole file */
	struct slice source;          /* the line itself */
	struct slice what;            /* one sentence without a full stop */
	struct slice right;           /* what would be right; may be empty */
	struct slice transcript;      /* lines of a session that shows it; may be empty */
};
struct complaints {
	struct arena *arena;
	struct complaint *list;
	size_t count, size;
	size_t errors;
};
void complaints_init(struct complaints *complaints);
void complaints_free(struct complaints *complaints);
void complain(struct complaints *complaints, const struct complaint *complaint); /* copies */
/* For people, with the line and a caret; bytes from the file are escaped. */
void text_complaint(struct text *text, const struct complaint *complaint);
/* One JSON object {severity,file,line,column,what,right}. */
void text_complaint_json(struct text *text, const struct complaint *complaint);

#endif
