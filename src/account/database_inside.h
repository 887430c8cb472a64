/* SPDX-License-Identifier: Apache-2.0 */
/* What database.c (opening, one statement), database_find.c (questions) and database_change.c
 * (changes) share. Nobody else includes it. */
#ifndef ACCOUNT_DATABASE_INSIDE_H
#define ACCOUNT_DATABASE_INSIDE_H

#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "account/database.h"

enum statement {
	FIND_ACCOUNT,
	FIND_OWNED,
	FIND_GROUPS,
	FIND_LIMITS,
	FIND_MAILBOX,
	FIND_ALL,
	ADD,
	REMOVE,
	SET_VERIFIERS,
	SET_DISABLED,
	OWN,
	DISOWN,
	JOIN,
	LEAVE,
	LIMIT,
	UNLIMIT,
	UNLIMIT_ALL,
	SET_USED,
	BEGIN,
	COMMIT,
	ROLLBACK,
	STATEMENTS
};

struct database {
	sqlite3 *sqlite;
	char *path;
	dev_t device;
	ino_t inode;
	pthread_mutex_t lock; /* recursive: of everything, and across begin and end */
	sqlite3_stmt *statements[STATEMENTS];
};

/* Adds `what`, where, and SQLite's own words. */
void database_complain(struct database *database, const char *what, struct text *why);
/* Binds the login as the first parameter, where there is one. Holds the lock until
 * database_run_end(). NULL with words. */
sqlite3_stmt *database_run_begin(
	struct database *database, enum statement which, struct slice login, struct text *why);
void database_run_end(struct database *database, sqlite3_stmt *statement);

#endif
