/* SPDX-License-Identifier: Apache-2.0 */
/* A mail under way: what mail.c and answer.c share. Read inside.h first. */
#ifndef EXPLAIN_MAIL_H
#define EXPLAIN_MAIL_H

#include "explain/inside.h"

struct mail {
	struct scene *scene;
	struct entity entity;
	const struct headers *headers; /* of the mail itself */
	struct slice subject, from;
	struct slice prose;          /* its words for people */
	size_t copy_at;              /* where a quoted message begins in them; prose.len: nowhere */
	struct slice words;          /* what stands before that, as one line */
	const struct part *status;   /* fields for machines (RFC 3464), or NULL */
	const struct part *original; /* the message it is about, or its header, or NULL */
	unsigned nested;
};
/* Of the mail itself, unfolded and decoded; empty if there is none. */
struct slice mail_field(const struct mail *mail, const char *name);
/* The first part of that type that is not inside another message, or NULL. */
const struct part *mail_part(const struct mail *mail, struct slice type);
bool mail_is_report_of(const struct mail *mail, struct slice type); /* RFC 6522 report-type */
bool mail_is_from_server(const struct mail *mail);
bool mail_is_from_list(const struct mail *mail); /* lists answer in the name of their owner */

/* answer.c: what is no report of failure, by its form or its words; false if nothing shows that. */
bool feedback_read(struct mail *mail);
bool answer_read(struct mail *mail);

#endif
