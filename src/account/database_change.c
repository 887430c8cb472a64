/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in SQLite: changes. Read database.h first. */
#include "account/database_inside.h"

static void bind_slice(sqlite3_stmt *statement, int at, struct slice s)
{
	sqlite3_bind_text(statement, at, s.at ? s.at : "", (int)s.len, SQLITE_STATIC);
}

static enum change run_change(struct database *database, sqlite3_stmt *statement, struct text *why)
{
	int step = sqlite3_step(statement);
	enum change change = CHANGE_FAILED;

	if (step == SQLITE_DONE)
		change = sqlite3_changes(database->sqlite) > 0 ? CHANGE_DONE : CHANGE_NOTHING;
	else
		database_complain(database, "cannot change", why);
	database_run_end(database, statement);
	return change;
}

static enum change change_text(struct database *database, enum statement which, struct slice login,
	struct slice second, struct slice third, struct text *why)
{
	sqlite3_stmt *statement = database_run_begin(database, which, login, why);

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
	sqlite3_stmt *statement = database_run_begin(database, which, login, why);

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
	sqlite3_stmt *statement = database_run_begin(database, ADD, account->login, why);

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
	sqlite3_stmt *statement = database_run_begin(database, which, login, why);

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
