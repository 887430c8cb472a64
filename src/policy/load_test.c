/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: what is read, and what is complained about, where and how. */
#include "policy/testing.h"

static const char rest_text[] = "listen smtp \"*:25\"\npostmaster \"p@rest.example\"\n"
				"domain rest.example any recipient deliver via mx\n";
static const struct test_file lists[] = {
	{"boxes", "alice\n"}, {"broken", "ok@example.org\n\n@@\n"}};

struct row {
	const char *text;     /* rest_text is put behind it */
	const char *expected; /* the complaint as shown, cut before its source line */
};

/* The first error; without one, the first warning that is not about who may send as whom. */
static void complaint_show(struct text *shown, const struct complaints *complaints)
{
	const struct complaint *first = NULL;

	for (size_t i = 0; i < complaints->count && complaints->errors == 0 && !first; i++) {
		const struct complaint *complaint = &complaints->list[i];
		bool told = complaint->severity == SEVERITY_WARNING &&
			    !slice_matches(complaint->what, SLICE("*owns nothing*"));
		first = told ? complaint : NULL;
	}
	for (size_t i = 0; i < complaints->count && complaints->errors > 0 && !first; i++)
		first = complaints->list[i].severity == SEVERITY_ERROR ? &complaints->list[i]
								       : NULL;
	if (first)
		text_complaint(shown, first);
}

static void first_complaint(const char *text, char *out, size_t size)
{
	char whole[1500];
	struct complaints complaints;
	struct text shown = {.at = out, .size = size - 1};

	snprintf(whole, sizeof whole, "%s%s", text, rest_text);
	policy_unref(test_load_with(whole, lists, 2, &complaints));
	complaint_show(&shown, &complaints);
	struct slice line = slice_part(text_slice(&shown), 0, slice_find(text_slice(&shown), '\n'));
	out[line.len] = '\0';
	complaints_free(&complaints);
}

static void rows_hold(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char shown[1000];
		first_complaint(rows[i].text, shown, sizeof shown);
		assert_string_equal(shown, rows[i].expected);
	}
}
#define ROWS_HOLD(rows) rows_hold(rows, sizeof(rows) / sizeof *(rows))

static void what_is_right_gives_no_complaint(void **state)
{
	const struct row rows[] = {
		{"", ""},
		{"# comment only\n\n", ""},
		{"hostname mx.example.org\nstate \"/var/lib/x\"\nuser mail\nresolver \"::1@53\"\n",
			""},
		{"grace 1 minute\nmessage size 10 MiB\nretry for 2 days first after 5 minutes at "
		 "most "
		 "1 hour\njournal keep 1 week\nwidest network /14 /32\nedges 3\n"
		 "line ends normalise\n",
			""},
		{"limits connections 100, errors 5, unknown recipients 3, no-ops unlimited\n"
		 "limits idle 1 minute transaction 10 minutes headers 64 KiB recipients 50\n",
			""},
		{"network a 10.0.0.0/8\n\trelay\n# not the end\n\n  for network a\n",
			"test.conf:2:2: error: unexpected \"relay\"; expected an address or a "
			"network, "
			"shared, owns or the end of the statement"},
		{"network a 10.0.0.0/8\nrelay\n# not the end\n\n  for network a\n", ""},
		{"domain example.org b.example mailboxes \"boxes\" deliver smtp \"h.example\" "
		 "\"[2001:db8::1]:2525\" tls off\n",
			""},
		{"domain \"localhost\" any recipient deliver via mx\n", ""},
		{"refuse if sender \"a \\\"b\\\"@x.example\" say \"no \\\\ \\\"way\\\"\"\n",
			"test.conf:1:18: error: this is no mail address: *"},
		{"deliver a.example via mx port 2525\ndeliver * if sender domain b.example via "
		 "\"h.example\"\ndeliver * via mx tls may\n",
			""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char shown[1000];
		first_complaint(rows[i].text, shown, sizeof shown);
		if (!slice_matches(slice_of(shown), slice_of(rows[i].expected)))
			assert_string_equal(shown, rows[i].expected);
	}
}

static void unknown_words_are_met_with_what_was_meant(void **state)
{
	const struct row rows[] = {
		{"network office 10.1.0.0/16\nrelay for netwrok office\n",
			"test.conf:2:11: error: unknown word \"netwrok\"; did you mean "
			"\"network\"?"},
		{"network office 10.1.0.0/16\nrelay for network ofice\n",
			"test.conf:2:19: error: no network is named \"ofice\"; did you mean "
			"\"office\"?"},
		{"relay for network office\n", "test.conf:1:19: error: no network is named "
					       "\"office\"; a `network` statement "
					       "that declares it"},
		{"hostnam mx.example.org\n", "test.conf:1:1: error: unknown word \"hostnam\"; did "
					     "you mean \"hostname\"?"},
		{"frobnicate 7\n", "test.conf:1:1: error: no statement begins with \"frobnicate\""},
		{"message 5 MB\n", "test.conf:1:9: error: unexpected \"5\"; expected size"},
		{"refuse if sendr null\n",
			"test.conf:1:11: error: unknown word \"sendr\"; did you mean \"sender\"?"},
		{"refuse if sender nul\n",
			"test.conf:1:18: error: unknown word \"nul\"; did you mean \"null\"?"},
		{"refuse if recipient 7\n", "test.conf:1:21: error: unexpected \"7\"; expected "
					    "domain, in, ours, unknown or "
					    "an address in quotes"},
		{"refuse\n", "test.conf:1:7: error: the statement ends too early; expected if or "
			     "unless"},
		{"grace 30 sheep\n",
			"test.conf:1:10: error: unexpected \"sheep\"; expected s, second, seconds, "
			"minute, minutes, hour, hours, day, days, week or weeks"},
		{"message size 10 Mb\n",
			"test.conf:1:17: error: unknown word \"Mb\"; did you mean \"MB\"?"},
		{"hostname example.org extra\n", "test.conf:1:22: error: unexpected \"extra\"; "
						 "expected the end of the statement"},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void values_that_are_wrong_are_pointed_at(void **state)
{
	const struct row rows[] = {
		{"network a 192.0.2.1/24\n",
			"test.conf:1:11: error: bits are set behind the network's prefix, so this "
			"is no "
			"network; 192.0.2.0/24, or a single address without /"},
		{"network a 10.1.0.0/16\nnetwork a 10.2.0.0/16\n",
			"test.conf:2:9: error: the network \"a\" is declared already, at "
			"test.conf:1; "
			"another name, or all pieces in one line"},
		{"domain a.example any recipient deliver via mx\ndomain A.example any recipient "
		 "deliver via mx\n",
			"test.conf:2:8: error: the domain a.example is declared already, at "
			"test.conf:1; "
			"one `domain` for each name"},
		{"domain a.example mailboxes \"nowhere\" deliver via mx\n",
			"test.conf:1:28: error: \"nowhere\" cannot be read: it is not in the "
			"bundle; a "
			"file that can be read"},
		{"domain a.example mailboxes \"broken\" deliver via mx\n",
			"broken:3:1: error: this is no address and no local part; one address or "
			"local "
			"part a line"},
		{"state \"a\"\nstate \"b\"\n", "test.conf:2:1: error: \"state\" is written "
					       "already, at test.conf:1; one of the "
					       "two"},
		{"hostname example\n", "test.conf:1:10: error: unexpected \"example\"; expected "
				       "the host's name or a "
				       "single label in quotes"},
		{"hostname example.org.\n", "test.conf:1:10: error: \"example.org.\" is no domain; "
					    "a name like example.org, "
					    "without a last dot"},
		{"listen smtp \"25\"\n",
			"test.conf:1:13: error: \"25\" is no address with a port; like \"*:25\", "
			"\"192.0.2.1:25\", \"[::1]:25\""},
		{"listen smtp \"*:70000\"\n", "test.conf:1:13: error: \"*:70000\" is no address "
					      "with a port; like \"*:25\", "
					      "\"192.0.2.1:25\", \"[::1]:25\""},
		{"listen smtp \"*:25\"\n",
			"test.conf:2:13: error: another `listen` has this address and port; one "
			"`listen` for each"},
		{"state \"x\n",
			"test.conf:1:7: error: the string has no end on this line; a closing "
			"quotation mark"},
		{"state \"a\\n\"\n", "test.conf:1:9: error: a backslash in a string that escapes "
				     "nothing; only \\x5c\" "
				     "and \\x5c\\x5c are escapes"},
		{"  state \"x\"\n",
			"test.conf:1:1: error: a line that begins with white space continues a "
			"statement, and there is none before it; a statement at the beginning of "
			"the "
			"line"},
		{"state \"\x01\"\n", "test.conf:1:8: error: a byte that is no text in UTF-8; plain "
				     "text, without "
				     "control characters"},
		{"refuse if sender \"*@x.example\"\n",
			"test.conf:1:18: error: this stands for no single address; an address like "
			"\"user@example.org\"; for a whole domain write `domain example.org`"},
		{"refuse if sender null code 450 4.7.1\n",
			"test.conf:1:28: error: the code does not fit the verb; 5xx 5.x.x for "
			"`refuse`"},
		{"defer if sender null code 421 4.7.1\n", "test.conf:1:27: error: this code ends "
							  "sessions and is not for clauses; 450 "
							  "4.7.1"},
		{"network a 10.0.0.1\nrelay for network a unless size > 1 MB\n",
			"test.conf:2:28: error: a grant is decided at RCPT, when the size is not "
			"known yet; a `refuse if network … and size > …` beside the grant"},
		{"limits errors 5\nlimits idle 1 minute errors 6\n",
			"test.conf:2:22: error: the limit \"errors\" is written already; one of "
			"the "
			"two"},
		{"network a 10.0.0.1\nrelay for network a unless size > 1 MB\n",
			"test.conf:2:28: error: a grant is decided at RCPT, when the size is not "
			"known yet; a `refuse if network … and size > …` beside the grant"},
		{"limits errors 5\nlimits idle 1 minute errors 6\n",
			"test.conf:2:22: error: the limit \"errors\" is written already; one of "
			"the "
			"two"},
		{"edges 49\n", "test.conf:1:7: error: \"49\" is no number up to 48; a number of "
			       "processes"},
		{"limits errors 0\n",
			"test.conf:1:15: error: a limit of 0 lets nothing happen; 1 or more, or "
			"`unlimited`"},
		{"deliver * via \"a b\"\n", "test.conf:1:15: error: \"a b\" is no host with a "
					    "port; like \"relay.example\", "
					    "\"192.0.2.1:25\", \"[2001:db8::1]:25\""},
		{"domain a.example any recipient deliver maildir \"/m/%x\"\n",
			"test.conf:1:48: error: a % that stands for nothing; %d for the domain, %l "
			"for "
			"the local part"},
		{"network a 10.0.0.1\nrelay for network a until 2026-02-30\n",
			"test.conf:2:27: error: \"2026-02-30\" is no date; a day that exists, like "
			"2027-06-30"},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void trusted_stands_only_where_more_grants_refuse_less(void **state)
{
	static const char wrong[] =
		"*: error: `trusted` stands where one more `relay for` would refuse more, or grant "
		"more; *";
	static const struct {
		const char *text;
		bool right;
	} rows[] = {
		{"refuse if sender null unless trusted\n", true},
		{"refuse if not trusted\n", true},
		{"defer if sender null and not (trusted or client 10.0.0.1)\n", true},
		{"refuse if trusted\n", false},
		{"refuse if sender null unless not trusted\n", false},
		{"refuse if not not trusted\n", false},
		{"refuse if not not not trusted\n", false},
		{"network a 10.0.0.1\nrelay for network a if trusted\n", false},
		{"network a 10.0.0.1\nrelay for network a unless trusted\n", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char shown[1000];
		first_complaint(rows[i].text, shown, sizeof shown);
		if (rows[i].right)
			assert_string_equal(shown, "");
		else
			assert_true(slice_matches(slice_of(shown), SLICE(wrong)));
	}
}

static void a_network_that_would_be_an_open_relay_is_an_error(void **state)
{
	static const struct {
		const char *net;
		const char *expected;
	} rows[] = {
		{"0.0.0.0/0", "*open relay*"},
		{"::/0", "*open relay*"},
		{"192.0.0.0/15", "*open relay*"},
		{"198.51.0.0/16", ""},
		{"10.0.0.0/8", ""},
		{"10.0.0.0/7", "*open relay*"},
		{"2001:db8::/31", "*open relay*"},
		{"2001:db8::/32", ""},
		{"::ffff:0:0/96", "*open relay*"},
		{"::/64", "*open relay*"},
		{"::/96", "*open relay*"},
		{"::1", ""},
		{"64:ff9b::/96", "*open relay*"},
		{"64:ff9b::c000:200/120", ""},
		{"2002:c000::/24", "*open relay*"},
		{"2002:c000:201::/48", ""},
		{"fd00::/8", ""},
		{"240.0.0.0/16", "*reserved*"},
		{"224.0.0.1", "*reserved*"},
		{"ff02::/32", "*reserved*"},
		{"100.64.0.0/16", "*warning*shared space*"},
		/* summed over all pieces, each address once */
		{"198.51.0.0/16 203.0.113.1", "*open relay*together*"},
		{"198.51.0.0/17 198.52.0.0/17 198.53.0.0/32", "*open relay*together*"},
		{"198.51.0.0/17 198.52.0.0/17", ""},
		{"198.51.0.0/16 198.51.100.0/24 198.51.100.7", ""},
		{"198.51.0.0/16 10.0.0.0/8 127.0.0.1 fd00::/8", ""},
		{"198.51.0.0/16\nnetwork b 203.0.113.0/24\nrelay for network b", "*open relay*"},
		{"198.51.0.0/16\nnetwork b 203.0.113.0/24\nrefuse if network b", ""},
		{"2001:db8::/32 2001:db9::1", "*open relay*IPv6*together*"},
		{"2001:db8::/33 2001:db8:8000::/33", ""},
		{"198.51.0.0/16 64:ff9b::c000:201", "*open relay*IPv4*together*"},
		{"64:ff9b:1:2::/96", "*open relay*"},
		{"64:ff9b:1::/64", "*open relay*"},
		{"64:ff9b:1:2::c000:201", ""},
		{"::/0\nwidest network /0 /0", "*reserved*"},
		{"2000::/3\nwidest network /16 /3", "*open relay*"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[200], shown[1000];
		snprintf(text, sizeof text, "network a %s\nrelay for network a\n", rows[i].net);
		first_complaint(text, shown, sizeof shown);
		if (!slice_matches(slice_of(shown), slice_of(rows[i].expected)))
			assert_string_equal(shown, rows[i].net);
	}
}

static void ways_that_could_both_be_chosen_are_errors(void **state)
{
	static const struct {
		const char *text;
		bool wrong;
	} rows[] = {
		{"deliver * via mx\ndeliver * via \"h.example\"\n", true},
		{"deliver a.example via mx\ndeliver A.example via \"h.example\"\n", true},
		{"deliver a.example via mx\ndeliver * via \"h.example\"\n", false},
		{"deliver * if sender domain a.example via mx\ndeliver * if sender domain "
		 "b.example via "
		 "\"h.example\"\n",
			false},
		{"deliver * if sender domain a.example via mx\ndeliver * if sender domain "
		 "a.example via "
		 "\"h.example\"\n",
			true},
		{"network a 10.0.0.0/8\nnetwork b 10.1.0.0/16\ndeliver * if network a via "
		 "mx\ndeliver * if "
		 "network b via \"h.example\"\n",
			true},
		{"network a 10.0.0.0/16\nnetwork b 10.1.0.0/16\ndeliver * if network a via "
		 "mx\ndeliver * "
		 "if network b via \"h.example\"\n",
			false},
		{"domain a.example any recipient deliver via mx\ndeliver a.example via "
		 "\"h.example\"\n",
			true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char shown[1000];
		first_complaint(rows[i].text, shown, sizeof shown);
		assert_int_equal(strstr(shown, "could both be chosen") != NULL, rows[i].wrong);
	}
}

static void several_errors_are_said_in_one_run(void **state)
{
	struct complaints complaints;

	(void)state;
	policy_unref(test_load_with("hostnam x.example\nnetwork a 10.0.0.1/8\naccounts fle \"x\"\n"
				    "relay for network b\nstate \"ok\"\n",
		NULL, 0, &complaints));
	assert_int_equal(complaints.errors, 4);
	complaints_free(&complaints);
}

static void warnings_do_not_stop_the_load(void **state)
{
	struct complaints complaints;
	struct policy *policy = test_load_with(
		"network a 10.0.0.1\nnetwork b 10.0.0.2\nrelay for network a until 2020-01-01\n",
		NULL, 0, &complaints);

	(void)state;
	assert_non_null(policy);
	assert_int_equal(complaints.errors, 0);
	/* unused, owns nothing, ended, no listener, no postmaster */
	assert_int_equal(complaints.count, 5);
	policy_unref(policy);
	complaints_free(&complaints);
}

static void a_complaint_shows_its_line_with_a_caret(void **state)
{
	struct complaints complaints;
	struct text text = TEXT_GROWING;

	(void)state;
	policy_unref(test_load_with(
		"\n\n\trelay\nrelay for netwrok \"\xc3\xa4\" office # x\n", NULL, 0, &complaints));
	assert_int_equal(complaints.count, 2);
	text_complaint(&text, &complaints.list[1]);
	text_complaint_json(&text, &complaints.list[1]);
	text_char(&text, '\0');
	assert_string_equal(text.at,
		"test.conf:4:11: error: unknown word \"netwrok\"; did you mean \"network\"?\n"
		"    4 | relay for netwrok \"\xc3\xa4\" office # x\n"
		"      |           ^~~~~~~\n"
		"{\"severity\":\"error\",\"file\":\"test.conf\",\"line\":4,\"column\":11,\"what\":"
		"\"unknown word \\\"netwrok\\\"\",\"right\":\"did you mean \\\"network\\\"?\"}");
	text_free(&text);
	complaints_free(&complaints);
}

static void settings_have_the_defaults_of_the_contract(void **state)
{
	struct policy *policy = test_load("listen smtp \"*:25\" \"[::1]:2525\"\n", NULL, 0);
	const struct settings *settings = policy_settings(policy);

	(void)state;
	assert_true(slice_is(settings->hostname, SLICE("node.example.org")));
	assert_true(slice_is(settings->state, SLICE("/var/lib/postern")));
	assert_int_equal(settings->grace, 30 * NS_PER_S);
	assert_int_equal(settings->retry_for, 5 * 86400 * NS_PER_S);
	assert_int_equal(settings->limits.recipients, 1000);
	assert_int_equal(settings->limits.header_bytes, 131072);
	assert_int_equal(settings->listen_count, 2);
	assert_true(settings->listens[0].any && settings->listens[0].address.port == 25);
	assert_false(settings->listens[1].any);
	assert_false(settings->user_written);
	assert_string_equal(policy_hash(policy), "0123456789abcdef");
	policy_unref(policy_ref(policy));
	policy_unref(policy);
}

static void the_built_in_configuration_loads_and_is_safe(void **state)
{
	char text[2000] = "";
	struct slice built_in = policy_built_in_text();
	struct complaints complaints;

	(void)state;
	memcpy(text, built_in.at, built_in.len);
	struct policy *policy = test_load_with(text, NULL, 0, &complaints);
	test_print(&complaints);
	assert_non_null(policy);
	assert_int_equal(complaints.count, 1); /* a note: any recipient */
	assert_int_equal(policy_settings(policy)->listen_count, 1);
	assert_true(address_is_loopback(&policy_settings(policy)->listens[0].address));
	struct address neighbour;
	struct slice names;
	bool trusted;
	struct arena *arena = arena_new();
	assert_true(address_parse(SLICE("127.0.0.2"), &neighbour));
	policy_find_networks(policy, &neighbour, 0, arena, &names, &trusted);
	assert_true(names.len == 0 && !trusted);
	arena_free(arena);
	policy_unref(policy);
	complaints_free(&complaints);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_gives_no_complaint),
		cmocka_unit_test(unknown_words_are_met_with_what_was_meant),
		cmocka_unit_test(values_that_are_wrong_are_pointed_at),
		cmocka_unit_test(trusted_stands_only_where_more_grants_refuse_less),
		cmocka_unit_test(a_network_that_would_be_an_open_relay_is_an_error),
		cmocka_unit_test(ways_that_could_both_be_chosen_are_errors),
		cmocka_unit_test(several_errors_are_said_in_one_run),
		cmocka_unit_test(warnings_do_not_stop_the_load),
		cmocka_unit_test(a_complaint_shows_its_line_with_a_caret),
		cmocka_unit_test(settings_have_the_defaults_of_the_contract),
		cmocka_unit_test(the_built_in_configuration_loads_and_is_safe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
