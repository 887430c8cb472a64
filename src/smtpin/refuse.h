/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only door through which a 4xx or 5xx leaves. Each refusal is a row of the table of reasons or
 * a clause of the policy, is counted, and ends with its incident id.
 *
 * All of them are written to the journal, where `why ID` finds them; how many errors of form a
 * session can make is bounded by `limits errors`.
 */
#ifndef SMTPIN_REFUSE_H
#define SMTPIN_REFUSE_H

#include "smtpin/session.h"

/* A command of wrong form or out of order. `about` is the row's $1, or empty. */
void refuse_form(struct session *session, enum reason reason, struct slice about);
/* What the parser of MAIL or RCPT found in `said`; `bad_address` is the row for the command's
 * address. */
void refuse_problem(struct session *session, const struct command_problem *problem,
	enum reason bad_address, struct slice usage, struct slice said);
/* Mail that we do not take, for a reason of our own, at `stage`. `recipient` may be NULL. */
void refuse_mail(struct session *session, const struct offered_recipient *recipient,
	enum stage stage, enum reason reason, struct slice about);
/* Mail that the policy does not take. */
void refuse_by_policy(
	struct session *session, const struct facts *facts, const struct decision *decision);
/* A recipient that the policy does not take after the data, while others of the message are taken:
 * the reply is not said but kept with the message, and written down once that is durable. All of it
 * lives as long as the command. */
struct refusal {
	uint64_t id;
	struct slice reply; /* "550 5.7.1 words [why ID]" */
	struct facts facts;
	struct decision decision;
};
const struct refusal *refusal_new(
	struct session *session, const struct facts *facts, const struct decision *decision);
void refusal_record(struct session *session, const struct refusal *refusal);
/* A sign-in that failed: written down as an event of its own, not as a decision. */
void refuse_auth(
	struct session *session, enum reason reason, struct slice about, struct journal_auth *auth);
/* The last reply of a session. */
void refuse_and_end(struct session *session, enum reason reason, struct slice about);
/* A client for whom no session is begun: says why, and closes. Owns `client`. */
void refuse_connection(struct task *task, struct edge *edge, struct io *client,
	const struct address *from, struct slice service, enum reason reason);
/* The other way round, so that both stand together: the policy accepts, and this is said. */
void accept_by_policy(struct session *session, const struct facts *facts,
	const struct decision *decision, struct slice reply);

#endif
