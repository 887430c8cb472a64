/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts in an SQLite file: its schema, and each question and change as one call.
 *
 * Calls block (a lock is waited for, for DATABASE_PATIENCE ms at most) and may come from several
 * threads; each sees or makes a whole change. The format is the file's user_version: a newer one is
 * refused with both numbers, an older one is brought up to date. Logins, addresses and keys are in
 * the one form (login.h).
 *
 *	struct database *database = database_open(path, DATABASE_MAKE, NULL, &why);
 *	switch (database_find(database, login, arena, &account, &why)) …
 *	database_close(database);
 */
#ifndef ACCOUNT_DATABASE_H
#define ACCOUNT_DATABASE_H

#include "account/login.h"
#include "account/store.h"
#include "base/text.h"
#include "policy/account_limits.h"

enum { DATABASE_FORMAT = 2, DATABASE_PATIENCE = 3000 };
enum database_mode {
	DATABASE_MAKE,  /* makes it (0600), and brings an older one up to date */
	DATABASE_WRITE, /* likewise, but it must be there */
	DATABASE_READ,  /* changes nothing */
};

struct database;

/* NULL and words. `refused`, where not NULL: it is of a newer format or of something else, and no
 * later attempt will find it better. */
struct database *database_open(
	const char *path, enum database_mode mode, bool *refused, struct text *why);
void database_close(struct database *database); /* NULL is fine */
/* Whether the file at its path is still the one that is open. */
bool database_is_in_place(struct database *database);

enum found database_find(struct database *database, struct slice login, struct arena *arena,
	struct account *account, struct text *why);
/* Whether it is somebody's login or owned address, `*@domain` left aside. */
enum found database_mailbox(struct database *database, struct slice key, struct text *why);
/* Every account, by login; false with words if they could not all be read. */
bool database_each(struct database *database,
	void (*see)(void *owner, const struct account *account, wall_ns created), void *owner,
	struct text *why) MUST_USE;

/* ---- changes ---- */
enum change { CHANGE_DONE, CHANGE_NOTHING /* it was so already, or is not there */, CHANGE_FAILED };

/* Several changes in one: all of them or none. Other threads wait until the end. */
enum status database_begin(struct database *database, struct text *why) MUST_USE;
enum status database_end(struct database *database, bool keep, struct text *why) MUST_USE;

enum change database_add(
	struct database *database, const struct account *account, wall_ns now, struct text *why);
enum change database_remove(struct database *database, struct slice login, struct text *why);
enum change database_set_verifiers(struct database *database, struct slice login,
	struct slice verifier, struct slice scram, struct text *why);
enum change database_set_disabled(
	struct database *database, struct slice login, bool disabled, struct text *why);
enum change database_own(struct database *database, struct slice login,
	const struct owned_address *owned, struct text *why);
enum change database_disown(
	struct database *database, struct slice login, struct slice key, struct text *why);
enum change database_join(
	struct database *database, struct slice login, struct slice group, struct text *why);
enum change database_leave(
	struct database *database, struct slice login, struct slice group, struct text *why);
/* One limit for each kind and period: another number replaces the one that is there. */
enum change database_limit(struct database *database, struct slice login,
	const struct account_limit *limit, struct text *why);
/* The number does not matter; NULL: all of them. */
enum change database_unlimit(struct database *database, struct slice login,
	const struct account_limit *limit, struct text *why);
enum change database_set_used(
	struct database *database, struct slice login, wall_ns when, struct text *why);

#endif
