/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `explain` for people and for programs: what was read (explain/reading.h) with what it means
 * (explain/explain.h), in the views of the command; the web page and the tests use the same.
 *
 *	explained_of(bytes, arena, &explained);
 *	explained_people(&out, &explained);         several paragraphs
 *	explained_json(&out, &explained, name);     one line
 *
 * Nothing from outside stands in them unescaped.
 */
#ifndef DIAGNOSE_EXPLAINED_H
#define DIAGNOSE_EXPLAINED_H

#include "base/text.h"
#include "explain/explain.h"

struct explained {
	struct reading reading;
	struct explanation *told; /* of each failure */
	struct explanation whole; /* what is said first: the worst failure's, or what else it is */
	size_t lead;              /* the failure it is of; failure_count: of none */
};
/* All in `arena`; slices point into `input` too. */
void explained_of(struct slice input, struct arena *arena, struct explained *explained);
bool explained_is_clear(const struct explained *explained); /* a cause, or no bounce at all */
const char *input_kind_text(enum input_kind kind);          /* "bounce" */
const char *fate_text(enum fate fate);                      /* "failed" */

void explained_people(struct text *out, const struct explained *explained);
/* One JSON object and a line end; `name` (the file's) may be empty. */
void explained_json(struct text *out, const struct explained *explained, struct slice name);
/* One line a failure: recipient, cause, who must act. For logs and lists. */
void explained_line(struct text *out, const struct explained *explained, size_t failure);
/* The short report a sender can send on: what an administrator needs, nothing of what was written.
 */
void explained_report(struct text *out, const struct explained *explained);

#endif
