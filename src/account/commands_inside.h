/* SPDX-License-Identifier: Apache-2.0 */
/* What commands.c (a question and its answer) and user_acts.c (the changes) share. Nobody else
 * includes it. */
#ifndef ACCOUNT_COMMANDS_INSIDE_H
#define ACCOUNT_COMMANDS_INSIDE_H

#include "account/commands.h"

/* One question being carried out. */
struct act {
	struct database *database;
	const json_t *question;
	wall_ns now;
	struct arena *arena;
	struct text *out;
	struct slice login;
	struct account fresh; /* of a new password: its verifiers */
	char words[512];
	struct text why; /* over words: why not */
	bool changed;
};

/* ---- commands.c ---- */
struct slice user_member(const struct act *act, const char *name); /* empty: not there, no text */
/* Adds to act->why; always false. */
bool user_complain(struct act *act, const char *before, struct slice what, const char *behind);

/* ---- user_acts.c ---- */
struct user_act {
	struct slice name;
	/* Both of act->login; false with words in act->why. */
	bool (*prepare)(struct act *act); /* what takes long: nobody waits for it; may be NULL */
	bool (*run)(struct act *act);     /* in a transaction, for which every sign-in waits */
};
const struct user_act *user_act_find(struct slice name); /* NULL: none */

#endif
