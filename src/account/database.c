/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in SQLite: opening, questions and changes. Read database.h and schema.h first. */
#include "account/database.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "account/schema.h"
#include "base/panic.h"

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

struct database {
	sqlite3 *sqlite;
	char *path;
	dev_t device;
	ino_t inode;
	pthread_mutex_t lock; /* recursive: of everything, and across begin and end */
	sqlite3_stmt *statements[STATEMENTS];
};

/* ---- opening ---- */

static void complain(struct database *database, const char *what, struct text *why)
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
		complain(database, "cannot use", why);
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
		complain(database, "cannot open", why);
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

/* Holds the lock until run_end(). NULL with words. */
static sqlite3_stmt *run_begin(
	struct database *database, enum statement which, struct slice login, struct text *why)
{
	sqlite3_stmt **statement = &database->statements[which];

	pthread_mutex_lock(&database->lock);
	if (!*statement && sqlite3_prepare_v3(database->sqlite, sql[which], -1,
				   SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK) {
		complain(database, "cannot ask", why);
		pthread_mutex_unlock(&database->lock);
		return NULL;
	}
	if (sqlite3_bind_parameter_count(*statement) > 0)
		sqlite3_bind_text(
			*statement, 1, login.at ? login.at : "", (int)login.len, SQLITE_STATIC);
	return *statement;
}

static void run_end(struct database *database, sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	pthread_mutex_unlock(&database->lock);
}

static void bind_slice(sqlite3_stmt *statement, int at, struct slice s)
{
	sqlite3_bind_text(statement, at, s.at ? s.at : "", (int)s.len, SQLITE_STATIC);
}

static struct slice column(sqlite3_stmt *statement, int at, struct arena *arena)
{
	const char *text = (const char *)sqlite3_column_text(statement, at);

	return arena_slice(
		arena, (struct slice){text, (size_t)sqlite3_column_bytes(statement, at)});
}

/* ---- questions ---- */

/* What one column of every row holds. False with words. */
static bool find_texts(struct database *database, enum statement which, struct slice login,
	struct arena *arena, const struct slice **texts, size_t *count, struct text *why)
{
	sqlite3_stmt *statement = run_begin(database, which, login, why);
	struct slice *list = NULL;
	size_t size = 0;
	int step;

	*count = 0;
	if (!statement)
		return false;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		if (*count == size) {
			struct slice *more = ARENA_ARRAY(arena, struct slice, size ? 2 * size : 8);
			if (size)
				memcpy(more, list, size * sizeof *list);
			list = more;
			size = size ? 2 * size : 8;
		}
		list[(*count)++] = column(statement, 0, arena);
	}
	*texts = list;
	if (step != SQLITE_DONE)
		complain(database, "cannot read", why);
	run_end(database, statement);
	return step == SQLITE_DONE;
}

static struct slice limit_words(sqlite3_stmt *statement, struct arena *arena)
{
	struct slice what = column(statement, 0, arena);
	struct account_limit limit = {.recipients = slice_is(what, SLICE("recipients")),
		.period = sqlite3_column_int64(statement, 1),
		.most = (uint64_t)sqlite3_column_int64(statement, 2)};
	char raw[80];
	struct text words = TEXT_FIXED(raw);

	text_account_limit(&words, &limit);
	return arena_slice(arena, text_slice(&words));
}

static bool find_limits(
	struct database *database, struct arena *arena, struct account *account, struct text *why)
{
	sqlite3_stmt *statement = run_begin(database, FIND_LIMITS, account->login, why);
	struct slice *limits = ARENA_ARRAY(arena, struct slice, ACCOUNT_LIMITS_MAX);
	int step = SQLITE_DONE;

	if (!statement)
		return false;
	while (account->limit_count < ACCOUNT_LIMITS_MAX &&
		(step = sqlite3_step(statement)) == SQLITE_ROW)
		limits[account->limit_count++] = limit_words(statement, arena);
	account->limits = limits;
	if (step != SQLITE_DONE && step != SQLITE_ROW)
		complain(database, "cannot read", why);
	run_end(database, statement);
	return step == SQLITE_DONE || step == SQLITE_ROW;
}

static bool find_rest(
	struct database *database, struct arena *arena, struct account *account, struct text *why)
{
	return find_texts(database, FIND_OWNED, account->login, arena, &account->owned,
		       &account->owned_count, why) &&
	       find_texts(database, FIND_GROUPS, account->login, arena, &account->groups,
		       &account->group_count, why) &&
	       find_limits(database, arena, account, why);
}

static void read_account(sqlite3_stmt *statement, struct arena *arena, struct account *account)
{
	*account = (struct account){
		.login = column(statement, 0, arena),
		.verifier = column(statement, 1, arena),
		.scram = column(statement, 2, arena),
		.disabled = sqlite3_column_int(statement, 3) != 0,
		.last_used = sqlite3_column_int64(statement, 4),
	};
}

static enum found outcome(struct database *database, int step, struct text *why)
{
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		complain(database, "cannot read", why);
	return step == SQLITE_ROW ? FOUND : step == SQLITE_DONE ? NOT_FOUND : CANNOT_TELL;
}

enum found database_find(struct database *database, struct slice login, struct arena *arena,
	struct account *account, struct text *why)
{
	sqlite3_stmt *statement = run_begin(database, FIND_ACCOUNT, login, why);

	if (!statement)
		return CANNOT_TELL;
	enum found found = outcome(database, sqlite3_step(statement), why);
	if (found == FOUND)
		read_account(statement, arena, account);
	run_end(database, statement);
	if (found == FOUND && !find_rest(database, arena, account, why))
		return CANNOT_TELL;
	return found;
}

enum found database_mailbox(struct database *database, struct slice key, struct text *why)
{
	sqlite3_stmt *statement = run_begin(database, FIND_MAILBOX, key, why);

	if (!statement)
		return CANNOT_TELL;
	enum found found = outcome(database, sqlite3_step(statement), why);
	run_end(database, statement);
	return found;
}

bool database_each(struct database *database,
	void (*see)(void *owner, const struct account *account, wall_ns created), void *owner,
	struct text *why)
{
	struct arena *arena = arena_new();
	sqlite3_stmt *statement = run_begin(database, FIND_ALL, SLICE_NONE, why);
	struct account account;
	bool good = statement != NULL;
	int step = SQLITE_DONE;

	while (good && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		arena_reset(arena);
		read_account(statement, arena, &account);
		good = find_rest(database, arena, &account, why);
		if (good)
			see(owner, &account, sqlite3_column_int64(statement, 5));
	}
	if (good && step != SQLITE_DONE) {
		complain(database, "cannot read", why);
		good = false;
	}
	if (statement)
		run_end(database, statement);
	arena_wipe(arena);
	arena_free(arena);
	return good;
}

/* ---- changes ---- */

static enum change run_change(struct database *database, sqlite3_stmt *statement, struct text *why)
{
	int step = sqlite3_step(statement);
	enum change change = CHANGE_FAILED;

	if (step == SQLITE_DONE)
		change = sqlite3_changes(database->sqlite) > 0 ? CHANGE_DONE : CHANGE_NOTHING;
	else
		complain(database, "cannot change", why);
	run_end(database, statement);
	return change;
}

static enum change change_text(struct database *database, enum statement which, struct slice login,
	struct slice second, struct slice third, struct text *why)
{
	sqlite3_stmt *statement = run_begin(database, which, login, why);

	if (!statement)
		return CHANGE_FAILED;
	int count = sqlite3_bind_parameter_count(statement);
	if (count > 1)
		bind_slice(statement, 2, second);
	if (count > 2)
		bind_slice(statement, 3, third);
	return run_change(database, statement, why);
}

static enum change change_number(struct database *database, enum statement which,
	struct slice login, int64_t number, struct text *why)
{
	sqlite3_stmt *statement = run_begin(database, which, login, why);

	if (!statement)
		return CHANGE_FAILED;
	sqlite3_bind_int64(statement, 2, number);
	return run_change(database, statement, why);
}

/* BEGIN, COMMIT and ROLLBACK change no row. */
static enum status run_plain(struct database *database, enum statement which, struct text *why)
{
	return change_text(database, which, SLICE_NONE, SLICE_NONE, SLICE_NONE, why) ==
			       CHANGE_FAILED
		       ? STATUS_FAILED
		       : STATUS_OK;
}

enum status database_begin(struct database *database, struct text *why)
{
	pthread_mutex_lock(&database->lock);
	enum status status = run_plain(database, BEGIN, why);
	if (status != STATUS_OK)
		pthread_mutex_unlock(&database->lock);
	return status;
}

enum status database_end(struct database *database, bool keep, struct text *why)
{
	enum status status = run_plain(database, keep ? COMMIT : ROLLBACK, why);

	if (status != STATUS_OK && keep && run_plain(database, ROLLBACK, why) != STATUS_OK)
		status = STATUS_FAILED;
	pthread_mutex_unlock(&database->lock);
	return status;
}

enum change database_add(
	struct database *database, const struct account *account, wall_ns now, struct text *why)
{
	sqlite3_stmt *statement = run_begin(database, ADD, account->login, why);

	if (!statement)
		return CHANGE_FAILED;
	bind_slice(statement, 2, account->verifier);
	bind_slice(statement, 3, account->scram);
	sqlite3_bind_int64(statement, 4, now);
	return run_change(database, statement, why);
}

enum change database_remove(struct database *database, struct slice login, struct text *why)
{
	return change_text(database, REMOVE, login, SLICE_NONE, SLICE_NONE, why);
}

enum change database_set_verifiers(struct database *database, struct slice login,
	struct slice verifier, struct slice scram, struct text *why)
{
	return change_text(database, SET_VERIFIERS, login, verifier, scram, why);
}

enum change database_set_disabled(
	struct database *database, struct slice login, bool disabled, struct text *why)
{
	return change_number(database, SET_DISABLED, login, disabled, why);
}

enum change database_own(struct database *database, struct slice login,
	const struct owned_address *owned, struct text *why)
{
	return change_text(database, OWN, login, owned->address, owned->key, why);
}

enum change database_disown(
	struct database *database, struct slice login, struct slice key, struct text *why)
{
	return change_text(database, DISOWN, login, key, SLICE_NONE, why);
}

enum change database_join(
	struct database *database, struct slice login, struct slice group, struct text *why)
{
	return change_text(database, JOIN, login, group, SLICE_NONE, why);
}

enum change database_leave(
	struct database *database, struct slice login, struct slice group, struct text *why)
{
	return change_text(database, LEAVE, login, group, SLICE_NONE, why);
}

static enum change change_limit(struct database *database, enum statement which, struct slice login,
	const struct account_limit *limit, struct text *why)
{
	sqlite3_stmt *statement = run_begin(database, which, login, why);

	if (!statement)
		return CHANGE_FAILED;
	bind_slice(statement, 2, limit->recipients ? SLICE("recipients") : SLICE("messages"));
	sqlite3_bind_int64(statement, 3, limit->period);
	if (which == LIMIT)
		sqlite3_bind_int64(statement, 4, (int64_t)limit->most);
	return run_change(database, statement, why);
}

enum change database_limit(struct database *database, struct slice login,
	const struct account_limit *limit, struct text *why)
{
	return change_limit(database, LIMIT, login, limit, why);
}

enum change database_unlimit(struct database *database, struct slice login,
	const struct account_limit *limit, struct text *why)
{
	if (!limit)
		return change_text(database, UNLIMIT_ALL, login, SLICE_NONE, SLICE_NONE, why);
	return change_limit(database, UNLIMIT, login, limit, why);
}

enum change database_set_used(
	struct database *database, struct slice login, wall_ns when, struct text *why)
{
	return change_number(database, SET_USED, login, when, why);
}
