/* SPDX-License-Identifier: Apache-2.0 */
/* The proof's cases one by one: who is found to relay without a secret, what is complained of, and
 * how it is shown. brute_test.c has them by the thousand. */
#include "policy/proof.h"
#include "policy/testing.h"

#define BEGINNING                                                                                  \
	"listen smtp \"*:25\"\nhostname mx.example.org\n"                                          \
	"domain example.org any recipient deliver via mx\npostmaster \"p@example.org\"\n"
enum { FILES_MAX = 4 };

static struct policy *load(const char *text, const char *gateways, const struct test_file *others,
	size_t count, struct complaints *complaints)
{
	struct bundle_file files[1 + FILES_MAX] = {{.kind = BUNDLE_CONFIGURATION,
		.path = SLICE("test.conf"),
		.bytes = slice_of(text)}};
	struct bundle bundle = {.files = files,
		.count = 1 + count,
		.nodename = SLICE("node.example.org"),
		.gateways = slice_of(gateways)};

	for (size_t i = 0; i < count; i++)
		files[1 + i] = (struct bundle_file){.kind = BUNDLE_LIST,
			.path = slice_of(others[i].path),
			.bytes = slice_of(others[i].text)};
	complaints_init(complaints);
	return policy_load(&bundle, complaints);
}

/* The addresses that relay, blank-separated; or the first error. */
static void shown_of(const char *text, const char *gateways, struct text *shown)
{
	struct complaints complaints;
	struct policy *policy = load(text, gateways, NULL, 0, &complaints);
	const struct proof *proof = policy ? policy_proof(policy) : NULL;

	for (size_t i = 0; proof && i < proof->all.count; i++) {
		text_put(shown, shown->len > 0 ? SLICE(" ") : SLICE_NONE);
		text_range(shown, proof->all.at[i]);
	}
	for (size_t i = 0; !proof && i < complaints.count; i++)
		if (complaints.list[i].severity == SEVERITY_ERROR)
			text_complaint(shown, &complaints.list[i]);
	policy_unref(policy);
	complaints_free(&complaints);
}

/* ---- the set ---- */

static const struct {
	const char *lines, *gateways, *set;
} rows[] = {
	{"", "", ""},
	/* Who is asked about mailboxes lets nobody relay, whatever he says. */
	{"domain asked.example *.asked.example mailboxes asked deliver smtp \"10.0.0.7\"\n", "",
		""},
	{"domain asked.example mailboxes asked deliver via mx\n"
	 "network a 192.0.2.0/24\nrelay for network a\n",
		"", "192.0.2.0/24"},
	{"network a 192.0.2.0/24\nrelay for network a\n", "", "192.0.2.0/24"},
	{"network a 192.0.2.0/24\nrelay for network a\n", "192.0.2.0 192.0.2.9@docker0 10.0.0.1",
		"192.0.2.1-192.0.2.8 192.0.2.10-192.0.2.255"},
	{"network a 192.0.2.0/24 192.0.2.9\nrelay for network a\n", "192.0.2.9", "192.0.2.0/24"},
	{"network a 192.0.2.0/24\nrelay for network a until 2020-01-01\n", "", ""},
	{"network a 192.0.2.0/24\nrelay for network a if client 192.0.2.64/26\n", "",
		"192.0.2.64/26"},
	{"network a 192.0.2.0/24\nrelay for network a unless client 192.0.2.0/25\n", "",
		"192.0.2.128/25"},
	{"network a 192.0.2.0/24\nrelay for network a if sender domain a.example\n", "",
		"192.0.2.0/24"},
	{"network a 192.0.2.0/24\nrelay for network a if not spf fail\n", "", "192.0.2.0/24"},
	{"network a 192.0.2.0/24\nrelay for network a if authenticated\n", "", ""},
	{"network a 192.0.2.0/24\nrelay for network a if listener submission\n", "", ""},
	{"network a 192.0.2.0/24\nrelay for network a if recipient ours\n", "", ""},
	{"network a 192.0.2.0/24\nrelay for network a\nrefuse if client 192.0.2.0/25\n", "",
		"192.0.2.128/25"},
	{"network a 192.0.2.0/24\nrelay for network a\n"
	 "refuse if client 192.0.2.0/25 and helo \"x\"\n",
		"", "192.0.2.0/24"},
	{"network a 192.0.2.0/24\nrelay for network a\nrefuse if not authenticated\n", "", ""},
	{"network a 192.0.2.0/24\nrelay for network a\n"
	 "refuse if client 192.0.2.0/25 unless trusted\n",
		"", "192.0.2.0/24"},
	{"network a 192.0.2.0/24 2001:db8::/64\nnetwork b 192.0.2.128/25 198.51.100.7\n"
	 "relay for network a if network b\nrelay for network b if not network a\n",
		"", "192.0.2.128/25 198.51.100.7"},
	{"relay for authenticated\nrelay for recent-pop\nrelay for local\n", "", ""},
};

static void the_set_is_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[1000], buffer[2000];
		struct text shown = TEXT_FIXED(buffer);
		snprintf(text, sizeof text, "%s%s", BEGINNING, rows[i].lines);
		shown_of(text, rows[i].gateways, &shown);
		if (!slice_is(text_slice(&shown), slice_of(rows[i].set)))
			fail_msg("%s\nis %.*s", rows[i].lines, SLICE_ARGS(text_slice(&shown)));
	}
}

/* ---- what is wrong ---- */

static const struct {
	const char *lines, *expected;
} wrong[] = {
	{"network a 198.0.0.0/8\nrelay for network a\n",
		"test.conf:5:11: error: this would be an open relay: *anybody at 198.0.0.1 could "
		"relay without a secret, on port smtp:*C: RCPT TO:<anybody@victim.example>*S: 250 "
		"2.0.0 kept*"},
	{"network a 198.0.0.0/8\nrelay for network a if sender domain a.example\n",
		"*C: MAIL FROM:<spammer@a.example>*"},
	{"network a 198.0.0.0/8\nrelay for network a if helo \"*.b.example\"\n",
		"*C: EHLO x.b.example*"},
	{"network a 198.0.0.0/8\nrelay for network a if tls\n", "*C: STARTTLS*"},
	{"network a 198.0.0.0/8\nrelay for network a if spf pass\n", "*assumed: spf pass*"},
	{"network a 198.0.0.0/8\nrelay for network a if recipient domain partner.example\n",
		"*C: RCPT TO:<spammer@partner.example>*"},
	{"network a 198.0.0.0/8\nrelay for network a if sender null\n", "*C: MAIL FROM:<>*"},
	{"network a 198.0.0.0/8\nrelay for network a\nrefuse if sender null\n",
		"*C: MAIL FROM:<spammer@spammer.example>*"},
	{"network a 198.0.0.0/8\nrelay for network a if sender domain a.example\n"
	 "refuse if sender domain a.example\n",
		"*no session that was tried relays as the other lines stand*"},
	{"network a 198.0.0.0/8\nrelay for network a if not client 0.0.0.0/0\n", ""},
	{"network a 198.51.0.0/16\nrelay for network a\nnetwork b 203.0.113.0/24\n"
	 "relay for network b\n",
		"test.conf:7:11: error: *hold more IPv4 addresses together*anybody at "
		"203.0.113.1*"},
	{"network a 240.0.0.0/24\nrelay for network a\n", "*has reserved addresses*"},
	{"network lb 198.51.0.0/16\nnetwork a 203.0.113.0/24\nrelay for network a\n"
	 "listen smtp \"*:26\" proxy from lb\n",
		"*open relay*together*"},
	{"domain \"com\" any recipient deliver via mx\n",
		"test.conf:5:8: error: this would be an open relay: the domain is a public suffix*"
		"C: RCPT TO:<anybody@com>*"},
	{"domain *.co.uk any recipient deliver via mx\n",
		"*public suffix*C: RCPT TO:<anybody@victim.co.uk>*"},
	{"domain *.kawasaki.jp any recipient deliver via mx\n", "*public suffix*"},
	{"domain *.github.io any recipient deliver via mx\n", "*public suffix*"},
	{"domain github.io any recipient deliver via mx\n", ""},
	{"domain *.sub.example.net any recipient deliver via mx\n", ""},
};

static void what_is_open_is_an_error_with_its_session(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char text[1000], buffer[4000];
		struct text shown = TEXT_FIXED(buffer);
		snprintf(text, sizeof text, "%s%s", BEGINNING, wrong[i].lines);
		shown_of(text, "", &shown);
		if (!slice_matches(text_slice(&shown), slice_of(wrong[i].expected)))
			fail_msg("%s\nis %.*s", wrong[i].lines, SLICE_ARGS(text_slice(&shown)));
	}
}

/* ---- aliases ---- */

static const struct {
	const char *lines, *expected;
} forwards[] = {
	{"", "aliases:2:*error: the alias abroad@example.org leads to c@partner.example, which is "
	     "not ours*a line like: forward for \"abroad@example.org\"*"
	     "aliases:3:*chain@example.org leads to c@partner.example*"},
	{"forward for \"abroad@example.org\"\n", "aliases:3:*chain@example.org*"},
	{"forward for \"abroad@example.org\"\nforward for \"chain@example.org\"\n", ""},
	{"forward for domain example.org\n", ""},
	{"forward for domain example.org until 2020-01-01\n", ""},
};

static void an_alias_leads_abroad_by_a_grant_alone(void **state)
{
	static const struct test_file files[] = {{"boxes", "alice\n"},
		{"aliases", "info: alice\nabroad: c@partner.example\nchain: alice, abroad\n"}};

	(void)state;
	for (size_t i = 0; i < sizeof forwards / sizeof *forwards; i++) {
		struct complaints complaints;
		char text[1000], buffer[4000];
		struct text shown = TEXT_FIXED(buffer);
		snprintf(text, sizeof text,
			"listen smtp \"*:25\"\ndomain example.org mailboxes \"boxes\" aliases "
			"\"aliases\" deliver via mx\n%s",
			forwards[i].lines);
		struct policy *policy = load(text, "", files, 2, &complaints);
		for (size_t j = 0; j < complaints.count; j++)
			if (complaints.list[j].severity == SEVERITY_ERROR)
				text_complaint(&shown, &complaints.list[j]);
		assert_true((policy == NULL) == (forwards[i].expected[0] != '\0'));
		if (!slice_matches(text_slice(&shown), slice_of(forwards[i].expected)))
			assert_string_equal(buffer, forwards[i].expected);
		policy_unref(policy);
		complaints_free(&complaints);
	}
}

/* ---- how it is shown ---- */

static void what_was_proved_is_shown(void **state)
{
	static const char text[] = BEGINNING "network a 192.0.2.0/24 10.0.0.0/24 2001:db8::/64\n"
					     "relay for network a\n";
	struct complaints complaints;
	struct policy *policy = load(text, "192.0.2.0 10.0.0.1@docker0", NULL, 0, &complaints);
	char people[2500], json[2500], line[1000];
	struct text shown = TEXT_FIXED(people), told = TEXT_FIXED(json), logged = TEXT_FIXED(line);

	(void)state;
	assert_non_null(policy);
	text_proof(&shown, policy, policy_proof(policy));
	text_proof_json(&told, policy, policy_proof(policy));
	text_proof_line(&logged, policy, policy_proof(policy));
	assert_true(slice_matches(text_slice(&shown),
		SLICE("These can relay without a secret, and nobody else:*"
		      "  192.0.2.1-192.0.2.255  in a, by test.conf:6: relay for network a*"
		      "  together, private space not counted: 255 IPv4 and 2^64 IPv6 addresses*"
		      "Left out of network a: 192.0.2.0, a default gateway of this host*"
		      "Left out of network a: 10.0.0.1, the container network's docker0*"
		      "nobody else relays. No proof sees who shares an address*")));
	assert_true(slice_matches(text_slice(&told),
		SLICE("{\"complete\":true,\"pieces\":[*\"v4\":255,\"v6\":\"2^64\"*"
		      "\"left_out\":[*\"interface\":\"docker0\"}],*\"unseen\":\"No proof*")));
	assert_true(slice_matches(text_slice(&logged),
		SLICE("able to relay without a secret: 10.0.0.0, 10.0.0.2-10.0.0.255, *; "
		      "gateways left out: 192.0.2.0 of a, 10.0.0.1 of a")));
	policy_unref(policy);
	complaints_free(&complaints);
}

static void a_policy_that_was_proved_before_is_not_proved_again(void **state)
{
	struct arena *arena = arena_new();
	struct bundle bundle;
	char buffer[500];
	struct text why = TEXT_FIXED(buffer);

	(void)state;
	bundle_of_text(
		SLICE("x"), SLICE("network a 0.0.0.0/0\nrelay for network a\n"), arena, &bundle);
	struct policy *policy = policy_of_bundle(bundle.bytes, &why);
	assert_non_null(policy);
	assert_null(policy_proof(policy));
	policy_unref(policy);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_set_is_exact),
		cmocka_unit_test(what_is_open_is_an_error_with_its_session),
		cmocka_unit_test(an_alias_leads_abroad_by_a_grant_alone),
		cmocka_unit_test(what_was_proved_is_shown),
		cmocka_unit_test(a_policy_that_was_proved_before_is_not_proved_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
