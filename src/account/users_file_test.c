/* SPDX-License-Identifier: Apache-2.0 */
#include "account/users_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define CRYPTED "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"
#define KEYS                                                                                       \
	"SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" \
	":"                                                                                        \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static char buffer[300];

static struct users_file *parse(const char *text)
{
	struct text why = {.at = buffer, .size = sizeof buffer - 1};

	memset(buffer, 0, sizeof buffer);
	return users_file_parse(slice_of(text), &why);
}

static void accounts_are_read_with_all_they_have(void **state)
{
	struct users_file *users = parse(
		"# comment\n\n"
		"Alice@Example.org:" CRYPTED "  owns=Sales@example.org,*@b.example groups=a,b\r\n"
		"bob:{SHA256-CRYPT}" CRYPTED " scram=" KEYS "\n"
		"  carol:* disabled");

	(void)state;
	assert_non_null(users);
	assert_int_equal(users_file_count(users), 3);
	const struct account *alice = users_file_find(users, SLICE("alice@example.org"));
	assert_non_null(alice);
	assert_true(slice_is(alice->verifier, SLICE(CRYPTED)));
	assert_int_equal(alice->owned_count, 2);
	assert_true(slice_is(alice->owned[0], SLICE("Sales@example.org")));
	assert_int_equal(alice->group_count, 2);
	assert_true(slice_is(alice->groups[1], SLICE("b")));
	assert_false(alice->disabled);
	const struct account *bob = users_file_find(users, SLICE("bob"));
	assert_true(slice_is(bob->verifier, SLICE(CRYPTED)));
	assert_true(slice_is(bob->scram, SLICE(KEYS)));
	const struct account *carol = users_file_find(users, SLICE("carol"));
	assert_true(carol->disabled && carol->verifier.len == 0);
	assert_true(users_file_has_mailbox(users, SLICE("sales@example.org")));
	assert_true(users_file_has_mailbox(users, SLICE("alice@example.org")));
	assert_false(users_file_has_mailbox(users, SLICE("any@b.example")));
	assert_null(users_file_find(users, SLICE("dave")));
	users_file_free(users);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"a:*\nb\n", "line 2: no account stands here: LOGIN:VERIFIER …"},
		{"a b:*\n", "line 1: a b can be no account's name"},
		{"a:*\nA:*\n", "line 2: there is a line for a already"},
		{"a:hunter2\n", "line 1: behind the name no verifier begins with"},
		{"a:\n", "line 1: behind the name no verifier"},
		{"a:* owns=x\n", "line 1: x can be owned by nobody"},
		{"a:* owns=x@y.example,,z@y.example\n", " can be owned by nobody"},
		{"a:* owns=x@y.example owns=z@y.example\n", "owns= stands there twice"},
		{"a:* groups=a groups=b\n", "groups= stands there twice"},
		{"a:* groups=a/b\n", "no name of a group: a/b"},
		{"a:* scram=x\n", "the SCRAM keys are not like SCRAM-SHA-256$4096:"},
		{"a:* disable\n",
			"unknown word disable; owns=, groups=, limits=, scram= or disabled"},
		{"a:* limits=5-recipients\n", "no limit: 5-recipients; write it like: 500-rec"},
		{"a:* limits=0-recipients-per-day\n", "no limit: 0-recipients-per-day"},
		{"a:* limits=1-messages-per-day----------------------------------------------------"
		 "----------or-so\n",
			"no limit: 1-messages-per-day---"},
		{"a:* limits=1-messages-per-day limits=x\n", "limits= stands there twice"},
		{"a:* limits=1-messages-per-1-day,1-messages-per-2-days,1-messages-per-3-days,"
		 "1-messages-per-4-days,1-messages-per-5-days,1-messages-per-6-days,"
		 "1-messages-per-8-days,1-messages-per-9-days,1-messages-per-10-days\n",
			"too many limits at 1-messages-per-10-days, 8 at most"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_null(parse(rows[i].text));
		if (!strstr(buffer, rows[i].words))
			fail_msg("%s: %s", rows[i].text, buffer);
		assert_null(strstr(buffer, "hunter2"));
	}
}

static void an_account_may_have_limits_of_its_own(void **state)
{
	struct users_file *users =
		parse("a:* limits=500-recipients-per-day,060-messages-per-600-seconds\nb:*\n");

	(void)state;
	assert_non_null(users);
	const struct account *a = users_file_find(users, SLICE("a"));
	assert_int_equal(a->limit_count, 2);
	assert_true(slice_is(a->limits[0], SLICE("500 recipients per day")));
	assert_true(slice_is(a->limits[1], SLICE("60 messages per 10 minutes")));
	assert_int_equal(users_file_find(users, SLICE("b"))->limit_count, 0);
	users_file_free(users);
}

static void an_empty_file_has_no_accounts(void **state)
{
	struct users_file *users = parse("");

	(void)state;
	assert_non_null(users);
	assert_int_equal(users_file_count(users), 0);
	users_file_free(users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accounts_are_read_with_all_they_have),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(an_account_may_have_limits_of_its_own),
		cmocka_unit_test(an_empty_file_has_no_accounts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
