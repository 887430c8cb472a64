/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that an account carries itself: their words, their counters, and what is decided. */
#include "policy/testing.h"

static const char policy_text[] =
	"hostname mx.example.org\n"
	"listen submission \"*:587\"\n"
	"accounts sqlite \"/var/lib/accounts.db\"\n"
	"domain example.org mailboxes accounts deliver smtp \"10.0.0.7:25\"\n"
	"relay for authenticated if not recipient \"no@adatum.com\"\n"
	"limit authenticated 9 recipients per day\n";
static const struct slice two[] = {
	SLICE("60 messages per 10 minutes"), SLICE("500 recipients per day")};

static void words_are_read_and_written_in_one_form(void **state)
{
	static const struct {
		const char *text, *form; /* NULL: it is none */
	} rows[] = {
		{"500 recipients per day", "500 recipients per day"},
		{"  60  messages   per 600 seconds ", "60 messages per 10 minutes"},
		{"1 messages per 1 second", "1 messages per second"},
		{"7 recipients per 14 days", "7 recipients per 2 weeks"},
		{"4294967295 messages per 366 days", "4294967295 messages per 366 days"},
		{"4294967296 messages per day", NULL},
		{"1 messages per 367 days", NULL},
		{"1 messages per 0 days", NULL},
		{"0 messages per day", NULL},
		{"-1 messages per day", NULL},
		{"messages per day", NULL},
		{"1 mails per day", NULL},
		{"1 messages a day", NULL},
		{"1 messages per", NULL},
		{"1 messages per fortnight", NULL},
		{"1 messages per day together", NULL},
		{"", NULL},
	};
	struct account_limit limit;
	char raw[100];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text text = TEXT_FIXED(raw);
		bool read = account_limit_parse(slice_of(rows[i].text), &limit);
		if (read != (rows[i].form != NULL))
			fail_msg("%s", rows[i].text);
		if (!read)
			continue;
		text_account_limit(&text, &limit);
		assert_true(slice_is(text_slice(&text), slice_of(rows[i].form)));
	}
}

/* ---- decisions ---- */

struct house {
	struct policy *policy;
	struct arena *arena;
	struct fact_answer limits;
	struct counter_answer counters[3];
	struct facts facts;
};

static void house_build(struct house *house, const char *to)
{
	*house = (struct house){.policy = test_load(policy_text, NULL, 0), .arena = arena_new()};
	house->limits = (struct fact_answer){.fact = FACT_LIMITS,
		.texts = two,
		.text_count = 2,
		.because = SLICE("sqlite: found")};
	house->facts =
		test_facts("203.0.113.9", "h.example", "alice@example.org", to, house->arena);
	house->facts.listener = SLICE("submission");
	house->facts.has_account = house->facts.has_tls = house->facts.tls = true;
	house->facts.account = SLICE("alice@example.org");
	house->facts.now = 1800000000 * NS_PER_S;
	house->facts.answers = &house->limits;
	house->facts.answer_count = 1;
	house->counters[0] = (struct counter_answer){.clause = 1, .most = 9};
	house->counters[1] = (struct counter_answer){.clause = ACCOUNT_LIMIT_FIRST, .most = 60};
	house->counters[2] =
		(struct counter_answer){.clause = ACCOUNT_LIMIT_FIRST + 1, .used = 3, .most = 500};
	house->facts.counters = house->counters;
	house->facts.counter_count = 3;
}

static void house_end(struct house *house)
{
	policy_unref(house->policy);
	arena_free(house->arena);
}

static struct decision decide(struct house *house)
{
	struct decision decision;

	policy_decide(house->policy, &house->facts, STAGE_RCPT, house->arena, &decision);
	return decision;
}

static void each_has_a_counter_of_its_own_beside_the_clauses(void **state)
{
	const struct counter_wanted *wanted;
	struct house house;

	(void)state;
	house_build(&house, "b@adatum.com");
	size_t count = policy_counters(house.policy, &house.facts, house.arena, &wanted);
	assert_int_equal(count, 3);
	assert_int_equal(wanted[0].clause, 1);
	assert_int_equal(wanted[1].clause, ACCOUNT_LIMIT_FIRST);
	assert_true(slice_is(wanted[1].key, SLICE("own-limit alice@example.org messages "
						  "600000000000")));
	assert_int_equal(wanted[1].most, 60);
	assert_false(wanted[1].recipients);
	assert_true(slice_is(wanted[2].key, SLICE("own-limit alice@example.org recipients "
						  "86400000000000")));
	assert_true(wanted[2].recipients);
	house.facts.account = SLICE_NONE; /* a fact of nobody's limits nobody */
	assert_int_equal(policy_counters(house.policy, &house.facts, house.arena, &wanted), 0);
	house_end(&house);
}

static void a_full_one_defers_and_nothing_else_changes(void **state)
{
	struct house house;

	(void)state;
	house_build(&house, "b@adatum.com");
	assert_int_equal(decide(&house).verdict, VERDICT_ACCEPT);
	assert_int_equal(decide(&house).possible, 1u << VERDICT_ACCEPT);
	house.counters[2].full = true;
	house.counters[2].used = 500;
	house.counters[2].free_at = house.facts.now + 60 * NS_PER_S;
	struct decision decision = decide(&house);
	assert_int_equal(decision.verdict, VERDICT_DEFER);
	assert_int_equal(decision.possible, 1u << VERDICT_DEFER);
	assert_int_equal(decision.reason, REASON_ACCOUNT_LIMIT_REACHED);
	assert_int_equal(decision.code, 450);
	assert_true(slice_starts(decision.words,
		SLICE("Your account's own limit is reached: 500 of 500 today, next free ")));
	assert_false(decision.has_clause);
	assert_true(decision.has_account_limit);
	assert_int_equal(decision.account_limit, 1);
	/* A clause's limit stands before it in the table of reasons. */
	house.counters[0].full = true;
	assert_int_equal(decide(&house).reason, REASON_LIMIT_REACHED);
	house_end(&house);
}

static void what_would_be_refused_stays_refused(void **state)
{
	struct house house;

	(void)state;
	house_build(&house, "no@adatum.com");
	assert_int_equal(decide(&house).reason, REASON_RELAY_DENIED);
	house.counters[1].full = house.counters[2].full = true;
	assert_int_equal(decide(&house).reason, REASON_RELAY_DENIED);
	house.counters[1].unknown = true;
	assert_int_equal(decide(&house).verdict, VERDICT_REFUSE);
	house_end(&house);
}

static void a_counter_that_nobody_can_tell_leaves_both_open(void **state)
{
	static const unsigned both = 1u << VERDICT_ACCEPT | 1u << VERDICT_DEFER;
	struct house house;

	(void)state;
	house_build(&house, "b@adatum.com");
	house.counters[1].unknown = true;
	assert_int_equal(decide(&house).reason, REASON_STORE_UNKNOWN);
	assert_int_equal(decide(&house).possible, both);
	house.facts.counter_count = 1; /* nobody was asked */
	assert_int_equal(decide(&house).reason, REASON_STORE_UNKNOWN);
	assert_int_equal(decide(&house).possible, both);
	house.facts.now = 0; /* at no particular time counters are empty */
	house.facts.counter_count = 0;
	assert_int_equal(decide(&house).verdict, VERDICT_ACCEPT);
	house_end(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read_and_written_in_one_form),
		cmocka_unit_test(each_has_a_counter_of_its_own_beside_the_clauses),
		cmocka_unit_test(a_full_one_defers_and_nothing_else_changes),
		cmocka_unit_test(what_would_be_refused_stays_refused),
		cmocka_unit_test(a_counter_that_nobody_can_tell_leaves_both_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
