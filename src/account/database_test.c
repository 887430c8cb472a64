/* SPDX-License-Identifier: Apache-2.0 */
#include "base/testing.h"
#include "account/database.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64], path[96];
static struct arena *arena;
static char buffer[512];
static struct text why;

static void words_clear(void)
{
	memset(buffer, 0, sizeof buffer);
	why = (struct text){.at = buffer, .size = sizeof buffer - 1};
}

static int folder_make(void **state)
{
	(void)state;
	if (!testing_folder(folder, sizeof folder, "database-test"))
		return -1;
	snprintf(path, sizeof path, "%s/accounts.db", folder);
	arena = arena_new();
	words_clear();
	return 0;
}

static int folder_remove(void **state)
{
	char command[128];

	(void)state;
	arena_free(arena);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static struct database *open_it(enum database_mode mode)
{
	struct database *database = database_open(path, mode, NULL, &why);

	if (!database)
		fail_msg("%s", buffer);
	return database;
}

static void add(struct database *database, const char *login)
{
	struct account account = {.login = slice_of(login), .verifier = SLICE("$y$v")};

	assert_int_equal(database_add(database, &account, 5, &why), CHANGE_DONE);
}

static void own(struct database *database, const char *login, const char *address)
{
	struct owned_address owned;

	assert_true(owned_normalise(slice_of(address), arena, &owned, NULL));
	assert_int_equal(database_own(database, slice_of(login), &owned, &why), CHANGE_DONE);
}

/* Runs SQL as sqlite3(1) would. */
static void run_sql(const char *sql)
{
	sqlite3 *sqlite;

	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(sqlite);
}

static void an_account_comes_back_with_all_it_has(void **state)
{
	struct database *database = open_it(DATABASE_MAKE);
	struct account account;

	(void)state;
	add(database, "alice@a.example");
	add(database, "bob@a.example");
	own(database, "alice@a.example", "Sales@a.example");
	own(database, "alice@a.example", "*@b.example");
	own(database, "bob@a.example", "x@a.example");
	assert_int_equal(database_join(database, SLICE("alice@a.example"), SLICE("staff"), &why),
		CHANGE_DONE);
	database_close(database);
	database = open_it(DATABASE_READ);
	assert_int_equal(
		database_find(database, SLICE("alice@a.example"), arena, &account, &why), FOUND);
	assert_true(slice_is(account.verifier, SLICE("$y$v")));
	assert_int_equal(account.owned_count, 2);
	assert_true(slice_is(account.owned[0], SLICE("*@b.example")));
	assert_true(slice_is(account.owned[1], SLICE("Sales@a.example")));
	assert_int_equal(account.group_count, 1);
	assert_true(slice_is(account.groups[0], SLICE("staff")));
	assert_false(account.disabled);
	assert_int_equal(account.last_used, 0);
	assert_int_equal(database_find(database, SLICE("carol"), arena, &account, &why), NOT_FOUND);
	database_close(database);
}

static void a_mailbox_is_a_login_or_an_owned_address_and_no_wildcard(void **state)
{
	static const struct {
		const char *key;
		enum found found;
	} rows[] = {{"alice@a.example", FOUND}, {"sales@a.example", FOUND},
		{"any@b.example", NOT_FOUND}, {"*@b.example", FOUND}, {"bob@a.example", NOT_FOUND}};
	struct database *database = open_it(DATABASE_MAKE);

	(void)state;
	add(database, "alice@a.example");
	own(database, "alice@a.example", "Sales@a.example");
	own(database, "alice@a.example", "*@b.example");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(
			database_mailbox(database, slice_of(rows[i].key), &why), rows[i].found);
	database_close(database);
}

static void changes_say_whether_they_changed_anything(void **state)
{
	struct database *database = open_it(DATABASE_MAKE);
	struct slice alice = SLICE("alice");
	struct account account = {.login = alice};

	(void)state;
	add(database, "alice");
	assert_int_equal(database_add(database, &account, 5, &why), CHANGE_NOTHING);
	assert_int_equal(database_set_disabled(database, alice, true, &why), CHANGE_DONE);
	assert_int_equal(database_set_disabled(database, alice, true, &why), CHANGE_NOTHING);
	assert_int_equal(database_set_used(database, alice, 9, &why), CHANGE_DONE);
	assert_int_equal(database_set_used(database, alice, 8, &why), CHANGE_NOTHING);
	assert_int_equal(
		database_set_verifiers(database, alice, SLICE("v"), SLICE("s"), &why), CHANGE_DONE);
	assert_int_equal(
		database_set_verifiers(database, SLICE("bob"), SLICE("v"), SLICE("s"), &why),
		CHANGE_NOTHING);
	assert_int_equal(
		database_disown(database, alice, SLICE("x@y.example"), &why), CHANGE_NOTHING);
	assert_int_equal(database_leave(database, alice, SLICE("staff"), &why), CHANGE_NOTHING);
	assert_int_equal(database_find(database, alice, arena, &account, &why), FOUND);
	assert_true(account.disabled);
	assert_int_equal(account.last_used, 9);
	assert_true(slice_is(account.scram, SLICE("s")));
	assert_int_equal(why.len, 0);
	database_close(database);
}

static void what_an_account_had_goes_with_it(void **state)
{
	struct database *database = open_it(DATABASE_MAKE);
	struct account account;

	(void)state;
	add(database, "alice");
	own(database, "alice", "sales@a.example");
	assert_int_equal(database_remove(database, SLICE("alice"), &why), CHANGE_DONE);
	assert_int_equal(database_mailbox(database, SLICE("sales@a.example"), &why), NOT_FOUND);
	add(database, "alice");
	assert_int_equal(database_find(database, SLICE("alice"), arena, &account, &why), FOUND);
	assert_int_equal(account.owned_count, 0);
	database_close(database);
}

static void nobody_owns_without_an_account(void **state)
{
	struct database *database = open_it(DATABASE_MAKE);
	const struct owned_address owned = {SLICE("a@b.example"), SLICE("a@b.example")};

	(void)state;
	assert_int_equal(database_own(database, SLICE("nobody"), &owned, &why), CHANGE_FAILED);
	assert_true(why.len > 0);
	database_close(database);
}

static void several_changes_are_made_together_or_not_at_all(void **state)
{
	struct database *database = open_it(DATABASE_MAKE);
	struct account account;

	(void)state;
	assert_int_equal(database_begin(database, &why), STATUS_OK);
	add(database, "alice");
	assert_int_equal(database_end(database, false, &why), STATUS_OK);
	assert_int_equal(database_find(database, SLICE("alice"), arena, &account, &why), NOT_FOUND);
	assert_int_equal(database_begin(database, &why), STATUS_OK);
	add(database, "alice");
	assert_int_equal(database_end(database, true, &why), STATUS_OK);
	assert_int_equal(database_find(database, SLICE("alice"), arena, &account, &why), FOUND);
	database_close(database);
}

static void a_newer_format_is_refused_with_both_numbers(void **state)
{
	bool refused = false;
	char wanted[64];

	(void)state;
	database_close(open_it(DATABASE_MAKE));
	run_sql("PRAGMA user_version = 7");
	assert_null(database_open(path, DATABASE_WRITE, &refused, &why));
	assert_true(refused);
	snprintf(wanted, sizeof wanted, "has format 7, this version knows formats up to %d",
		DATABASE_FORMAT);
	assert_non_null(strstr(buffer, wanted));
}

static void somebody_elses_database_is_left_alone(void **state)
{
	bool refused = false;

	(void)state;
	run_sql("CREATE TABLE accounts (id INTEGER)");
	assert_null(database_open(path, DATABASE_MAKE, &refused, &why));
	assert_true(refused);
	assert_non_null(strstr(buffer, "a database of something else"));
}

static void a_file_that_is_no_database_cannot_be_opened_now(void **state)
{
	bool refused = true;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 2000; i++)
		fputs("no database", file);
	fclose(file);
	assert_null(database_open(path, DATABASE_WRITE, &refused, &why));
	assert_false(refused);
	assert_non_null(strstr(buffer, "not a database"));
}

static void damage_in_the_middle_is_told_and_not_taken_for_absence(void **state)
{
	struct database *database = open_it(DATABASE_MAKE);
	struct account account;
	char name[32], page[4096];

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "user%d@a.example", i);
		add(database, name);
	}
	database_close(database);
	int fd = open(path, O_WRONLY);
	struct stat facts;
	assert_int_equal(fstat(fd, &facts), 0);
	memset(page, 0x5a, sizeof page);
	for (off_t at = 4096; at < facts.st_size; at += 4096)
		assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
	close(fd);
	database = open_it(DATABASE_WRITE);
	assert_int_equal(database_find(database, SLICE("user7@a.example"), arena, &account, &why),
		CANNOT_TELL);
	assert_non_null(strstr(buffer, "malformed"));
	words_clear();
	assert_int_equal(database_mailbox(database, SLICE("user7@a.example"), &why), CANNOT_TELL);
	assert_true(why.len > 0);
	database_close(database);
}

static void another_file_in_its_place_is_noticed(void **state)
{
	struct database *database = open_it(DATABASE_MAKE);
	char other[128];

	(void)state;
	assert_true(database_is_in_place(database));
	snprintf(other, sizeof other, "%s.old", path);
	assert_int_equal(rename(path, other), 0);
	assert_false(database_is_in_place(database));
	database_close(open_it(DATABASE_MAKE));
	assert_false(database_is_in_place(database));
	database_close(database);
}

static void a_new_file_is_its_owners_alone(void **state)
{
	struct stat facts;

	(void)state;
	database_close(open_it(DATABASE_MAKE));
	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_mode & 0777, 0600);
}

static enum change set_limit(struct database *database, const char *login, const char *text)
{
	struct account_limit limit;

	assert_true(account_limit_parse(slice_of(text), &limit));
	return database_limit(database, slice_of(login), &limit, &why);
}

/* Every format that was ever written is read, and can be written. */
static void fixtures_of_all_formats_are_read(void **state)
{
	struct account account;
	char command[400];

	(void)state;
	for (int format = 1; format <= DATABASE_FORMAT; format++) {
		snprintf(
			command, sizeof command, "cp %s/accounts-%d.db %s", FIXTURES, format, path);
		assert_int_equal(system(command), 0);
		struct database *database = open_it(DATABASE_WRITE);
		assert_int_equal(
			database_find(database, SLICE("alice@example.org"), arena, &account, &why),
			FOUND);
		assert_true(slice_starts(account.verifier, SLICE("$y$")));
		assert_true(slice_starts(account.scram, SLICE("SCRAM-SHA-256$4096:")));
		assert_int_equal(account.owned_count, 2);
		assert_true(slice_is(account.owned[1], SLICE("Sales@example.org")));
		assert_int_equal(account.group_count, 1);
		assert_int_equal(
			database_find(database, SLICE("bob"), arena, &account, &why), FOUND);
		assert_true(account.disabled);
		assert_int_equal(
			database_mailbox(database, SLICE("sales@example.org"), &why), FOUND);
		assert_int_equal(account.limit_count, 0);
		assert_int_equal(
			database_find(database, SLICE("alice@example.org"), arena, &account, &why),
			FOUND);
		assert_int_equal(account.limit_count, format == 1 ? 0 : 2);
		set_limit(database, "alice@example.org", "70 messages per 10 minutes");
		database_close(database);
	}
}

static void limits_are_one_of_each_kind_and_time(void **state)
{
	struct database *database = open_it(DATABASE_MAKE);
	struct account_limit limit;
	struct account account;

	(void)state;
	add(database, "alice");
	assert_int_equal(set_limit(database, "alice", "500 recipients per day"), CHANGE_DONE);
	assert_int_equal(
		set_limit(database, "alice", "500 recipients per 24 hours"), CHANGE_NOTHING);
	assert_int_equal(set_limit(database, "alice", "400 recipients per day"), CHANGE_DONE);
	assert_int_equal(set_limit(database, "alice", "9 messages per 2 hours"), CHANGE_DONE);
	assert_int_equal(set_limit(database, "nobody", "9 messages per hour"), CHANGE_FAILED);
	words_clear();
	assert_int_equal(database_find(database, SLICE("alice"), arena, &account, &why), FOUND);
	assert_int_equal(account.limit_count, 2);
	assert_true(slice_is(account.limits[0], SLICE("9 messages per 2 hours")));
	assert_true(slice_is(account.limits[1], SLICE("400 recipients per day")));
	assert_true(account_limit_parse(SLICE("1 recipients per day"), &limit));
	assert_int_equal(database_unlimit(database, SLICE("alice"), &limit, &why), CHANGE_DONE);
	assert_int_equal(database_unlimit(database, SLICE("alice"), &limit, &why), CHANGE_NOTHING);
	assert_int_equal(database_unlimit(database, SLICE("alice"), NULL, &why), CHANGE_DONE);
	assert_int_equal(database_find(database, SLICE("alice"), arena, &account, &why), FOUND);
	assert_int_equal(account.limit_count, 0);
	database_close(database);
}

static void see(void *owner, const struct account *account, wall_ns created)
{
	struct text *text = owner;

	text_format(text, "%.*s %zu %zu %d;", SLICE_ARGS(account->login), account->owned_count,
		account->group_count, (int)created);
}

static void all_are_listed_by_login(void **state)
{
	struct database *database = open_it(DATABASE_MAKE);
	char listed[100] = {0};
	struct text text = {.at = listed, .size = sizeof listed - 1};

	(void)state;
	add(database, "bob");
	add(database, "alice");
	own(database, "bob", "x@a.example");
	assert_true(database_each(database, see, &text, &why));
	assert_string_equal(listed, "alice 0 0 5;bob 1 0 5;");
	database_close(database);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_account_comes_back_with_all_it_has),
		TEST(a_mailbox_is_a_login_or_an_owned_address_and_no_wildcard),
		TEST(changes_say_whether_they_changed_anything),
		TEST(what_an_account_had_goes_with_it),
		TEST(nobody_owns_without_an_account),
		TEST(several_changes_are_made_together_or_not_at_all),
		TEST(a_newer_format_is_refused_with_both_numbers),
		TEST(somebody_elses_database_is_left_alone),
		TEST(a_file_that_is_no_database_cannot_be_opened_now),
		TEST(damage_in_the_middle_is_told_and_not_taken_for_absence),
		TEST(another_file_in_its_place_is_noticed),
		TEST(a_new_file_is_its_owners_alone),
		TEST(all_are_listed_by_login),
		TEST(limits_are_one_of_each_kind_and_time),
		TEST(fixtures_of_all_formats_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
