/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of accounts, and addresses that accounts own, in the one form in which they are kept and
 * compared: NFC, lower case, domains as A-labels.
 *
 * A login is an address, or a name without `@` (1 to 64 octets, no blanks, none of : , * " \ < >).
 */
#ifndef ACCOUNT_LOGIN_H
#define ACCOUNT_LOGIN_H

#include "base/arena.h"
#include "base/status.h"

/* False: it can be no login. `why`, where not NULL, becomes a phrase for people. */
bool login_normalise(
	struct slice s, struct arena *arena, struct slice *login, const char **why) MUST_USE;

struct owned_address {
	struct slice address; /* as it is shown and used: NFC, A-labels, `*@domain` */
	struct slice key;     /* the same in lower case: for looking up */
};
/* "a@b" or "*@b". */
bool owned_normalise(struct slice s, struct arena *arena, struct owned_address *owned,
	const char **why) MUST_USE;

/* A group's name: 1 to 64 of letters, digits, `-`, `_` and `.`; kept as written. */
bool group_is_name(struct slice s);

#endif
