/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in SQLite: questions. Read database.h first. */
#include <string.h>

#include "account/database_inside.h"

static struct slice column(sqlite3_stmt *statement, int at, struct arena *arena)
{
	const char *text = (const char *)sqlite3_column_text(statement, at);

	return arena_slice(
		arena, (struct slice){text, (size_t)sqlite3_column_bytes(statement, at)});
}

/* What one column of every row holds. False with words. */
static bool find_texts(struct database *database, enum statement which, struct slice login,
	struct arena *arena, const struct slice **texts, size_t *count, struct text *why)
{
	sqlite3_stmt *statement = database_run_begin(database, which, login, why);
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
		database_complain(database, "cannot read", why);
	database_run_end(database, statement);
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
	sqlite3_stmt *statement = database_run_begin(database, FIND_LIMITS, account->login, why);
	struct slice *limits = ARENA_ARRAY(arena, struct slice, ACCOUNT_LIMITS_MAX);
	int step = SQLITE_DONE;

	if (!statement)
		return false;
	while (account->limit_count < ACCOUNT_LIMITS_MAX &&
		(step = sqlite3_step(statement)) == SQLITE_ROW)
		limits[account->limit_count++] = limit_words(statement, arena);
	account->limits = limits;
	if (step != SQLITE_DONE && step != SQLITE_ROW)
		database_complain(database, "cannot read", why);
	database_run_end(database, statement);
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
		database_complain(database, "cannot read", why);
	return step == SQLITE_ROW ? FOUND : step == SQLITE_DONE ? NOT_FOUND : CANNOT_TELL;
}

static enum found find(struct database *database, struct slice login, struct arena *arena,
	struct account *account, struct text *why)
{
	sqlite3_stmt *statement = database_run_begin(database, FIND_ACCOUNT, login, why);

	if (!statement)
		return CANNOT_TELL;
	enum found found = outcome(database, sqlite3_step(statement), why);
	if (found == FOUND)
		read_account(statement, arena, account);
	database_run_end(database, statement);
	if (found == FOUND && !find_rest(database, arena, account, why))
		return CANNOT_TELL;
	return found;
}

/* What it has is of the same moment as the account: no change comes between. */
enum found database_find(struct database *database, struct slice login, struct arena *arena,
	struct account *account, struct text *why)
{
	pthread_mutex_lock(&database->lock);
	enum found found = find(database, login, arena, account, why);
	pthread_mutex_unlock(&database->lock);
	return found;
}

enum found database_mailbox(struct database *database, struct slice key, struct text *why)
{
	sqlite3_stmt *statement = database_run_begin(database, FIND_MAILBOX, key, why);

	if (!statement)
		return CANNOT_TELL;
	enum found found = outcome(database, sqlite3_step(statement), why);
	database_run_end(database, statement);
	return found;
}

bool database_each(struct database *database,
	void (*see)(void *owner, const struct account *account, wall_ns created), void *owner,
	struct text *why)
{
	struct arena *arena = arena_new();
	sqlite3_stmt *statement = database_run_begin(database, FIND_ALL, SLICE_NONE, why);
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
		database_complain(database, "cannot read", why);
		good = false;
	}
	if (statement)
		database_run_end(database, statement);
	arena_wipe(arena);
	arena_free(arena);
	return good;
}
