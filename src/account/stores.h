/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store that a configuration names: opened, held while a question is under way, and asked in
 * the one way that all kinds share (names brought into their one form, health noted).
 *
 *	struct store *store = stores_open(loop, pool, settings, &why);
 *	…
 *	stores_hold(store);
 *	switch (store_find(task, store, login, arena, &account, &because)) …
 *	stores_release(store);
 */
#ifndef ACCOUNT_STORES_H
#define ACCOUNT_STORES_H

#include "account/store.h"
#include "base/text.h"
#include "policy/policy.h"
#include "run/offload.h"

/* Held once. `pool`: threads in which it may block, kept by the caller until it is closed. NULL and
 * words: it can never work as it is written. One that is away for the moment opens, and cannot
 * tell. */
struct store *stores_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why);
void stores_hold(struct store *store);
void stores_release(struct store *store); /* the last one closes it; NULL is fine */

/* As in struct store_kind, of any login or address that somebody wrote; `because` begins with the
 * store's name. store_test() is also for stores with verifiers, of which it says CANNOT_TELL. */
enum found store_find(struct task *task, struct store *store, struct slice login,
	struct arena *arena, struct account *account, struct text *because);
enum found store_test(struct task *task, struct store *store, struct slice login,
	struct slice password, struct arena *arena, struct account *account, struct text *because);
enum found store_mailbox(struct task *task, struct store *store, struct slice address,
	struct arena *arena, struct text *because);
void store_used(struct store *store, struct slice login, wall_ns when);

/* ---- the kinds; each is NULL with words where it can never work ---- */
struct store *store_sqlite_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why);
struct store *store_file_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why);
struct store *store_ldap_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why);
struct store *store_pam_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why);
struct store *store_dovecot_open(
	struct loop *loop, struct offload *pool, const struct settings *settings, struct text *why);
struct database;
struct users_file;
/* Runs in a thread of the pool, with what the plain file holds; and waits for it. */
enum status store_file_do(struct task *task, struct store *store,
	void (*use)(void *arg, const struct users_file *users), void *arg) MUST_USE;
/* The file itself, for those who have no store; NULL with words. */
struct users_file *store_file_read(const char *path, struct text *why);
/* Runs in a thread of the pool, with the database or with NULL and words; and waits for it. */
enum status store_sqlite_do(struct task *task, struct store *store,
	void (*run)(void *arg, struct database *database, struct slice why), void *arg) MUST_USE;

#endif
