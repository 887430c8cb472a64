/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts for commands that decide themselves (trial, who): from the running daemon, else read
 * from the file (a database, or a plain one) that the configuration names. A directory, another
 * server and PAM are asked by the daemon alone, for one account at a time. What neither tells is
 * unknown, and it is said why.
 */
#ifndef CMD_ACCOUNTED_H
#define CMD_ACCOUNTED_H

#include "diagnose/who.h"

struct accounted;
/* Nothing is read before it is needed. */
struct accounted *accounted_open(const struct policy *policy, struct arena *arena);
void accounted_close(struct accounted *accounted); /* NULL is fine */
/* False: that cannot be told, and `*why` says so. */
bool accounted_are_known(struct accounted *accounted, struct slice *why);
/* The accounts that may use this address; they live as long as `accounted`. */
size_t accounted_owners(struct accounted *accounted, const struct mailbox *address,
	const struct who_account **owners);
/* As struct trial's `find`: groups, owned addresses, limits and mailboxes. */
size_t accounted_find(struct accounted *accounted, const struct facts *facts,
	const struct wanted *wanted, size_t count, struct fact_answer *answers);

#endif
