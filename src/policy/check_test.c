/* SPDX-License-Identifier: Apache-2.0 */
/* What the checker says of clauses that decide nothing, of who may send as whom, and of names that
 * nobody has. */
#include "policy/testing.h"

static const char rest_text[] =
	"listen smtp \"*:25\"\nlisten submission \"*:587\"\naccounts file \"/a\"\n"
	"postmaster \"alice@rest.example\"\n"
	"domain rest.example mailboxes \"boxes\" aliases \"aliases\" deliver via mx\n"
	"network ten 10.0.0.0/8 owns any sender any author\n"
	"network ten-one 10.1.0.0/16 owns any sender any author\n"
	"network other 192.0.2.0/24 owns any sender any author\n"
	"certificate jira \"SHA256:"
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\" owns any sender\n"
	"refuse unless network ten or network ten-one or network other or certificate jira or "
	"sender not owned\n";
static const struct test_file files[] = {
	{"boxes", "alice\nbob\n"}, {"none", "# nobody\n"}, {"aliases", "info: alice\n"}};

struct row {
	const char *text;     /* rest_text is put behind it */
	const char *expected; /* the first warning's first line, as a pattern; "": there is none */
};

static bool is_of_this_version(const struct complaint *complaint)
{
	return slice_starts(complaint->what, SLICE("this version does not")) ||
	       slice_matches(complaint->what, SLICE("*has no effect in this version*"));
}

static void first_warning(const char *text, char *out, size_t size)
{
	char whole[3000];
	struct complaints complaints;
	struct text shown = {.at = out, .size = size - 1};

	snprintf(whole, sizeof whole, "%s%s", text, rest_text);
	struct policy *policy = test_load_with(whole, files, 3, &complaints);
	if (!policy)
		test_print(&complaints);
	assert_non_null(policy);
	for (size_t i = 0; i < complaints.count && shown.len == 0; i++)
		if (complaints.list[i].severity != SEVERITY_NOTE &&
			!is_of_this_version(&complaints.list[i]))
			text_complaint(&shown, &complaints.list[i]);
	struct slice line = slice_part(text_slice(&shown), 0, slice_find(text_slice(&shown), '\n'));
	out[line.len] = '\0';
	policy_unref(policy);
	complaints_free(&complaints);
}

static void rows_hold(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char shown[1500];
		first_warning(rows[i].text, shown, sizeof shown);
		if (!slice_matches(slice_of(shown), slice_of(rows[i].expected)))
			print_message("%s", rows[i].text);
		if (!slice_matches(slice_of(shown), slice_of(rows[i].expected)))
			assert_string_equal(shown, rows[i].expected);
	}
}
#define ROWS_HOLD(rows) rows_hold(rows, sizeof(rows) / sizeof *(rows))

static void clauses_that_can_never_match_are_said(void **state)
{
	static const struct row rows[] = {
		{"refuse if sender null and not sender null\n",
			"test.conf:1:31: warning: this clause can never match: what stands here "
			"excludes what stands in column 11; *"},
		{"refuse if sender null and sender ours\n", "*1:27: *never match: what stands*"},
		{"refuse if sender domain a.example and sender domain b.example\n", "*never*"},
		{"refuse if sender \"a@a.example\" and sender domain b.example\n", "*never*"},
		{"refuse if sender \"a@a.example\" and sender \"b@a.example\"\n", "*never*"},
		{"refuse if sender \"a@a.example\" and sender \"a+x@a.example\"\n", ""},
		{"refuse if sender domain a.example and sender ours\n", "*never*"},
		{"refuse if sender domain rest.example unless sender ours\n", "*never*"},
		{"refuse if sender domain rest.example and sender ours\n", ""},
		{"refuse if network ten and network other\n", "*never*"},
		{"refuse if network ten-one unless network ten\n", "*never*"},
		{"refuse if network ten unless network ten-one\n", ""},
		{"refuse if client 10.1.2.3 and not network ten\n", "*never*"},
		{"refuse if client 10.1.2.3 and client 10.1.2.4\n", "*never*"},
		{"refuse if client 10.1.2.3 and network other\n", "*never*"},
		{"refuse if listener smtp and listener submission\n", "*never*"},
		{"refuse if listener lmtp\n",
			"*1:11: warning: this clause can never match: this is "
			"never so in this configuration; *"},
		{"refuse if size > 60 MB\n", "*never so in this configuration*"},
		{"refuse if size > 40 MB\n", ""},
		{"refuse if recipients > 1000\n", "*never so in this configuration*"},
		{"refuse if sender in \"none\"\n", "*never so in this configuration*"},
		{"refuse if spf pass and spf fail\n", "*never*"},
		{"refuse if spf fail and not spf pass\n", ""},
		{"refuse if tls verified and not tls\n", "*never*"},
		{"refuse if certificate jira and not tls\n", "*never*"},
		{"refuse if account \"a\" and account \"b\"\n", "*never*"},
		{"refuse if account \"a\" and not authenticated\n", "*never*"},
		{"refuse if helo \"a.example\" and helo \"b.example\"\n", "*never*"},
		{"refuse if helo \"a.example\" and helo \"*.example\"\n", ""},
		{"refuse if recipient unknown and not recipient ours\n", "*never*"},
		{"refuse if local and client 10.0.0.1\n", "*never*"},
		{"refuse if (sender null or sender ours) and sender domain a.example\n",
			"*1:1: warning: this clause can never match, whoever*"},
		{"relay for network ten if network other\n",
			"*1:26: *can never match: what stands here excludes what stands before*"},
		{"relay for network ten if listener smtp or network other\n", ""},
		{"limit network ten 5 messages per day unless network ten\n", "*never*"},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void clauses_that_always_match_are_said(void **state)
{
	static const struct row rows[] = {
		{"defer if sender null or not sender null\n",
			"*1:1: warning: this clause always matches: no mail is accepted; *"},
		{"refuse unless sender null and not sender null\n", "*always matches*"},
		{"refuse if spf pass or not spf pass\n", "*always matches*"},
		{"refuse if not network ten or not network other\n", "*always matches*"},
		{"relay for network ten if network ten or not network ten-one\n",
			"*the condition is always true*"},
		{"refuse if sender null or sender ours\n", ""},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void clauses_that_add_nothing_are_said(void **state)
{
	static const struct row rows[] = {
		{"refuse if sender null\nrefuse if sender null\n",
			"*2:1: warning: this clause adds nothing to the one at test.conf:1; *"},
		{"refuse if sender null and recipient ours\nrefuse if sender null\n",
			"*1:1: warning: this clause adds nothing to the one at test.conf:2; *"},
		{"refuse if sender null and recipient ours say \"No.\"\nrefuse if sender null\n",
			""},
		{"defer if sender null\nrefuse if sender null and recipient ours\n", ""},
		{"relay for network other\nrelay for network other if sender null\n",
			"*2:1: warning: this clause adds nothing*"},
		{"relay for network other until 2040-01-01\nrelay for network other if sender "
		 "null\n",
			""},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void who_may_send_as_whom_is_said(void **state)
{
	static const struct row rows[] = {
		{"network a 198.51.100.1\nrelay for network a\n",
			"*1:9: warning: the network may relay and owns nothing: *"},
		{"network a 198.51.100.0/24 owns domain a.example\n"
		 "network b 198.51.100.8/29 owns \"x@a.example\"\nrelay for network a\n",
			"*2:9: warning: the network lies inside \"a\", which owns more: *"},
		{"network a 198.51.100.0/24 owns \"x@a.example\"\n"
		 "network b 198.51.100.8/29 owns domain a.example\nrelay for network a\n",
			""},
	};

	(void)state;
	ROWS_HOLD(rows);
}

/* The rest of the file asks `sender not owned`; these stand alone. */
static void owning_that_nobody_asks_about_is_said(void **state)
{
	static const struct row rows[] = {
		{"network a 10.0.0.1 owns domain a.example\nrelay for network a\n",
			"`owns` binds nobody: *"},
		{"accounts file \"/a\"\nrelay for authenticated\n",
			"whoever signs in may send as anyone: *"},
		{"accounts file \"/a\"\nrelay for authenticated\nrefuse if sender not owned\n", ""},
		{"listen submission \"*:587\"\n", "nobody can sign in there: *"},
		{"listen pop3s \"*:995\"\n", "nobody can sign in there: *"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct complaints complaints;
		bool found = rows[i].expected[0] == '\0';
		policy_unref(test_load_with(rows[i].text, NULL, 0, &complaints));
		for (size_t j = 0; j < complaints.count && rows[i].expected[0]; j++)
			found |= slice_matches(complaints.list[j].what, slice_of(rows[i].expected));
		for (size_t j = 0; j < complaints.count && !rows[i].expected[0]; j++)
			found &= !slice_matches(complaints.list[j].what, SLICE("*owns*"));
		assert_true(found);
		complaints_free(&complaints);
	}
}

static void names_that_nobody_has_are_said(void **state)
{
	static const struct row rows[] = {
		{"refuse if recipient \"nobody@rest.example\" and sender null\n",
			"*1:11: warning: no mailbox of ours has this address*"},
		{"refuse if recipient \"alice+x@rest.example\" and sender null\n", ""},
		{"refuse if recipient \"info@rest.example\" and sender null\n", ""},
		{"network a 198.51.100.1 owns \"nobody@rest.example\"\nrelay for network a\n",
			"*1:29: warning: no mailbox of ours has this address*"},
		{"forward for domain far.example\n", "*1:1: warning: this is no domain of ours*"},
		{"forward for \"info@rest.example\"\n", ""},
		{"domain b.example any recipient deliver via mx\nforward for domain b.example\n",
			"*2:1: warning: the domain has no `aliases`*"},
		{"domain b.example mailboxes \"none\" deliver via mx\n",
			"*1:8: warning: the file of this domain's mailboxes names nobody*"},
		{"refuse if sender null say \"Gr\xc3\xbc\xc3\x9f Gott\"\n",
			"*1:1: warning: the words of `say` are not all ASCII*"},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void two_signatures_of_one_selector_are_an_error(void **state)
{
	struct complaints complaints;

	(void)state;
	policy_unref(test_load_with("sign a.example selector s key \"/a\"\n"
				    "sign a.example if authenticated selector S key \"/b\"\n",
		NULL, 0, &complaints));
	assert_int_equal(complaints.errors, 1);
	complaints_free(&complaints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clauses_that_can_never_match_are_said),
		cmocka_unit_test(clauses_that_always_match_are_said),
		cmocka_unit_test(clauses_that_add_nothing_are_said),
		cmocka_unit_test(who_may_send_as_whom_is_said),
		cmocka_unit_test(owning_that_nobody_asks_about_is_said),
		cmocka_unit_test(names_that_nobody_has_are_said),
		cmocka_unit_test(two_signatures_of_one_selector_are_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
