/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy says of a client at the door, before it has said a word: whether a proxy speaks
 * for it, and which numbers it is let in by (role/admission.h).
 *
 * `limits connections` counts all clients of the daemon together. Of it strangers have nine tenths
 * on port 25, and half of the rest where clients sign in; the last twentieth is for those who may
 * relay or are known as someone.
 *
 * An address from which nobody may sign in for a while, since too many wrong passwords came, is not
 * let in where clients sign in, unless it may relay or is known as someone.
 */
#ifndef POLICY_DOOR_H
#define POLICY_DOOR_H

#include "policy/policy.h"
#include "role/admission.h"

/* The name of a `listen` service, for ever. */
struct slice policy_service(struct slice name);

/* Whether who comes from `from` to the listener bound to `at` has to send a PROXY header. Where
 * several `listen` lines with any free port could have made that listener, each of them counts. */
bool policy_proxy_is_due(const struct policy *policy, struct slice service,
	const struct address *at, const struct address *from);

struct door {
	struct census *census;
	const struct policy *policy;
	mono_ns mono;
	wall_ns wall;
	struct arena *arena; /* for the while of the call */
	mono_ns shut_for;    /* so long nobody is to sign in from its address; 0: one may */
};
/* As admission_enter(). */
enum reason policy_admit(const struct door *door, const struct address *from, struct slice service,
	struct admission *admission);

/* When to come again, for people: "in a minute", "in 20 minutes", "in 5 hours". Rounded up, and
 * so that the replies of a crowd are of few kinds. In `arena`. */
struct slice door_words_until(mono_ns shut_for, struct arena *arena);

#endif
