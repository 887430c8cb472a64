/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is added to a message that is submitted here for the first time (RFC 6409 section 8): Date
 * and Message-ID where it has none, beside From (doc/policy.md, "When"). Of clients known as
 * someone on the submission ports, and of programs of this host; nothing of a message is ever
 * changed, and mail that other servers bring is left as it is.
 */
#ifndef SMTPIN_SUBMISSION_H
#define SMTPIN_SUBMISSION_H

#include "smtpin/session.h"

/* Keeps what the header lacks. */
void submission_note(struct session *session, const struct headers *headers);
/* The fields that are added, behind our Received. */
void submission_put(const struct session *session, struct slice id, struct text *out);

#endif
