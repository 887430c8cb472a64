/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in the counters of `limit` clauses, reserved at RCPT: kept when the message is accepted,
 * given back when the recipient or the transaction comes to nothing.
 */
#ifndef SMTPIN_PLACES_H
#define SMTPIN_PLACES_H

#include "smtpin/session.h"

/* Reserves a place in every counter of what one address stands for, one in each, or in none, and
 * tells all targets how the counters stand (unknown where accounts did not answer). *counted: there
 * are such counters at all. False: the session is being ended. */
bool places_reserve(struct task *task, struct session *session, struct offered_recipient *targets,
	size_t count, bool *counted) MUST_USE;
/* It is named again: its places are those of `kept`. False: it has none. */
bool places_share(
	struct offered_recipient *targets, size_t count, const struct offered_recipient *kept);
/* They are not accepted after all. */
void places_release(struct session *session, struct offered_recipient *targets, size_t count);
/* A copy that lives as long as the transaction. */
void places_copy(struct transaction *transaction, struct offered_recipient *recipient);
/* The message is accepted: its places count from now on, but those of recipients refused after the
 * data, which are given back. */
void places_keep(struct session *session);
/* The transaction ends; what was not kept is given back. */
void places_drop(struct session *session);

#endif
