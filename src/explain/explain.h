/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explain: from what a server said about a mail to what it means, who must act and how.
 *
 *	bytes --reading.h--> struct reading (what was said, about whom, by whom)
 *	      --explain.h--> struct explanation of each failure (what it means)
 *
 * Knowledge and no I/O: bytes come in, structures go out, all memory from the arena given. Nothing
 * here knows the daemon; `postern explain`, our own bounces and a page use the same functions.
 */
#ifndef EXPLAIN_EXPLAIN_H
#define EXPLAIN_EXPLAIN_H

#include "base/arena.h"
#include "explain/reading.h"

/* causes.def: the words of `explain --json`, field `cause`. */
enum cause {
#define CAUSE(id, ...) CAUSE_##id,
#include "explain/causes.def"
#undef CAUSE
	CAUSES
};
enum actor {
	ACTOR_SENDER,
	ACTOR_SENDER_ADMIN,
	ACTOR_RECIPIENT,
	ACTOR_RECIPIENT_ADMIN,
	ACTOR_NOBODY
};
enum confidence { CONFIDENCE_NONE, CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH };
const char *cause_text(enum cause cause); /* "relay-denied" */
const char *actor_text(enum actor actor); /* "sender-admin" */
bool cause_find(struct slice text, enum cause *cause);

/* The meaning of one failure. Slices point into the knowledge (static) or into the failure. */
struct explanation {
	enum cause cause;
	enum actor actor;
	/* No server tries it again; known: a code or the meaning says so. */
	bool permanent, permanence_known;
	enum confidence confidence;
	struct slice summary; /* one or two plain sentences */
	/* What each can do, one step a line; empty where there is nothing to do for them. */
	struct slice sender_steps, sender_admin_steps, recipient_admin_steps;
	struct slice evidence; /* the words (of failure.words) or the code that decided */
	struct slice rule;     /* which entry of the knowledge: "microsoft:5.7.520" */
	struct slice source;   /* where its meaning is documented */
	struct slice needed;   /* CAUSE_UNCLEAR: what would be needed to say more */
};
void explain_failure(const struct failure *failure, struct arena *arena, struct explanation *told);

#endif
