/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of the SQLite file. The contract is in schema.h. */
#include "account/schema.h"

#include <stdio.h>

#include "account/database.h"

enum { APPLICATION = 0x506f7374 }; /* "Post", for file(1) and for us */

/* The step from each format to the next; a released one is never changed. Times are ns since 1970.
 */
static const char *const steps[DATABASE_FORMAT] = {
	"CREATE TABLE accounts (login TEXT NOT NULL PRIMARY KEY, verifier TEXT NOT NULL,"
	" scram TEXT NOT NULL, disabled INTEGER NOT NULL, created INTEGER NOT NULL,"
	" last_used INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE owned (login TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,"
	" address TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (login, key))"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX owned_key ON owned (key);"
	"CREATE TABLE groups (login TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,"
	" name TEXT NOT NULL, PRIMARY KEY (login, name)) STRICT, WITHOUT ROWID;",
	/* What an account may send: at most `most` messages or recipients in `period` ns. */
	"CREATE TABLE limits (login TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,"
	" what TEXT NOT NULL CHECK (what IN ('messages', 'recipients')), period INTEGER NOT NULL,"
	" most INTEGER NOT NULL, PRIMARY KEY (login, what, period)) STRICT, WITHOUT ROWID;",
};

static bool complain(sqlite3 *sqlite, const char *what, const char *path, struct text *why)
{
	text_format(why, "%s %s: ", what, path);
	text_escaped(why, slice_of(sqlite3_errmsg(sqlite)));
	return false;
}

static bool run(sqlite3 *sqlite, const char *sql)
{
	return sqlite3_exec(sqlite, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The one number that `sql` gives. */
static bool number(sqlite3 *sqlite, const char *sql, int64_t *value)
{
	sqlite3_stmt *statement = NULL;
	bool read = sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL) == SQLITE_OK &&
		    sqlite3_step(statement) == SQLITE_ROW;

	if (read)
		*value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return read;
}

static bool number_set(sqlite3 *sqlite, const char *name, int value)
{
	char sql[64];

	snprintf(sql, sizeof sql, "PRAGMA %s = %d", name, value);
	return run(sqlite, sql);
}

/* All steps in one transaction: after a crash the file is as it was, or as it should be. */
static bool migrate(sqlite3 *sqlite, const char *path, struct text *why)
{
	int64_t format = 0;

	if (!run(sqlite, "PRAGMA journal_mode = WAL") || !run(sqlite, "BEGIN IMMEDIATE"))
		return complain(sqlite, "cannot change", path, why);
	/* Somebody else may have been faster. */
	bool good = number(sqlite, "PRAGMA user_version", &format);
	for (int64_t step = format; good && step < DATABASE_FORMAT; step++)
		good = run(sqlite, steps[step]);
	good = good && number_set(sqlite, "user_version", DATABASE_FORMAT) &&
	       number_set(sqlite, "application_id", APPLICATION) && run(sqlite, "COMMIT");
	if (!good) {
		complain(sqlite, "cannot bring up to date", path, why);
		run(sqlite, "ROLLBACK");
	}
	return good;
}

/* A file without a format is new, or a database of somebody else's. */
static enum schema is_ours(sqlite3 *sqlite, int64_t format, const char *path, struct text *why)
{
	int64_t application = 0, tables = 0;

	if (!number(sqlite, "PRAGMA application_id", &application) ||
		!number(sqlite, "SELECT count(*) FROM sqlite_schema", &tables)) {
		complain(sqlite, "cannot read", path, why);
		return SCHEMA_CANNOT;
	}
	if (format == 0 ? tables == 0 && application == 0 : application == APPLICATION)
		return SCHEMA_GOOD;
	text_format(why, "%s is a database of something else, not of accounts", path);
	return SCHEMA_REFUSED;
}

static enum schema bring_up(
	sqlite3 *sqlite, int64_t format, bool may_change, const char *path, struct text *why)
{
	if (format == DATABASE_FORMAT)
		return SCHEMA_GOOD;
	if (format > DATABASE_FORMAT) {
		text_format(why,
			"%s has format %lld, this version knows formats up to %d; "
			"use the version that wrote it, or a newer one",
			path, (long long)format, DATABASE_FORMAT);
		return SCHEMA_REFUSED;
	}
	if (may_change)
		return migrate(sqlite, path, why) ? SCHEMA_GOOD : SCHEMA_CANNOT;
	text_format(why,
		"%s has format %lld and must be brought to format %d first; "
		"the daemon does that when it starts",
		path, (long long)format, DATABASE_FORMAT);
	return SCHEMA_CANNOT;
}

enum schema schema_settle(sqlite3 *sqlite, bool may_change, const char *path, struct text *why)
{
	int64_t format = 0;

	if (!number(sqlite, "PRAGMA user_version", &format)) {
		complain(sqlite, "cannot read", path, why);
		return SCHEMA_CANNOT;
	}
	enum schema ours = is_ours(sqlite, format, path, why);
	return ours == SCHEMA_GOOD ? bring_up(sqlite, format, may_change, path, why) : ours;
}
