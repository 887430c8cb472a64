/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in SQLite: opening, and running one statement. Read database.h and schema.h first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "account/database_inside.h"
#include "account/schema.h"
#include "base/panic.h"

static const char *const sql[STATEMENTS] = {
	[FIND_ACCOUNT] =
		"SELECT login, verifier, scram, disabled, last_used, created FROM accounts "
		"WHERE login = ?1",
	[FIND_OWNED] = "SELECT address FROM owned WHERE login = ?1 ORDER BY address",
	[FIND_GROUPS] = "SELECT name FROM groups WHERE login = ?1 ORDER BY name",
	[FIND_LIMITS] = "SELECT what, period, most FROM limits WHERE login = ?1 "
			"ORDER BY what, period",
	[FIND_MAILBOX] = "SELECT 1 WHERE EXISTS (SELECT 1 FROM accounts WHERE login = ?1) "
			 "OR EXISTS (SELECT 1 FROM owned WHERE key = ?1)",
	[FIND_ALL] = "SELECT login, verifier, scram, disabled, last_used, created FROM accounts "
		     "ORDER BY login",
	[ADD] = "INSERT OR IGNORE INTO accounts (login, verifier, scram, disabled, created, "
		"last_used) VALUES (?1, ?2, ?3, 0, ?4, 0)",
	[REMOVE] = "DELETE FROM accounts WHERE login = ?1",
	[SET_VERIFIERS] = "UPDATE accounts SET verifier = ?2, scram = ?3 WHERE login = ?1",
	[SET_DISABLED] = "UPDATE accounts SET disabled = ?2 WHERE login = ?1 AND disabled != ?2",
	[OWN] = "INSERT OR IGNORE INTO owned (login, address, key) VALUES (?1, ?2, ?3)",
	[DISOWN] = "DELETE FROM owned WHERE login = ?1 AND key = ?2",
	[JOIN] = "INSERT OR IGNORE INTO groups (login, name) VALUES (?1, ?2)",
	[LEAVE] = "DELETE FROM groups WHERE login = ?1 AND name = ?2",
	[LIMIT] = "INSERT INTO limits (login, what, period, most) VALUES (?1, ?2, ?3, ?4) "
		  "ON CONFLICT (login, what, period) DO UPDATE SET most = ?4 WHERE most != ?4",
	[UNLIMIT] = "DELETE FROM limits WHERE login = ?1 AND what = ?2 AND period = ?3",
	[UNLIMIT_ALL] = "DELETE FROM limits WHERE login = ?1",
	[SET_USED] = "UPDATE accounts SET last_used = ?2 WHERE login = ?1 AND last_used < ?2",
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
};

/* ---- opening ---- */

void database_complain(struct database *database, const char *what, struct text *why)
{
	text_format(why, "%s %s: ", what, database->path);
	text_escaped(why, slice_of(sqlite3_errmsg(database->sqlite)));
}

static enum schema settle(struct database *database, enum database_mode mode, struct text *why)
{
	sqlite3_busy_timeout(database->sqlite, DATABASE_PATIENCE);
	sqlite3_extended_result_codes(database->sqlite, 1);
	sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (sqlite3_exec(database->sqlite, "PRAGMA foreign_keys = ON", NULL, NULL, NULL) !=
		SQLITE_OK) {
		database_complain(database, "cannot use", why);
		return SCHEMA_CANNOT;
	}
	return schema_settle(database->sqlite, mode != DATABASE_READ, database->path, why);
}

static bool note_place(struct database *database, struct text *why)
{
	struct stat facts;

	if (stat(database->path, &facts) < 0) {
		text_format(why, "cannot look at %s: %s", database->path, strerror(errno));
		return false;
	}
	database->device = facts.st_dev;
	database->inode = facts.st_ino;
	return true;
}

static enum schema open_file(struct database *database, enum database_mode mode, struct text *why)
{
	int flags = SQLITE_OPEN_FULLMUTEX;
	mode_t before = 0;

	flags |= mode == DATABASE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	if (mode == DATABASE_MAKE) { /* a new file is its owner's alone */
		flags |= SQLITE_OPEN_CREATE;
		before = umask(0077);
	}
	int opened = sqlite3_open_v2(database->path, &database->sqlite, flags, NULL);
	if (mode == DATABASE_MAKE)
		umask(before);
	if (opened != SQLITE_OK) {
		database_complain(database, "cannot open", why);
		return SCHEMA_CANNOT;
	}
	enum schema schema = settle(database, mode, why);
	return schema == SCHEMA_GOOD && !note_place(database, why) ? SCHEMA_CANNOT : schema;
}

static void lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t kind;

	pthread_mutexattr_init(&kind);
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(lock, &kind);
	pthread_mutexattr_destroy(&kind);
}

struct database *database_open(
	const char *path, enum database_mode mode, bool *refused, struct text *why)
{
	struct database *database = calloc(1, sizeof *database);

	panic_if(!database, "no memory for a database");
	database->path = strdup(path);
	panic_if(!database->path, "no memory for a path");
	lock_init(&database->lock);
	enum schema schema = open_file(database, mode, why);
	if (refused)
		*refused = schema == SCHEMA_REFUSED;
	if (schema == SCHEMA_GOOD)
		return database;
	database_close(database);
	return NULL;
}

void database_close(struct database *database)
{
	if (!database)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(database->statements[i]);
	sqlite3_close(database->sqlite);
	pthread_mutex_destroy(&database->lock);
	free(database->path);
	free(database);
}

bool database_is_in_place(struct database *database)
{
	struct stat facts;

	return stat(database->path, &facts) == 0 && facts.st_dev == database->device &&
	       facts.st_ino == database->inode;
}

/* ---- one statement ---- */

/* Holds the lock until database_run_end(). NULL with words. */
sqlite3_stmt *database_run_begin(
	struct database *database, enum statement which, struct slice login, struct text *why)
{
	sqlite3_stmt **statement = &database->statements[which];

	pthread_mutex_lock(&database->lock);
	if (!*statement && sqlite3_prepare_v3(database->sqlite, sql[which], -1,
				   SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK) {
		database_complain(database, "cannot ask", why);
		pthread_mutex_unlock(&database->lock);
		return NULL;
	}
	if (sqlite3_bind_parameter_count(*statement) > 0)
		sqlite3_bind_text(
			*statement, 1, login.at ? login.at : "", (int)login.len, SQLITE_STATIC);
	return *statement;
}

void database_run_end(struct database *database, sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	pthread_mutex_unlock(&database->lock);
}
