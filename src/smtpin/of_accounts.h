/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts that accounts tells: which groups an account is in, which addresses it owns, whether
 * somebody has a recipient's mailbox, who signed in by POP from the client's address. What accounts
 * cannot tell is unknown (451 4.3.0), never refused.
 */
#ifndef SMTPIN_OF_ACCOUNTS_H
#define SMTPIN_OF_ACCOUNTS_H

#include "account/asker.h"
#include "policy/facts.h"
#include "run/task.h"

bool fact_is_of_accounts(enum fact fact);
/* Whether it is about one recipient; else it is about who the client is. */
bool fact_is_of_recipient(enum fact fact);

struct account_subject {
	const struct address *client;
	struct slice account;            /* signed in as; empty: nobody */
	const struct mailbox *recipient; /* of a fact about one; else NULL */
};
/* Fills what the answer's fact and argument ask for, within the task's deadline; anything but
 * WAIT_READY leaves it as it was. What it points to lives in `arena`. */
enum wait fact_of_accounts(struct task *task, struct asker *asker,
	const struct account_subject *subject, struct arena *arena,
	struct fact_answer *answer) MUST_USE;

#endif
