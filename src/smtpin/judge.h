/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy says of recipients: of what one address stands for, at RCPT; and of all of them
 * again once the message itself is known.
 */
#ifndef SMTPIN_JUDGE_H
#define SMTPIN_JUDGE_H

#include "smtpin/intake.h"

/* Decides for each of `targets`, which one address stands for: the strictest decision speaks, and
 * `facts` are what it was taken from. False: the session is being ended. */
bool judge_targets(struct task *task, struct session *session,
	const struct offered_recipient *targets, size_t count, enum stage stage,
	struct facts *facts, struct decision *decision) MUST_USE;
/* The end of the data has come (intake_receive()): refuses the message, or accepts it, for all of
 * its recipients or without some of them. */
void judge_message(struct task *task, struct intake *intake);

#endif
