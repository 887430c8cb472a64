/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases at work in the role: made by signing in to read mail and by `postern grant`, ended by what
 * ends them, kept in STATE/accounts/leases, told to whoever decides. Read leases.h first.
 *
 * Inside, times are monotonic, so a step of the wall clock changes nothing while we run. Between
 * two runs only the wall clock is there: if it stands before the newest record of the file it was
 * set back, nobody knows by how much, and all leases have ended.
 */
#ifndef ACCOUNTS_LEASING_H
#define ACCOUNTS_LEASING_H

#include <jansson.h>

#include "account/stores.h"
#include "accounts/keeper.h"
#include "accounts/leases.h"
#include "packets/signin.h"

struct leasing {
	struct role *role;
	struct leases *leases;
	struct keeper keeper;
	bool has_keeper;
	/* Leases of this account (empty: of any) have ended: nobody may go on with what he was
	 * told. */
	void (*ended)(void *owner, struct slice account);
	void *owner;
};

void leasing_open(struct leasing *leasing, struct role *role,
	void (*ended)(void *owner, struct slice account), void *owner);
/* `folder` is theirs from here on. False with words: a format newer than known. */
bool leasing_folder(
	struct leasing *leasing, struct offload *pool, int folder, struct text *why) MUST_USE;
void leasing_start(struct leasing *leasing);
void leasing_tend(struct leasing *leasing); /* every few seconds */
void leasing_finish(struct task *task, struct leasing *leasing);
void leasing_close(struct leasing *leasing);

/* An attempt to sign in has ended (signin.h, over). By POP, under TLS, it makes a lease; with wrong
 * words, by any service, it ends those of its address. */
void leasing_heard(struct leasing *leasing, const struct signin_begin *begin,
	enum signin_outcome outcome, struct slice account);
/* The account was disabled or removed, or might have been: its leases end. */
void leasing_account_gone(struct leasing *leasing, struct slice account);

/* Who holds leases at an address, as ASK_LEASES is answered. The store is asked whether each
 * account stands; what lies in `told` lives in `arena`. */
struct leases_told {
	enum signin_found found;
	const struct slice *accounts;
	const wall_ns *times;
	size_t count;
};
void leasing_ask(struct task *task, struct leasing *leasing, struct store *store,
	const struct address *client, struct arena *arena, struct leases_told *told,
	struct text *because);

/* `grant`, `revoke`, `grants` of the control socket; writes JSON lines. */
bool leasing_is_command(const json_t *question);
void leasing_command(struct task *task, struct leasing *leasing, struct store *store,
	const json_t *question, struct text *out);
void leasing_tell(const struct leasing *leasing, struct text *out); /* JSON, for status */

#endif
