/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes in meaning from one policy to another: both decide every combination of clients,
 * identities, senders and recipients that either can tell apart, first with a harmless world (a
 * named client, in no list, no results), then with each thing that a condition asks of the world
 * true alone. A difference that needs two such things at once is not found; `replay` tries real
 * mail.
 */
#ifndef DIAGNOSE_DIFFER_H
#define DIAGNOSE_DIFFER_H

#include "policy/policy.h"

enum differ_target { DIFFER_OURS, DIFFER_FOREIGN, DIFFER_FORWARDED, DIFFER_TARGETS };
enum differ_kind { DIFFER_GAINS, DIFFER_LOSES, DIFFER_OTHERWISE, DIFFER_KINDS };
/* One class of clients, one kind of recipient, one kind of change. */
struct difference {
	struct slice client; /* "a stranger", "network office", "signed in", … */
	enum differ_target target;
	enum differ_kind kind;
	uint64_t sessions;
	struct slice example;       /* a session, in words */
	struct slice before, after; /* the replies in it */
};
enum { DIFFERENCES_MAX = 200 };
struct differ {
	uint64_t sessions; /* tried */
	bool cut;          /* there were too many to try all, or too many differences */
	struct difference *list;
	size_t count;
};
void differ_try(const struct policy *before, const struct policy *after, struct arena *arena,
	struct differ *differ);
struct slice differ_kind_text(enum differ_kind kind);       /* "gains" */
struct slice differ_target_text(enum differ_target target); /* "foreign" */

#endif
