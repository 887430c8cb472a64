/* SPDX-License-Identifier: Apache-2.0 */
/* Every statement and every atom: written well it loads, written badly it is pointed at. What loads
 * without effect is warned of, and the daemon refuses what it cannot serve. */
#include "policy/testing.h"

#include "policy/atoms.h"
#include "policy/statements.h"

static const char rest_text[] = "listen smtp \"*:25\"\npostmaster \"p@rest.example\"\n"
				"domain rest.example any recipient deliver via mx\n";
static const struct test_file files[] = {
	{"boxes", "alice\nbob@rest.example # her brother\n"},
	{"addresses", "a@a.example\nb.example\n"},
	{"domains", "# ours\none.example\n*.two.example\n"},
	{"bad-domains", "one.example\nno domain\n"},
	{"aliases", "info: alice@rest.example,\n  bob@rest.example\nbob: bob, alice\n"},
	{"loop", "a@x.example: b@x.example\nb@x.example: a@x.example\n"},
	{"programs", "info: |/bin/cat\n"},
};
enum { FILES = sizeof files / sizeof *files };

struct row {
	const char *text; /* rest_text is put behind it */
	const char
		*expected; /* the first complaint's first line, as a pattern; "": there is none */
};

static void first_of(const char *text, enum severity severity, char *out, size_t size)
{
	char whole[2000];
	struct complaints complaints;
	struct text shown = {.at = out, .size = size - 1};

	snprintf(whole, sizeof whole, "%s%s", text, rest_text);
	policy_unref(test_load_with(whole, files, FILES, &complaints));
	for (size_t i = 0; i < complaints.count && shown.len == 0; i++)
		if (complaints.list[i].severity == severity)
			text_complaint(&shown, &complaints.list[i]);
	struct slice line = slice_part(text_slice(&shown), 0, slice_find(text_slice(&shown), '\n'));
	out[line.len] = '\0';
	complaints_free(&complaints);
}

static void rows_hold(const struct row *rows, size_t count, enum severity severity)
{
	for (size_t i = 0; i < count; i++) {
		char shown[1500];
		first_of(rows[i].text, severity, shown, sizeof shown);
		if (!slice_matches(slice_of(shown), slice_of(rows[i].expected)))
			print_message("%s", rows[i].text);
		if (!slice_matches(slice_of(shown), slice_of(rows[i].expected)))
			assert_string_equal(shown, rows[i].expected);
	}
}
#define ERRORS_HOLD(rows) rows_hold(rows, sizeof(rows) / sizeof *(rows), SEVERITY_ERROR)
#define WARNINGS_HOLD(rows) rows_hold(rows, sizeof(rows) / sizeof *(rows), SEVERITY_WARNING)

/* ---- statements ---- */

static void settings_are_read(void **state)
{
	const struct row rows[] = {
		{"journal size 10 GB\n", ""},
		{"journal size unlimited\n", ""},
		{"journal size 0 B\n", "*1:14: error: a journal of this size keeps nothing; *"},
		{"journal hide local parts after 7 days\n", ""},
		{"journal hide parts after 7 days\n", "*1:14: error: unexpected \"parts\"; "
						      "expected local"},
		{"tls certificate \"/c\" key \"/k\"\ntls client-ca \"/a\"\n", ""},
		{"tls certificate \"/c\"\n", "*1:21: error: the statement ends too early; expected "
					     "key"},
		{"tls certificate \"/c\" key \"/k\"\ntls certificate \"/d\" key \"/l\"\n", ""},
		{"tls certificate \"/c\" key \"/k\"\ntls certificate \"/c\" key \"/l\"\n",
			"*2:17: error: this certificate is written already; one `tls certificate` "
			"for each"},
		{"tls client-ca \"/c\"\ntls client-ca \"/d\"\n",
			"*2:5: error: this is written already; one of the two"},
		{"tls trust \"/a\"\n", ""},
		{"tls trust \"/a\"\ntls trust \"/b\"\n",
			"*2:5: error: this is written already; one of the two"},
		{"tls cert \"/c\"\n", "*1:5: error: unexpected \"cert\"; expected certificate, "
				      "client-ca or trust"},
		{"accounts sqlite \"/a\"\n", ""},
		{"accounts postgresql \"host=db\"\n", ""},
		{"accounts sqlite \"/a\" domain Example.ORG\n", ""},
		{"accounts sqlite \"/a\" domain a.example domain b.example\n",
			"*1:39: error: this is written already; one of the two"},
		{"accounts file \"a\"\n", "*1:15: error: this path depends on where the daemon "
					  "is started; one that begins with /"},
		{"accounts ldap \"ldap://h/b\" bind \"cn=a\" password-file \"/p\"\n", ""},
		{"accounts ldap \"ldap://h/b\" bind \"cn=a\"\n",
			"*1:39: error: the statement ends too early; expected password-file"},
		{"accounts sqlite \"/a\" bind \"cn=a\" password-file \"/p\"\n",
			"*1:22: error: unexpected \"bind\"; expected domain"},
		{"accounts sqlit \"/a\"\n", "*1:10: error: unknown word \"sqlit\"; did you mean "
					    "\"sqlite\"?"},
		{"accounts file \"/a\"\naccounts file \"/b\"\n",
			"*2:1: error: \"accounts\" is written already, at test.conf:1; one of the "
			"two"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void limits_are_read(void **state)
{
	const struct row rows[] = {
		{"limits connections 20000, 50 per address, 300 per minute per address\n", ""},
		{"limits connections 50 per address\nlimits connections 9 errors 5\n", ""},
		{"limits connections 5, 6\n",
			"*1:23: error: the limit \"connections\" is written already; one of the "
			"two"},
		{"limits connections 5 per day\n", "*error: unexpected \"day\"; expected minute or "
						   "address"},
		{"limits errors 5 per address\n", "*1:17: error: unexpected \"per\"*"},
		{"network a 10.0.0.1\nlimits for network a errors 5, idle unlimited\n", ""},
		{"limits for network b errors 5\n", "*1:20: error: no network is named \"b\"; *"},
		{"network a 10.0.0.1\nlimits for network a errors 5\nlimits for network a no-ops "
		 "5\n",
			"*3:20: error: this network has its limits already; *"},
		{"limits for a errors 5\n", "*error: unexpected \"a\"; expected network"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void listeners_of_every_service_are_read(void **state)
{
	const struct row rows[] = {
		{"listen submission \"*:587\" \"[::1]:588\"\nlisten submissions \"*:465\"\n"
		 "listen lmtp \"127.0.0.1:24\"\nlisten pop3 \"*:110\"\nlisten pop3s \"*:995\"\n"
		 "listen control \"/run/c.sock\"\nlisten web \"127.0.0.1:8025\"\n",
			""},
		{"listen submision \"*:587\"\n", "*1:8: error: unknown word \"submision\"; did you "
						 "mean \"submission\"?"},
		{"listen submission \"*:25\"\n",
			"*2:13: error: another `listen` has this address and port; *"},
		{"listen control \"/c\" \"/c\"\n", "*1:21: error: another `listen` has*"},
		{"network lb 10.0.0.1\nlisten smtp \"*:26\" \"*:27\" proxy from lb\n", ""},
		{"network lb 10.0.0.1\nlisten pop3 \"*:110\" proxy from lb\n", ""},
		{"listen smtp \"*:26\" proxy from lb\n", "*error: no network is named \"lb\"; *"},
		{"listen local \"/run/postern/sendmail.sock\"\n", ""},
		{"listen local \"/a\"\nlisten local \"/a\"\n",
			"*error: another `listen` has this address and port; *"},
		{"listen control \"/a\"\nlisten local \"/a\"\n",
			"*error: another `listen` has this address and port; *"},
		{"listen smtp \"*:26\" proxy lb\n", "*error: unexpected \"lb\"; expected from"},
		{"listen web \"*:80\" proxy from lb\n", "*1:19: error: unexpected \"proxy\"; *"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void domains_are_read(void **state)
{
	const struct row rows[] = {
		{"domain a.example b.example mailboxes accounts deliver lmtp \"/run/l\"\n", ""},
		{"domain a.example mailboxes asked aliases \"aliases\" deliver smtp "
		 "\"h.example\"\n",
			""},
		{"domain a.example mailboxes asked deliver maildir \"/m/%d/%l\"\n",
			"*1:42: error: `mailboxes asked` asks the next hop, and a Maildir has "
			"none; "
			"*"},
		{"domain *.a.example any recipient deliver via mx\n", ""},
		{"domain *.a..example any recipient deliver via mx\n",
			"*1:8: error: \"*.a..example\" is no domain; *"},
		{"domain in \"domains\" any recipient deliver via mx\n", ""},
		{"domain in \"bad-domains\" any recipient deliver via mx\n",
			"bad-domains:2:1: error: this is no domain; one domain a line"},
		{"domain in \"nowhere\" any recipient deliver via mx\n",
			"*1:11: error: \"nowhere\" cannot be read: *"},
		{"domain in \"domains\" any recipient deliver via mx\n"
		 "domain one.example any recipient deliver via mx\n",
			"*2:8: error: the domain one.example is declared already, at domains:2; *"},
		{"domain a.example mailboxes account deliver via mx\n",
			"*1:28: error: unknown word \"account\"; did you mean \"accounts\"?"},
		{"domain a.example any recipient aliases aliases deliver via mx\n",
			"*error: unexpected \"aliases\"; expected a file's path in quotes"},
		{"domain a.example any recipient deliver lmtp \"h.example\"\n",
			"*error: LMTP has no port of its own; *"},
		{"domain a.example any recipient deliver lmtp \"h.example:24\"\n", ""},
		{"domain a.example any recipient\n", "*error: the statement ends too early; "
						     "expected aliases or deliver"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void aliases_are_read(void **state)
{
	const struct row rows[] = {
		{"domain x.example any recipient aliases \"loop\" deliver via mx\n",
			"loop:1:1: error: the alias comes back to itself, *"},
		{"domain x.example any recipient aliases \"programs\" deliver via mx\n",
			"programs:1:1: error: an alias stands for addresses, never for a program "
			"or a file; *"},
		{"domain x.example y.example any recipient aliases \"aliases\" deliver via mx\n",
			"aliases:3:1: error: several domains use this file, so a local part alone "
			"is nobody's; the whole address"},
		{"domain x.example any recipient aliases \"boxes\" deliver via mx\n",
			"boxes:1:1: error: this is no alias; *"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void networks_and_certificates_are_read(void **state)
{
	const struct row rows[] = {
		{"network a 10.0.0.1 owns \"a@a.example\" domain b.example in \"addresses\" any "
		 "sender any author\n",
			""},
		{"network a 10.0.0.1 shared owns any sender\n", ""},
		{"network a 10.0.0.1 owns\n", "*error: the statement ends too early; expected "
					      "domain, in, any or an address in quotes"},
		{"network a 10.0.0.1 owns everything\n",
			"*1:25: error: unexpected \"everything\"; *"},
		{"network a 10.0.0.1 owns \"*@a.example\"\n",
			"*1:25: error: this stands for no single address; *"},
		{"network a 10.0.0.1 owns any recipient\n",
			"*1:29: error: unexpected \"recipient\"; expected sender or author"},
		{"certificate c "
		 "\"SHA256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:"
		 "77:88:99:aa:bb:cc:dd:ee:ff\" owns any sender\nrelay for certificate c\n",
			""},
		{"certificate c \"SHA1:0011\"\n", "*1:15: error: \"SHA1:0011\" is no fingerprint; "
						  "*"},
		{"certificate c \"SHA256:0011\"\ncertificate c \"SHA256:0022\"\n",
			"*2:13: error: the certificate \"c\" is declared already, at test.conf:1; "
			"*"},
		{"relay for certificate c\n", "*1:23: error: no certificate is named \"c\"; a "
					      "`certificate` statement that declares it"},
		{"certificate jira \"SHA256:0011\"\nrefuse unless certificate jra\n",
			"*error: no certificate is named \"jra\"; did you mean \"jira\"?"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void grants_are_read(void **state)
{
	const struct row rows[] = {
		{"relay for authenticated if listener submission\nrelay for account "
		 "\"a@b.example\"\n"
		 "relay for group staff unless sender null until 2030-01-01 note \"why\"\n"
		 "relay for recent-pop\nrelay for recent-pop within 10 minutes\n"
		 "relay for local\nrelay for local user www-data\n",
			""},
		{"relay for authentic\n",
			"*error: unexpected \"authentic\"; expected network, "
			"authenticated, account, group, certificate, recent-pop or "
			"local"},
		{"relay for account a\n", "*error: unexpected \"a\"; expected an account's name in "
					  "quotes"},
		{"relay for recent-pop within 0 s\n", "*error: no lease is as short as this; *"},
		{"relay for group \"staff\"\n", "*error: unexpected string \"staff\"; expected a "
						"group's name"},
		{"forward for domain rest.example if sender domain a.example note \"x\"\n"
		 "forward for \"a@rest.example\" until 2030-01-01\n",
			""},
		{"forward for a@rest.example\n", "*error: unexpected \"a@rest.example\"; expected "
						 "domain or an address of ours in quotes"},
		{"forward for domain rest.example until tomorrow\n",
			"*error: \"tomorrow\" is no date; *"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void limits_of_mail_are_read(void **state)
{
	const struct row rows[] = {
		{"network a 10.0.0.1\ncertificate c \"SHA256:0011\"\n"
		 "limit authenticated 500 recipients per day\n"
		 "limit account \"a@b.example\" 5 messages per 2 hours\n"
		 "limit group g 1 messages per second together\n"
		 "limit network a 60 messages per minute unless sender null\n"
		 "limit certificate c 60 messages per week say \"enough\" code 450 4.7.28\n"
		 "limit client 5 messages per day\nlimit sender 5 messages per day\n"
		 "limit sender domain 5 messages per day\nlimit recipient 5 messages per day\n",
			""},
		{"limit everybody 5 messages per day\n",
			"*error: unexpected \"everybody\"; expected authenticated, account, group, "
			"network, certificate, client, sender or recipient"},
		{"limit client 0 messages per day\n",
			"*error: a limit of 0 lets nothing happen; *"},
		{"limit client 5 mails per day\n",
			"*error: unexpected \"mails\"; expected recipients or messages"},
		{"limit client 5 messages per fortnight\n", "*1:29: error: unexpected "
							    "\"fortnight\"; expected a number of "
							    "units, s, second, *"},
		{"limit client 5 messages per 0 days\n", "*error: no time is as short as this; *"},
		{"limit client 5 messages per day if sender null\n",
			"*error: unexpected \"if\"; expected together, unless, say, code or the "
			"end of the statement"},
		{"limit client 5 messages per day code 550 5.7.1\n",
			"*error: the code does not fit the verb; 4xx 4.x.x for `defer` and "
			"`limit`"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

/* Longer than ROUTE_LOGIN_MAX. */
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void ways_are_read(void **state)
{
	const struct row rows[] = {
		{"deliver a.example via \"h.example:587\" tls verified login \"me\" password-file "
		 "\"/p\"\n",
			""},
		{"deliver * if account \"a@b.example\" via mx tls dane\n"
		 "deliver * if group g via mx\ndeliver * via mx\n",
			""},
		{"deliver * via \"h.example:587\" tls verified login \"\" password-file \"/p\"\n",
			"*error: an empty string; the name to sign in as, in quotes"},
		{"deliver * via \"h.example:587\" tls verified login \"" X50 X50 X50 X50 X50 "x"
		 "\" password-file \"/p\"\n",
			"*error: this has 251 octets: 1 to 250; the name to sign in as, in quotes"},
		{"deliver * via \"h.example:587\" login \"me\" password-file \"/p\"\n",
			"*error: a password is sent only to a server whose certificate is "
			"verified; *"},
		{"deliver * via \"h.example:587\" tls may login \"me\" password-file \"/p\"\n",
			"*error: a password is sent only*"},
		{"deliver * via mx tls verified login \"me\" password-file \"/p\"\n",
			"*error: one does not sign in at the servers of any domain; *"},
		{"deliver * via \"h.example\" tls verified login \"me\"\n",
			"*error: the statement ends too early; expected password-file"},
		{"deliver * via mx tls sometimes\n",
			"*error: unexpected \"sometimes\"; expected off, may, verified or dane"},
		{"deliver * if recipient ours via mx\n", "*error: a way is not chosen by this; *"},
		{"deliver * if group g via mx\ndeliver * if group g via \"h.example\"\n",
			"*2:9: error: this `deliver` and the line at test.conf:1 could both be "
			"chosen; *"},
		{"deliver * if group g via mx\ndeliver * if group h via \"h.example\"\n", ""},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void signing_is_read(void **state)
{
	const struct row rows[] = {
		{"sign rest.example selector a key \"/a\"\nsign rest.example selector b key "
		 "\"/b\"\nsign * if authenticated selector c key \"/%d.pem\"\n",
			""},
		{"sign * selector c key \"/c.pem\"\n",
			"*error: one key would sign for every domain, *"},
		{"sign * selector c key \"/%x.pem\"\n",
			"*error: a % that stands for nothing; %d for the author's domain"},
		{"sign a.example key \"/c\"\n", "*error: unexpected \"key\"; expected if or "
						"selector"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void expectations_are_read(void **state)
{
	const struct row rows[] = {
		{"expect refuse 5.7.1 client 203.0.113.9 from \"a@a.example\" to \"b@b.example\"\n",
			""},
		{"expect accept to \"b@rest.example\" helo \"h\" tls listener smtp sender \"<>\" "
		 "given not spf fail given listed \"z.example\"\n",
			""},
		{"expect refuse 5.7 to \"b@rest.example\"\n",
			"*1:15: error: \"5.7\" is no enhanced code; *"},
		{"expect refuse 4.7.1 to \"b@rest.example\"\n",
			"*error: the code does not fit the verb; 5.x.x for `refuse`"},
		{"expect\n", "*error: the statement ends too early; expected accept, refuse or "
			     "defer"},
		{"expect accept client 10.0.0.1\n",
			"*error: to whom the mail goes is missing; `to \"ADDRESS\"`"},
		{"expect accept to \"b@rest.example\" to \"c@rest.example\"\n",
			"*error: \"to\" is written already; one of the two"},
		{"expect accept to \"b\"\n", "*error: this is no mail address: *"},
		{"expect accept to \"b@rest.example\" given spf\n",
			"*error: the statement ends too early; expected pass, fail, softfail, "
			"neutral, none or permerror"},
		{"expect accept to \"b@rest.example\" certificate c\n",
			"*error: no certificate is named \"c\"; *"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

/* ---- atoms ---- */

/* An argument of each kind, well and badly written, and what is said of the latter. */
struct argument_row {
	const char *good, *bad, *expected;
};
static const struct argument_row arguments[] = {
	[TAKES_NOTHING] = {"", "7", "*error: unexpected \"7\"*"},
	[TAKES_NETWORK] = {"192.0.2.0/24", "192.0.2.1/24", "*error: bits are set behind the*"},
	[TAKES_NETWORK_NAME] = {"office", "ofice",
		"*error: no network is named \"ofice\"; did you mean \"office\"?"},
	[TAKES_SERVICE] = {"submission", "imap", "*error: unexpected \"imap\"; expected smtp, *"},
	[TAKES_PATTERN] = {"\"*.a.example\"", "a.example", "*error: unexpected \"a.example\"*"},
	[TAKES_ADDRESS] = {"\"a@a.example\"", "\"a@\"", "*error: this is no mail address*"},
	[TAKES_DOMAIN] = {"a.example", "a.example.", "*error: \"a.example.\" is no domain*"},
	[TAKES_LIST] = {"\"addresses\"", "\"nowhere\"", "*error: \"nowhere\" cannot be read*"},
	[TAKES_SIZE] = {"25 MB", "25 sheep", "*error: unexpected \"sheep\"; expected B, *"},
	[TAKES_NUMBER] = {"100", "many", "*error: \"many\" is no number up to *"},
	[TAKES_ACCOUNT] = {"\"a@a.example\"", "a",
		"*error: unexpected \"a\"; expected an "
		"account's name in quotes"},
	[TAKES_GROUP] = {"staff", "\"staff\"", "*error: unexpected string \"staff\"*"},
	[TAKES_CERTIFICATE] = {"jira", "jra",
		"*error: no certificate is named \"jra\"; did you "
		"mean \"jira\"?"},
	[TAKES_RESULT] = {"softfail", "sotfail",
		"*error: unknown word \"sotfail\"; did you mean "
		"\"softfail\"?"},
	[TAKES_POLICY] = {"reject", "pass",
		"*error: unexpected \"pass\"; expected none, "
		"quarantine or reject"},
	[TAKES_ZONE] = {"\"z.example\" returning 127.0.0.2-11 127.0.1.0/24",
		"\"z.example\" returning 10.0.0.1", "*error: no list answers with this; *"},
	[TAKES_HEADER] = {"\"Subject\" \"*offer*\"", "\"Subject:\" \"x\"",
		"*error: this is no name of a header field; *"},
};

static void every_atom_takes_its_argument(void **state)
{
	static const char names[] = "network office 192.0.2.0/24\ncertificate jira "
				    "\"SHA256:0011\"\n";

	(void)state;
	for (int i = 0; i < ATOMS; i++) {
		const struct atom_row *row = atom_row((enum atom)i);
		const struct argument_row *argument = &arguments[row->argument];
		char good[300], bad[300];
		snprintf(good, sizeof good, "%srefuse if sender null unless %.*s %s\n", names,
			SLICE_ARGS(row->words), argument->good);
		snprintf(bad, sizeof bad, "%srefuse if sender null unless %.*s %s\n", names,
			SLICE_ARGS(row->words), argument->bad);
		const struct row rows[] = {{good, ""}, {bad, argument->expected}};
		ERRORS_HOLD(rows);
	}
}

static void answers_of_lists_are_read(void **state)
{
	const struct row rows[] = {
		{"refuse if listed \"z.example\" returning 127.0.0.11-2\n",
			"*1:40: error: this is no range of the last number; *"},
		{"refuse if listed \"z.example\" returning\n",
			"*error: the statement ends too early; expected an answer like 127.0.0.2 "
			"or 127.0.0.2-11"},
		{"refuse if listed \"z.example\" returning 127.255.255.254\n",
			"*error: 127.255.255.x says that a list refuses to answer, *"},
		{"refuse if listed \"z .example\"\n", "*error: \"z .example\" is no zone of a "
						      "list; *"},
	};

	(void)state;
	ERRORS_HOLD(rows);
}

static void a_range_of_answers_is_cut_into_networks(void **state)
{
	struct policy *policy =
		test_load("refuse if listed \"z.example\" returning 127.0.0.2-11\n", NULL, 0);
	const struct node *node = &policy->nodes.at[0];
	static const uint8_t expected[][2] = {{2, 127}, {4, 126}, {8, 126}};

	(void)state;
	assert_int_equal(node->net_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(node->nets[i].base.bytes[15], expected[i][0]);
		assert_int_equal(node->nets[i].prefix, expected[i][1]);
	}
	policy_unref(policy);
}

/* ---- what has no effect yet ---- */

/* A line for each row of later.def. */
static const struct {
	enum later later;
	const char *text;
	bool served;
} laters[] = {
	{LATER_ACCOUNTS_POSTGRESQL, "accounts postgresql \"host=db\"\n", false},
	{LATER_SIGN, "sign a.example selector s key \"/k\"\n", true},
	{LATER_JOURNAL_SIZE, "journal size 10 GB\n", true},
	{LATER_JOURNAL_HIDE, "journal hide local parts after 7 days\n", true},
	{LATER_LMTP_SERVICE, "listen lmtp \"*:24\"\n", false},
	{LATER_WEB, "listen web \"*:80\"\n", false},
	{LATER_TLS_DANE, "deliver * via mx tls dane\n", false},
};

static void what_has_no_effect_yet_is_warned_of_and_the_unserved_refused(void **state)
{
	(void)state;
	assert_int_equal(sizeof laters / sizeof *laters, LATERS);
	for (size_t i = 0; i < LATERS; i++) {
		char whole[500];
		struct complaints complaints;
		snprintf(whole, sizeof whole, "%s%s", laters[i].text, rest_text);
		struct policy *policy = test_load_with(whole, files, FILES, &complaints);
		test_print(policy ? &(struct complaints){0} : &complaints);
		assert_non_null(policy);
		bool said = false;
		for (size_t j = 0; j < policy->laters.count; j++)
			said |= policy->laters.at[j].later == laters[i].later;
		assert_true(said);
		size_t warnings = complaints.count;
		assert_true(warnings > 0);
		assert_int_equal(policy_cannot_serve(policy, &complaints), !laters[i].served);
		assert_int_equal(complaints.errors > 0, !laters[i].served);
		assert_int_equal(complaints.count, warnings); /* each is said once */
		policy_unref(policy);
		complaints_free(&complaints);
	}
}

static void a_fact_that_nobody_finds_is_warned_of_once(void **state)
{
	struct complaints complaints;
	size_t count = 0;
	struct policy *policy = test_load_with("refuse if virus\nrefuse if virus and sender null\n"
					       "expect accept to \"a@b.example\" given virus\n",
		NULL, 0, &complaints);

	(void)state;
	for (size_t i = 0; i < complaints.count; i++)
		count += slice_starts(complaints.list[i].what,
			SLICE("this version does not find whether a virus was found yet: "));
	assert_int_equal(count, 1);
	policy_unref(policy);
	complaints_free(&complaints);
}

/* ---- what is found in what was read ---- */

static void the_nearest_domain_that_holds_a_name_is_found(void **state)
{
	static const char *const rows[][2] = {
		{"a.example", "a.example"},
		{"x.a.example", "*.a.example"},
		{"y.x.a.example", "*.a.example"},
		{"x.b.a.example", "*.b.a.example"},
		{"b.a.example", "*.a.example"},
		{"c.b.a.example", "c.b.a.example"},
		{"example", ""},
		{"aa.example", ""},
		{"[192.0.2.1]", ""},
		{"one.example", "one.example"},
		{"x.two.example", "*.two.example"},
		{"two.example", ""},
	};
	struct policy *policy =
		test_load("domain a.example c.b.a.example *.a.example *.b.a.example "
			  "any recipient deliver via mx\n"
			  "domain in \"domains\" any recipient deliver via mx\n",
			files, FILES);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char shown[100] = "";
		const struct domain_row *row = domain_find(policy, slice_of(rows[i][0]));
		if (row)
			snprintf(shown, sizeof shown, "%s%.*s", row->below ? "*." : "",
				SLICE_ARGS(row->name));
		assert_string_equal(shown, rows[i][1]);
	}
	policy_unref(policy);
}

static void aliases_are_found_by_address_and_by_local_part(void **state)
{
	static const struct {
		const char *address;
		size_t targets; /* 0: no alias */
	} rows[] = {
		{"info@rest2.example", 2},
		{"INFO@rest2.example", 2},
		{"info+news@rest2.example", 2},
		{"bob@rest2.example", 2},
		{"alice@rest2.example", 0},
		{"info@far.example", 0},
	};
	struct policy *policy =
		test_load("domain rest2.example any recipient aliases \"aliases\" deliver via mx\n"
			  "forward for domain rest2.example\n",
			files, FILES);
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mailbox mailbox;
		test_mailbox(rows[i].address, arena, &mailbox);
		const struct alias_row *row = alias_find(policy, &mailbox);
		assert_int_equal(row ? row->target_count : 0, rows[i].targets);
	}
	arena_free(arena);
	policy_unref(policy);
}

static void limits_of_a_network_hold_for_its_clients(void **state)
{
	static const struct {
		const char *client;
		bool trusted;
		uint64_t errors, recipients, connections, per_address, per_minute;
		const char *counted_in;
	} rows[] = {
		{"192.0.2.1", false, 20, 1000, 20000, 50, 300, ""},
		{"192.0.2.1", true, 20, 1000, 20000, UINT64_MAX, UINT64_MAX, ""},
		{"10.0.0.1", false, 5, 1000, 30, 50, 300, "a"},
		{"10.0.0.1", true, 5, 1000, 30, UINT64_MAX, UINT64_MAX, "a"},
		/* in both: the widest */
		{"10.1.0.1", false, 7, UINT64_MAX, 40, 9, 300, "b"},
		{"10.1.0.1", true, 7, UINT64_MAX, 40, 9, UINT64_MAX, "b"},
	};
	struct policy *policy = test_load("network a 10.0.0.0/8\nnetwork b 10.1.0.0/16\n"
					  "limits for network b errors 7, recipients "
					  "unlimited\tconnections 40, 9 per address\n"
					  "limits for network a errors 5, connections 30\n",
		NULL, 0);

	(void)state;
	assert_true(policy_has_limits_for(policy));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct address client;
		assert_true(address_parse(slice_of(rows[i].client), &client));
		struct session_limits limits = policy_limits_of(policy, &client, rows[i].trusted);
		assert_int_equal(limits.errors, rows[i].errors);
		assert_int_equal(limits.recipients, rows[i].recipients);
		assert_int_equal(limits.connections, rows[i].connections);
		assert_int_equal(limits.connections_per_address, rows[i].per_address);
		assert_int_equal(limits.connections_per_minute, rows[i].per_minute);
		assert_true(slice_is(limits.counted_in, slice_of(rows[i].counted_in)));
	}
	policy_unref(policy);
}

/* ---- trial --fact ---- */

static void an_atom_given_from_outside_is_read_with_the_policys_names(void **state)
{
	static const struct {
		const char *text, *expected; /* "": it is read */
	} rows[] = {
		{"spf fail", ""},
		{"not client unnamed", ""},
		{"listed \"bl.example\"", ""},
		{"network office", ""},
		{"recipient \"Alice@Rest.Example\"", ""},
		{"network ofice", "no network is named \"ofice\"; *"},
		{"spf", "the statement ends too early; *"},
		{"", "an atom in the policy's words is missing"},
		{"spf fail and virus", "unexpected \"and\"; expected the end"},
		{"sender in \"nowhere\"", "\"nowhere\" cannot be read*"},
		{"\"unclosed", "the string has no end*"},
	};
	struct policy *policy = test_load("network office 192.0.2.0/24\nrelay for network office\n"
					  "domain rest.example any recipient deliver via mx\n",
		NULL, 0);
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct given given;
		struct text why = TEXT_GROWING;
		size_t nodes = policy->nodes.count;
		bool read = policy_given_parse(policy, slice_of(rows[i].text), arena, &given, &why);
		assert_int_equal(read, rows[i].expected[0] == '\0');
		assert_true(slice_matches(text_slice(&why), slice_of(rows[i].expected)));
		assert_int_equal(policy->nodes.count, nodes);
		text_free(&why);
	}
	arena_free(arena);
	policy_unref(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(limits_are_read),
		cmocka_unit_test(listeners_of_every_service_are_read),
		cmocka_unit_test(domains_are_read),
		cmocka_unit_test(aliases_are_read),
		cmocka_unit_test(networks_and_certificates_are_read),
		cmocka_unit_test(grants_are_read),
		cmocka_unit_test(limits_of_mail_are_read),
		cmocka_unit_test(ways_are_read),
		cmocka_unit_test(signing_is_read),
		cmocka_unit_test(expectations_are_read),
		cmocka_unit_test(every_atom_takes_its_argument),
		cmocka_unit_test(answers_of_lists_are_read),
		cmocka_unit_test(a_range_of_answers_is_cut_into_networks),
		cmocka_unit_test(what_has_no_effect_yet_is_warned_of_and_the_unserved_refused),
		cmocka_unit_test(a_fact_that_nobody_finds_is_warned_of_once),
		cmocka_unit_test(the_nearest_domain_that_holds_a_name_is_found),
		cmocka_unit_test(aliases_are_found_by_address_and_by_local_part),
		cmocka_unit_test(limits_of_a_network_hold_for_its_clients),
		cmocka_unit_test(an_atom_given_from_outside_is_read_with_the_policys_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
