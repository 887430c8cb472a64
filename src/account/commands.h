/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `postern user …` on a database: by the role accounts in a thread, or by the command itself while
 * no daemon runs. A question in JSON goes in, lines of JSON come out; {"error":"words"} alone where
 * it could not be done.
 *
 *	{"ask":"user","act":"add","login":"…","password":"…","owns":[…],"groups":[…],"limits":[…]}
 *	"verifier" may stand for "password"; what else an act takes beside "login":
 *	passwd: password or verifier · own, disown: owns · join, leave: groups
 *	limit: limits · unlimit: limits, or none for all · list, show, remove, enable, disable
 *
 * What comes out names no verifier, only its kind.
 */
#ifndef ACCOUNT_COMMANDS_H
#define ACCOUNT_COMMANDS_H

#include <jansson.h>

#include "account/database.h"

/* *changed: the account about which something else is true now, in `arena`; empty: none. */
void user_command(struct database *database, const json_t *question, wall_ns now,
	struct arena *arena, struct text *out, struct slice *changed);

/* `list` and `show` of a plain file; anything else is refused, as it is changed with an editor. */
struct users_file;
void user_command_file(const struct users_file *users, const json_t *question, struct arena *arena,
	struct text *out);
/* {"act":"look","login":…} or {"act":"look","address":…}, of whatever store: an account's line, or
 * {"found":…,"because":…}. */
bool user_is_look(const json_t *question);
void text_account(struct text *out, const struct account *account, wall_ns created);

void user_failed(struct text *out, struct slice words);          /* the line that says so */
void user_failed_elsewhere(struct text *out, struct slice kind); /* not kept in SQLite */

#endif
