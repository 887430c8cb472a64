/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decision, told to an administrator. The one structure is the journal's JSON object; the words
 * of clauses come from the policy it names by hash.
 *
 *	json_t *decision = json_loads(line, …);
 *	told_decision(&out, decision, policy);        policy may be NULL: then clauses are numbers
 *	told_deliveries(&out, events);
 */
#ifndef DIAGNOSE_TOLD_H
#define DIAGNOSE_TOLD_H

#include <jansson.h>

#include "policy/policy.h"

/* The whole story, several paragraphs, ends in a line end. */
void told_decision(struct text *out, const json_t *decision, const struct policy *policy);
/* What became of the mail: an array of delivery events in the order of time. */
void told_deliveries(struct text *out, const json_t *events);
/* The line of a 250 after the data: each recipient has a line of its own, with its clauses. */
bool told_is_kept(const json_t *record);
/* One line: time, verdict, client, from, to, and the clause that decided. For `log` and lists. */
void told_line(struct text *out, const json_t *record);

/* ", over TLSv1.3 …, certificate verified": the `tls` of an attempt; nothing if it has none. */
void told_tls(struct text *out, const json_t *tls);

/* Small helpers for JSON from outside: a missing or wrong member is an empty text or 0. */
struct slice told_text(const json_t *object, const char *name);
int64_t told_number(const json_t *object, const char *name);

#endif
