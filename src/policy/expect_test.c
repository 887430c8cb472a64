/* SPDX-License-Identifier: Apache-2.0 */
/* `expect`: what holds says nothing, what does not is an error with the reason for the decision. */
#include "policy/testing.h"

static const char text_of_all[] =
	"listen smtp \"*:25\"\nlisten submission \"*:587\"\n"
	"domain example.org mailboxes \"boxes\" aliases \"aliases\" deliver maildir \"/m/%l\"\n"
	"domain asked.example mailboxes asked deliver smtp \"10.0.0.9\"\n"
	"network office 192.0.2.0/24 owns domain example.org\n"
	"network lab 198.51.100.0/24\n"
	"certificate jira \"SHA256:"
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\" owns "
	"\"jira@example.org\"\n"
	"relay for authenticated\nrelay for network office\nrelay for certificate jira\n"
	"relay for recent-pop\nrelay for network lab until 2020-01-01\n"
	"forward for \"away@example.org\"\n"
	"refuse if sender not owned\nrefuse if from not owned\n"
	"refuse if spf fail unless trusted\n"
	"refuse if listed \"bl.example\" unless trusted\n"
	"refuse if group pupils and not recipient ours\n"
	"refuse if client unnamed\n"
	"refuse if client 203.0.113.0/25\n"
	"refuse if recipients > 50\nrefuse if size > 10 MB\n"
	"limit client 1 messages per day\n";
static const struct test_file files[] = {
	{"boxes", "alice\nbob\n"},
	{"aliases", "away: friend@far.example\ninfo: alice, nobody\n"},
};

/* The first error's first line, without its place. */
static void first_error(const char *expect, char *out, size_t size)
{
	char whole[4000];
	struct complaints complaints;
	struct text shown = {.at = out, .size = size - 1};

	snprintf(whole, sizeof whole, "%s%s\n", text_of_all, expect);
	policy_unref(test_load_with(whole, files, 2, &complaints));
	for (size_t i = 0; i < complaints.count && shown.len == 0; i++)
		if (complaints.list[i].severity == SEVERITY_ERROR)
			text_put(&shown, complaints.list[i].what);
	out[shown.len] = '\0';
	complaints_free(&complaints);
}

static void what_holds_says_nothing(void **state)
{
	static const char *const rows[] = {
		"expect refuse 5.7.1 client 203.0.113.200 from \"a@a.example\" to \"b@b.example\"",
		"expect refuse from \"a@a.example\" to \"b@b.example\"",
		"expect accept from \"a@a.example\" to \"alice@example.org\"",
		"expect refuse 5.1.1 from \"a@a.example\" to \"nobody@example.org\"",
		"expect accept client 192.0.2.10 from \"x@example.org\" to \"b@b.example\"",
		"expect refuse 5.7.1 client 192.0.2.10 from \"x@far.example\" to \"b@b.example\"",
		"expect accept client 192.0.2.0/24 from \"x@example.org\" to \"b@b.example\"",
		"expect accept account \"alice@example.org\" to \"b@b.example\"",
		"expect accept account \"alice@example.org\" from \"alice@example.org\" to "
		"\"b@b.example\"",
		"expect refuse 5.7.1 account \"alice@example.org\" from \"bob@example.org\" to "
		"\"b@b.example\"",
		"expect refuse 5.7.1 account \"alice@example.org\" sender \"alice@example.org\" "
		"from \"bob@example.org\" to \"b@b.example\"",
		"expect accept account \"alice@example.org\" from \"team@example.org\" to "
		"\"b@b.example\" given sender owned given from owned",
		"expect accept certificate jira from \"jira@example.org\" to \"b@b.example\"",
		"expect refuse certificate jira from \"bob@example.org\" to \"b@b.example\"",
		/* a lease on port 25 is no sign-in, but it is a credential */
		"expect accept given recent-pop account \"alice@example.org\" from "
		"\"alice@example.org\" to \"b@b.example\"",
		"expect refuse given recent-pop account \"alice@example.org\" from "
		"\"bob@example.org\" to \"b@b.example\"",
		/* no grant has ended */
		"expect accept client 198.51.100.7 from \"a@a.example\" to \"b@b.example\"",
		"expect refuse 5.7.23 from \"a@a.example\" to \"alice@example.org\" given spf fail",
		"expect accept from \"a@a.example\" to \"alice@example.org\" given not spf fail",
		"expect refuse from \"a@a.example\" to \"alice@example.org\" given listed "
		"\"bl.example\"",
		"expect refuse from \"a@a.example\" to \"alice@example.org\" given client unnamed",
		"expect refuse client 203.0.113.1 to \"alice@example.org\"",
		"expect refuse account \"p@example.org\" to \"b@b.example\" given group pupils",
		"expect accept account \"p@example.org\" to \"bob@example.org\" given group pupils",
		"expect accept to \"anybody@asked.example\"",
		"expect refuse 5.1.1 to \"x@asked.example\" given recipient unknown",
		"expect refuse 5.3.4 to \"alice@example.org\" given size > 10 MB",
		"expect refuse 5.5.3 to \"alice@example.org\" given recipients > 50",
		"expect accept sender \"<>\" to \"alice@example.org\"",
		/* aliases: what stands at the end, the strictest of several */
		"expect accept to \"away@example.org\"",
		"expect refuse 5.1.1 to \"info@example.org\"",
		/* submission ports want an account for everything */
		"expect refuse 5.7.0 listener submission tls to \"alice@example.org\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char shown[2000];
		first_error(rows[i], shown, sizeof shown);
		if (shown[0])
			print_message("%s\n", rows[i]);
		assert_string_equal(shown, "");
	}
}

static void what_is_false_is_an_error_with_the_reason(void **state)
{
	static const char *const rows[][2] = {
		{"expect accept client 203.0.113.200 from \"a@a.example\" to \"b@b.example\"",
			"this `expect` is false: a mail from 203.0.113.200 is refused: 550 5.7.1 "
			"*(relay-denied)"},
		{"expect refuse client 192.0.2.10 from \"x@example.org\" to \"b@b.example\"",
			"*from 192.0.2.10 is accepted, by test.conf:9: relay for network office"},
		{"expect refuse from \"a@a.example\" to \"alice@example.org\"",
			"*is accepted, since the recipient is ours and nothing refuses"},
		{"expect refuse 5.7.1 from \"a@a.example\" to \"nobody@example.org\"",
			"*is refused: 550 5.1.1 *(unknown-recipient)"},
		{"expect accept account \"alice@example.org\" from \"bob@example.org\" to "
		 "\"b@b.example\"",
			"*, by test.conf:14: refuse if sender not owned"},
		/* of a network both ends are tried */
		{"expect refuse client 203.0.113.0/24 from \"a@a.example\" to "
		 "\"alice@example.org\"",
			"*from 203.0.113.255 is accepted*"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char shown[2000];
		first_error(rows[i][0], shown, sizeof shown);
		if (!slice_matches(slice_of(shown), slice_of(rows[i][1])))
			assert_string_equal(shown, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_holds_says_nothing),
		cmocka_unit_test(what_is_false_is_an_error_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
