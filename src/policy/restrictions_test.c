/* SPDX-License-Identifier: Apache-2.0 */
/* What the restriction tests of another mail server mean to show (the corpus relay-restrictions),
 * as scenarios of ours: each row names the corpus' file. What has no meaning here is listed with
 * the reason. That no file is forgotten is only held where the corpus is there (POSTERN_CORPORA).
 */
#include "policy/testing.h"

#include <dirent.h>
#include <stdlib.h>

#define FILES_OPEN "relay-restrictions/open"

static const char base[] =
	"hostname mx.ours.example\nlisten smtp \"*:25\"\nlisten submission \"*:587\"\n"
	"accounts sqlite \"/accounts.db\"\npostmaster \"p@ours.example\"\n"
	"domain ours.example mailboxes \"boxes\" deliver via mx\n"
	"network mine 127.0.0.0/8 198.51.100.0/28 owns any sender any author\n"
	"relay for network mine\nrelay for authenticated\n"
	"refuse if sender not owned\n";
static const struct test_file lists[] = {{"boxes", "p\nknown\nfoo@ours.example\n"},
	{"bad-senders", "bad@any.example\nbad.example\n"}};

static const struct {
	const char *file, *intent;
	const char *more; /* lines behind the base */
	const char *client, *helo, *from, *to;
	const char *account, *given;
	enum verdict verdict;
} rows[] = {
	{"smtpd_check", "who is in a network of ours relays", "", "198.51.100.13", "x.example",
		"a@b.example", "foo@far.example", NULL, NULL, VERDICT_ACCEPT},
	{"smtpd_check", "nobody else does", "", "203.0.113.17", "x.example", "a@b.example",
		"foo@far.example", NULL, NULL, VERDICT_REFUSE},
	{"smtpd_check", "mail to ourselves is taken from anybody", "", "203.0.113.17", "x.example",
		"a@b.example", "foo@ours.example", NULL, NULL, VERDICT_ACCEPT},
	{"smtpd_check", "a client without a name is refused",
		"refuse if client unnamed unless trusted", "203.0.113.17", "x.example",
		"a@b.example", "foo@ours.example", NULL, "client unnamed", VERDICT_REFUSE},
	{"smtpd_check", "unless it is in a network of ours",
		"refuse if client unnamed unless trusted", "198.51.100.13", "x.example",
		"a@b.example", "foo@far.example", NULL, "client unnamed", VERDICT_ACCEPT},
	{"smtpd_check", "a greeting that a table refuses", "refuse if helo \"*.bad.example\"",
		"203.0.113.17", "random.bad.example", "a@b.example", "foo@ours.example", NULL, NULL,
		VERDICT_REFUSE},
	{"smtpd_check", "and the exception to it",
		"refuse if helo \"*.bad.example\" unless helo \"friend.bad.example\"",
		"203.0.113.17", "friend.bad.example", "a@b.example", "foo@ours.example", NULL, NULL,
		VERDICT_ACCEPT},
	{"smtpd_check", "a sender that a table refuses", "refuse if sender in \"bad-senders\"",
		"203.0.113.17", "x.example", "bad@any.example", "foo@ours.example", NULL, NULL,
		VERDICT_REFUSE},
	{"smtpd_check", "a sender whose domain a table refuses",
		"refuse if sender in \"bad-senders\"", "203.0.113.17", "x.example", "a@Bad.Example",
		"foo@ours.example", NULL, NULL, VERDICT_REFUSE},
	{"smtpd_check", "a domain of the table does not refuse those below it",
		"refuse if sender in \"bad-senders\"", "203.0.113.17", "x.example",
		"a@sub.bad.example", "foo@ours.example", NULL, NULL, VERDICT_ACCEPT},
	{"smtpd_check", "a sender that no mail can reach", "refuse if sender domain unreachable",
		"203.0.113.17", "x.example", "a@gone.example", "foo@ours.example", NULL,
		"sender domain unreachable", VERDICT_REFUSE},
	{"smtpd_check", "a listed client", "refuse if listed \"bl.example\" unless trusted",
		"203.0.113.17", "x.example", "a@b.example", "foo@ours.example", NULL,
		"listed \"bl.example\"", VERDICT_REFUSE},
	{"smtpd_check", "a listed client that an allowlist has",
		"refuse if listed \"bl.example\" unless allowed \"wl.example\"", "203.0.113.17",
		"x.example", "a@b.example", "foo@ours.example", NULL, "allowed \"wl.example\"",
		VERDICT_ACCEPT},
	{"smtpd_check_dsn", "an unknown recipient", "", "203.0.113.17", "x.example", "a@b.example",
		"nobody@ours.example", NULL, NULL, VERDICT_REFUSE},
	{"smtpd_check_dsn", "a defer is no refusal", "defer if sender domain b.example",
		"203.0.113.17", "x.example", "a@b.example", "foo@ours.example", NULL, NULL,
		VERDICT_DEFER},
	{"smtpd_acl", "the null sender can be named", "refuse if sender null", "203.0.113.17",
		"x.example", "", "foo@ours.example", NULL, NULL, VERDICT_REFUSE},
	{"smtpd_acl", "an address with a +tag is its owner's",
		"refuse if recipient \"known@ours.example\"", "203.0.113.17", "x.example",
		"a@b.example", "known+ext@ours.example", NULL, NULL, VERDICT_REFUSE},
	{"smtpd_acl", "a client in a range that a table refuses",
		"refuse if client 203.0.113.16/29", "203.0.113.17", "x.example", "a@b.example",
		"foo@ours.example", NULL, NULL, VERDICT_REFUSE},
	{"smtpd_acl", "and one outside it", "refuse if client 203.0.113.16/29", "203.0.113.55",
		"x.example", "a@b.example", "foo@ours.example", NULL, NULL, VERDICT_ACCEPT},
	{"smtpd_addr_valid", "a known recipient", "", "203.0.113.17", "x.example", "a@b.example",
		"known@ours.example", NULL, NULL, VERDICT_ACCEPT},
	{"smtpd_addr_valid", "a sender of ours is not for strangers",
		"refuse if sender ours unless sender owned", "203.0.113.17", "x.example",
		"foo@ours.example", "known@ours.example", NULL, NULL, VERDICT_REFUSE},
	{"smtpd_check_backup", "we are no backup of a domain that is not declared", "",
		"203.0.113.17", "x.example", "a@b.example", "w@backup.example", NULL, NULL,
		VERDICT_REFUSE},
	{"smtpd_check_backup", "we are of one that is",
		"domain backup.example any recipient deliver via mx", "203.0.113.17", "x.example",
		"a@b.example", "w@backup.example", NULL, NULL, VERDICT_ACCEPT},
	{"smtpd_error", "a list that does not answer does not refuse",
		"refuse if listed \"bl.example\"", "203.0.113.17", "x.example", "a@b.example",
		"foo@ours.example", NULL, NULL, VERDICT_ACCEPT},
	{"smtpd_error", "where it would exempt, it defers",
		"refuse if client 203.0.113.17 unless allowed \"wl.example\"", "203.0.113.17",
		"x.example", "a@b.example", "foo@ours.example", NULL, NULL, VERDICT_DEFER},
	{"smtpd_server", "a grant holds whatever the sender's server says", "", "198.51.100.13",
		"x.example", "a@gone.example", "foo@far.example", NULL, NULL, VERDICT_ACCEPT},
	{"postfix-login-sender-match", "a login may use its own address", "", "203.0.113.17",
		"x.example", "known@ours.example", "foo@far.example", "known@ours.example", NULL,
		VERDICT_ACCEPT},
	{"postfix-login-sender-match", "with a +tag too", "", "203.0.113.17", "x.example",
		"known+x@ours.example", "foo@far.example", "known@ours.example", NULL,
		VERDICT_ACCEPT},
	{"postfix-login-sender-match", "and nobody else's", "", "203.0.113.17", "x.example",
		"foo@ours.example", "foo@far.example", "known@ours.example", NULL, VERDICT_REFUSE},
	{"postfix-login-sender-match", "the null sender is everybody's", "", "203.0.113.17",
		"x.example", "", "foo@far.example", "known@ours.example", NULL, VERDICT_ACCEPT},
};

static const struct {
	const char *file, *why;
} meaningless[] = {
	{"smtpd_token",
		"how commands are split is no policy: wire/mailbox_test.c has the addresses"},
	{"smtpd_deprecated", "old names of restrictions: the language has no second names"},
};

static struct facts facts_of(size_t row, const struct policy *policy, struct arena *arena)
{
	struct facts facts =
		test_facts(rows[row].client, rows[row].helo, rows[row].from, rows[row].to, arena);
	struct given *given = ARENA_NEW(arena, struct given);
	struct fact_answer *owned = ARENA_NEW(arena, struct fact_answer);
	char buffer[200];
	struct text why = TEXT_FIXED(buffer);

	facts.has_tls = facts.has_account = true;
	facts.account = slice_of(rows[row].account);
	facts.listener = rows[row].account ? SLICE("submission") : SLICE("smtp");
	facts.now = INT64_C(1800000000) * NS_PER_S;
	*owned = (struct fact_answer){.fact = FACT_OWNED, .argument = facts.account};
	facts.answers = owned;
	facts.answer_count = rows[row].account ? 1 : 0;
	if (rows[row].given &&
		!policy_given_parse(policy, slice_of(rows[row].given), arena, given, &why))
		fail_msg("%s: %.*s", rows[row].given, SLICE_ARGS(text_slice(&why)));
	facts.given = given;
	facts.given_count = rows[row].given ? 1 : 0;
	return facts;
}

static void what_they_mean_holds_here(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new();
		struct decision decision;
		struct slice text = arena_format(arena, "%s%s\n", base, rows[i].more);
		size_t files = slice_find(slice_of(rows[i].more), '"') != SIZE_MAX ? 2 : 1;
		struct policy *policy = test_load(arena_string(arena, text), lists, files);
		struct facts facts = facts_of(i, policy, arena);
		policy_decide(policy, &facts, STAGE_RCPT, arena, &decision);
		if (decision.verdict != rows[i].verdict)
			fail_msg("%s, %s: %.*s", rows[i].file, rows[i].intent,
				SLICE_ARGS(decision.words));
		policy_unref(policy);
		arena_free(arena);
	}
}

static bool is_named(struct slice file)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (slice_is(file, slice_of(rows[i].file)))
			return true;
	for (size_t i = 0; i < sizeof meaningless / sizeof *meaningless; i++)
		if (slice_is(file, slice_of(meaningless[i].file)))
			return true;
	return false;
}

/* Every *.json below the folder is named by a row; how many there were. */
static size_t folder_read(const char *corpora, const char *folder)
{
	char path[1000];
	struct dirent *entry;
	size_t seen = 0;

	snprintf(path, sizeof path, "%s/%s", corpora, folder);
	DIR *open = opendir(path);
	while (open && (entry = readdir(open)) != NULL) {
		struct slice name = slice_of(entry->d_name);
		if (!slice_ends_nocase(name, SLICE(".json")))
			continue;
		seen++;
		if (!is_named(slice_part(name, 0, name.len - 5)))
			fail_msg("%s has no row", entry->d_name);
	}
	if (open)
		closedir(open);
	return seen;
}

static void no_file_of_theirs_is_forgotten(void **state)
{
	const char *corpora = getenv("POSTERN_CORPORA");

	(void)state;
	if (!corpora)
		corpora = "../shared/corpora";
	size_t seen = folder_read(corpora, FILES_OPEN) +
		      folder_read(corpora, FILES_OPEN "/postfix-smtpd");
	if (seen == 0) {
		print_message("skipped: the corpus relay-restrictions is absent\n");
		skip();
	}
	for (size_t i = 0; i < sizeof meaningless / sizeof *meaningless; i++)
		print_message("no meaning here: %s, %s\n", meaningless[i].file, meaningless[i].why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_they_mean_holds_here),
		cmocka_unit_test(no_file_of_theirs_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
