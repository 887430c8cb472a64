/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions (doc/policy.md, "Meaning", "Facts may be unknown", "When"). */
#include "policy/testing.h"

static const char base_text[] =
	"hostname mx.example.org\n"
	"listen smtp \"*:25\"\n"
	"domain example.org mailboxes \"boxes\" deliver maildir \"/var/mail/%d/%l\"\n"
	"domain any.example any recipient deliver smtp \"10.0.0.7:25\"\n"
	"network office 192.0.2.0/24 2001:db8:7::/48\n"
	"network printers 198.51.100.8/29\n"
	"relay for network office\n"
	"relay for network printers if sender domain example.org until 2026-06-30\n";
static const struct test_file boxes[] = {
	{"boxes", "# people\nalice@example.org\nBob\n\"odd one\"@example.org\nlist+x\n"},
	{"bad", "spam.example\nmallory@evil.example\n"}};

struct row {
	const char *more; /* lines added to base_text */
	const char *client, *from, *to;
	const char *expected; /* "accept", or "550 5.7.1 relay-denied" */
};

static void outcome_text(const struct decision *decision, char *out, size_t size)
{
	struct text text = {.at = out, .size = size - 1};

	if (decision->verdict == VERDICT_ACCEPT) {
		text_put(&text, SLICE("accept"));
	} else {
		text_format(&text, "%u ", decision->code);
		text_enhanced(&text, decision->enhanced);
		text_char(&text, ' ');
		text_put(&text, reason_row(decision->reason)->name);
	}
	out[text.len] = '\0';
}

static void rows_hold(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char whole[2000], outcome[100];
		struct arena *arena = arena_new();
		struct decision decision;
		snprintf(whole, sizeof whole, "%s%s", base_text, rows[i].more ? rows[i].more : "");
		struct policy *policy = test_load(whole, boxes, 2);
		struct facts facts =
			test_facts(rows[i].client, "h.example", rows[i].from, rows[i].to, arena);
		policy_decide(policy, &facts, STAGE_RCPT, arena, &decision);
		outcome_text(&decision, outcome, sizeof outcome);
		if (strcmp(outcome, rows[i].expected) != 0)
			print_message("row %zu: %s -> %s\n", i, rows[i].more, rows[i].to);
		assert_string_equal(outcome, rows[i].expected);
		assert_int_equal(decision.possible, 1u << decision.verdict);
		policy_unref(policy);
		arena_free(arena);
	}
}
#define ROWS_HOLD(rows) rows_hold(rows, sizeof(rows) / sizeof *(rows))

static const char stranger[] = "203.0.113.9", office[] = "192.0.2.10";

static void a_foreign_recipient_needs_a_grant(void **state)
{
	const struct row rows[] = {
		{NULL, stranger, "a@a.example", "b@adatum.com", "550 5.7.1 relay-denied"},
		{NULL, office, "a@a.example", "b@adatum.com", "accept"},
		{NULL, "2001:db8:7::1", "", "b@adatum.com", "accept"},
		{NULL, "::ffff:192.0.2.10", "a@a.example", "b@adatum.com", "accept"},
		{NULL, "192.0.3.1", "a@a.example", "b@adatum.com", "550 5.7.1 relay-denied"},
		{NULL, "127.0.0.1", "a@a.example", "b@adatum.com", "550 5.7.1 relay-denied"},
		{NULL, stranger, "a@a.example", "b@[192.0.2.1]", "550 5.7.1 relay-denied"},
		{NULL, stranger, "a@a.example", "b@sub.example.org", "550 5.7.1 relay-denied"},
		{NULL, stranger, "a@example.org", "b@example.org.adatum.com",
			"550 5.7.1 relay-denied"},
		{NULL, stranger, "a@a.example", "alice%adatum.com@example.org",
			"550 5.1.1 unknown-recipient"},
		{NULL, stranger, "a@a.example", "@example.org:b@adatum.com",
			"550 5.7.1 relay-denied"},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void a_recipient_of_ours_must_be_known(void **state)
{
	const struct row rows[] = {
		{NULL, stranger, "a@a.example", "alice@example.org", "accept"},
		{NULL, stranger, "a@a.example", "ALICE+news@Example.ORG", "accept"},
		{NULL, stranger, "a@a.example", "bob@example.org", "accept"},
		{NULL, stranger, "a@a.example", "\"alice\"@example.org", "accept"},
		{NULL, stranger, "a@a.example", "\"odd one\"@example.org", "accept"},
		{NULL, stranger, "a@a.example", "list+x@example.org", "accept"},
		{NULL, stranger, "a@a.example", "list@example.org", "550 5.1.1 unknown-recipient"},
		{NULL, stranger, "a@a.example", "carol@example.org", "550 5.1.1 unknown-recipient"},
		{NULL, office, "a@a.example", "carol@example.org", "550 5.1.1 unknown-recipient"},
		{NULL, stranger, "a@a.example", "\"alice@example.org\"@example.org",
			"550 5.1.1 unknown-recipient"},
		{NULL, stranger, "a@a.example", "\"postmaster@example.org\"@example.org",
			"550 5.1.1 unknown-recipient"},
		{NULL, stranger, "a@a.example", "Postmaster@example.org", "accept"},
		{NULL, stranger, "a@a.example", "postmaster", "accept"},
		/* what stands behind a + is in no list, so nobody has looked at it */
		{NULL, stranger, "a@a.example", "alice+x%adatum.com@example.org",
			"553 5.1.3 risky-local-part"},
		{NULL, stranger, "a@a.example", "\"alice+@adatum.com\"@example.org",
			"553 5.1.3 risky-local-part"},
		{NULL, stranger, "a@a.example", "\"alice+../x\"@example.org",
			"553 5.1.3 risky-local-part"},
		{NULL, stranger, "a@a.example", "postmaster+adatum.com!b@example.org",
			"553 5.1.3 risky-local-part"},
		{NULL, stranger, "a@a.example", "whoever@any.example", "accept"},
		{NULL, stranger, "a@a.example", "a%b.example@any.example",
			"553 5.1.3 risky-local-part"},
		{NULL, stranger, "a@a.example", "\"a@b.example\"@any.example",
			"553 5.1.3 risky-local-part"},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void clauses_refuse_and_defer(void **state)
{
	const struct row rows[] = {
		{"refuse if client 203.0.113.0/24\n", stranger, "a@a.example", "alice@example.org",
			"550 5.7.1 refused-client"},
		{"refuse if client 203.0.113.0/24 unless trusted\nrelay for network strangers\n"
		 "network strangers 203.0.113.9\n",
			stranger, "a@a.example", "alice@example.org", "accept"},
		{"defer unless network office\n", stranger, "a@a.example", "alice@example.org",
			"450 4.7.1 deferred-client"},
		{"refuse if helo \"H.*\"\n", stranger, "a@a.example", "alice@example.org",
			"550 5.7.1 refused-client"},
		{"refuse if sender \"a@a.example\"\n", stranger, "a@a.example", "alice@example.org",
			"550 5.7.1 refused-sender"},
		{"refuse if sender \"a@a.example\"\n", stranger, "A@a.example", "alice@example.org",
			"accept"},
		{"refuse if sender \"alice@example.org\"\n", stranger, "ALICE+x@example.org",
			"alice@example.org", "550 5.7.1 refused-sender"},
		{"refuse if sender null\n", stranger, "", "alice@example.org",
			"550 5.7.1 refused-sender"},
		{"refuse if sender ours unless network office\n", stranger, "x@example.org",
			"alice@example.org", "550 5.7.1 refused-sender"},
		{"refuse if sender ours unless network office\n", office, "x@example.org",
			"alice@example.org", "accept"},
		{"refuse if sender in \"bad\"\n", stranger, "x@spam.example", "alice@example.org",
			"550 5.7.1 refused-sender"},
		{"refuse if sender in \"bad\"\n", stranger, "mallory@evil.example",
			"alice@example.org", "550 5.7.1 refused-sender"},
		{"refuse if sender in \"bad\"\n", stranger, "x@evil.example", "alice@example.org",
			"accept"},
		{"refuse if recipient \"alice@example.org\" code 550 5.7.2 say \"members\"\n",
			stranger, "a@a.example", "alice+x@example.org",
			"550 5.7.2 refused-recipient"},
		{"refuse if recipient unknown\n", stranger, "a@a.example", "x@example.org",
			"550 5.1.1 unknown-recipient"},
		{"refuse if recipients > 0\n", stranger, "a@a.example", "alice@example.org",
			"550 5.5.3 recipients-refused"},
		{"defer if recipients > 0\n", stranger, "a@a.example", "alice@example.org",
			"452 4.5.3 recipients-deferred"},
		{"refuse if listener smtp and (sender domain a.example or sender null)\n", stranger,
			"a@a.example", "alice@example.org", "550 5.7.1 refused-sender"},
		{"refuse if not (network office or network printers)\n", office, "a@a.example",
			"alice@example.org", "accept"},
		{"refuse if recipient ours and not trusted\n", office, "a@a.example",
			"alice@example.org", "accept"},
		{"refuse if recipient domain \"a.example\" or sender null unless client "
		 "203.0.113.9\n",
			stranger, "", "alice@example.org", "accept"},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void the_earliest_stage_and_then_the_strictest_speaks(void **state)
{
	const struct row rows[] = {
		{"defer if client 203.0.113.9\nrefuse if sender null\n", stranger, "",
			"b@adatum.com", "450 4.7.1 deferred-client"},
		{"defer if sender null\nrefuse if sender null\n", stranger, "", "alice@example.org",
			"550 5.7.1 refused-sender"},
		{"refuse if recipient domain adatum.com\n", stranger, "a@a.example", "b@adatum.com",
			"550 5.7.1 relay-denied"},
		{"defer if recipient domain adatum.com\n", stranger, "a@a.example", "b@adatum.com",
			"550 5.7.1 relay-denied"},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void a_grant_ends_after_its_day(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = test_load(base_text, boxes, 2);
	struct facts facts =
		test_facts("198.51.100.9", "h", "a@example.org", "b@adatum.com", arena);
	struct decision decision;

	(void)state;
	policy_decide(policy, &facts, STAGE_RCPT, arena, &decision);
	assert_int_equal(decision.verdict, VERDICT_ACCEPT);
	assert_true(decision.has_grant && decision.foreign);
	assert_int_equal(policy_clause(policy, decision.grant).line, 8);
	facts.now = policy_clause(policy, decision.grant).until - 1;
	policy_decide(policy, &facts, STAGE_RCPT, arena, &decision);
	assert_int_equal(decision.verdict, VERDICT_ACCEPT);
	facts.now++;
	policy_decide(policy, &facts, STAGE_RCPT, arena, &decision);
	assert_int_equal(decision.reason, REASON_RELAY_DENIED);
	facts_settle(policy, &facts, arena);
	assert_false(facts.trusted);
	facts.now = 0;
	facts_settle(policy, &facts, arena);
	assert_true(facts.trusted);
	policy_unref(policy);
	arena_free(arena);
}

static struct decision decide_at(const char *more, struct facts facts, enum stage stage,
	struct arena *arena, struct policy **policy)
{
	char whole[2000];
	struct decision decision;

	snprintf(whole, sizeof whole, "%s%s", base_text, more);
	*policy = test_load(whole, boxes, 2);
	policy_decide(*policy, &facts, stage, arena, &decision);
	return decision;
}

static void an_unknown_fact_defers_and_leaves_both_possible(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy;
	struct facts facts = test_facts(stranger, NULL, "a@a.example", "alice@example.org", arena);
	struct decision decision =
		decide_at("refuse if helo \"x\"\n", facts, STAGE_RCPT, arena, &policy);

	(void)state;
	assert_int_equal(decision.reason, REASON_FACT_UNKNOWN);
	assert_int_equal(decision.code, 451);
	assert_int_equal(decision.stage, STAGE_HELO);
	assert_int_equal(decision.possible, 1u << VERDICT_ACCEPT | 1u << VERDICT_REFUSE);
	assert_int_equal(decision.trace_count, 1);
	assert_int_equal(decision.trace[0].value, UNKNOWN_);
	policy_unref(policy);
	arena_free(arena);
}

static void an_unknown_condition_does_not_grant(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy;
	struct facts facts = test_facts("198.51.100.9", "h", NULL, "b@adatum.com", arena);
	struct decision decision = decide_at("", facts, STAGE_RCPT, arena, &policy);

	(void)state;
	assert_int_equal(decision.reason, REASON_RELAY_DENIED);
	assert_int_equal(decision.possible, 1u << VERDICT_ACCEPT | 1u << VERDICT_REFUSE);
	policy_unref(policy);
	arena_free(arena);
}

static void size_before_the_data_can_only_become_true(void **state)
{
	static const char clause[] = "refuse if size > 10 KB\n";
	struct arena *arena = arena_new();
	struct policy *policy;
	struct facts facts = test_facts(stranger, "h", "a@a.example", "alice@example.org", arena);

	(void)state;
	struct decision decision = decide_at(clause, facts, STAGE_RCPT, arena, &policy);
	assert_int_equal(decision.verdict, VERDICT_ACCEPT);
	assert_int_equal(decision.trace_count, 0);
	facts.has_size = true;
	facts.size = 10001;
	policy_decide(policy, &facts, STAGE_MAIL, arena, &decision);
	assert_int_equal(decision.reason, REASON_MESSAGE_TOO_LARGE);
	assert_int_equal(decision.stage, STAGE_MAIL);
	assert_true(slice_is(
		decision.words, SLICE("The message is larger than the 10000 bytes accepted here")));
	facts.size = 9000;
	policy_decide(policy, &facts, STAGE_RCPT, arena, &decision);
	assert_int_equal(decision.verdict, VERDICT_ACCEPT);
	facts.size = 10001;
	facts.size_is_final = true;
	policy_decide(policy, &facts, STAGE_END, arena, &decision);
	assert_int_equal(decision.stage, STAGE_END);
	assert_int_equal(decision.code, 552);
	assert_true(policy_has_clauses_at(policy, STAGE_END));
	assert_true(policy_has_clauses_at(policy, STAGE_MAIL));
	assert_false(policy_has_clauses_at(policy, STAGE_DATA));
	policy_unref(policy);
	arena_free(arena);
}

static void the_trace_has_every_clause_considered(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy;
	struct facts facts = test_facts(office, "h", "a@a.example", "b@adatum.com", arena);
	struct decision decision = decide_at(
		"refuse if sender null\nrefuse if helo \"x\"\n", facts, STAGE_RCPT, arena, &policy);

	(void)state;
	const struct trace_entry *whole;
	assert_int_equal(decision.trace_count, 1);
	assert_true(slice_is(
		policy_clause(policy, decision.grant).text, SLICE("relay for network office")));
	assert_int_equal(policy_trace_whole(policy, &facts, STAGE_RCPT, arena, &whole), 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			whole[i].value, whole[i].clause == decision.grant ? TRUE_ : FALSE_);
	policy_unref(policy);
	arena_free(arena);
}

static void networks_of_a_client_are_named(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = test_load("listen smtp \"*:25\"\nnetwork a 10.0.0.0/8\n"
					  "network b 10.1.0.0/16 ::/1 8000::/1\n"
					  "network c 10.1.0.0/16\n"
					  "network d 255.255.255.255\n"
					  "relay for network c\n",
		NULL, 0);
	static const struct {
		const char *client, *names;
		bool trusted;
	} rows[] = {{"10.2.0.1", "a b", false}, {"10.1.2.3", "c a b", true},
		{"11.0.0.1", "b", false}, {"255.255.255.255", "d b", false},
		{"255.255.255.254", "b", false}, {"10.255.255.255", "a b", false},
		{"9.255.255.255", "b", false},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "b", false}, {"::2", "b", false},
		{"::", "", false}}; /* a client that its proxy does not name */

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct address client;
		struct slice names;
		bool trusted;
		assert_true(address_parse(slice_of(rows[i].client), &client));
		policy_find_networks(policy, &client, 0, arena, &names, &trusted);
		assert_true(slice_is(names, slice_of(rows[i].names)));
		assert_int_equal(trusted, rows[i].trusted);
	}
	policy_unref(policy);
	arena_free(arena);
}

/* policy.md, "Aliases": the decision is taken for what stands at the end, and a foreign target
 * needs a grant. */
static void a_postmaster_elsewhere_is_reached_only_with_a_grant(void **state)
{
	static const struct {
		const char *text, *client, *expected;
	} rows[] = {{"postmaster \"hq@adatum.com\"\n", stranger, "550 5.7.1 relay-denied"},
		{"postmaster \"hq@adatum.com\"\n", office, "accept"},
		{"postmaster \"hq@d.example\"\n", stranger, "accept"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char whole[500], outcome[100];
		struct arena *arena = arena_new();
		struct decision decision;
		snprintf(whole, sizeof whole,
			"network office 192.0.2.0/24\nrelay for network office\n"
			"domain d.example any recipient deliver via mx\n%s",
			rows[i].text);
		struct policy *policy = test_load(whole, NULL, 0);
		struct facts facts =
			test_facts(rows[i].client, "h.example", "a@a.example", "postmaster", arena);
		policy_decide(policy, &facts, STAGE_RCPT, arena, &decision);
		outcome_text(&decision, outcome, sizeof outcome);
		assert_string_equal(outcome, rows[i].expected);
		policy_unref(policy);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_foreign_recipient_needs_a_grant),
		cmocka_unit_test(a_recipient_of_ours_must_be_known),
		cmocka_unit_test(a_postmaster_elsewhere_is_reached_only_with_a_grant),
		cmocka_unit_test(clauses_refuse_and_defer),
		cmocka_unit_test(the_earliest_stage_and_then_the_strictest_speaks),
		cmocka_unit_test(a_grant_ends_after_its_day),
		cmocka_unit_test(an_unknown_fact_defers_and_leaves_both_possible),
		cmocka_unit_test(an_unknown_condition_does_not_grant),
		cmocka_unit_test(size_before_the_data_can_only_become_true),
		cmocka_unit_test(the_trace_has_every_clause_considered),
		cmocka_unit_test(networks_of_a_client_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
