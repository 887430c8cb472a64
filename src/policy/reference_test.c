/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision against the reference (reference.h), over generated configurations and sessions, and
 * what is possible against all completions of the unknown facts. POSTERN_LONG_TESTS makes it the
 * long form: a million pairs. POSTERN_SEED gives another seed.
 */
#include <stdlib.h>

#include "policy/atoms.h"
#include "policy/generate.h"
#include "policy/reference.h"
#include "policy/testing.h"

enum { SESSIONS = 25 };

static struct generator random_source = {.state = 20261123};
static struct generated configuration;

static int times(int usual, int when_long)
{
	return getenv("POSTERN_LONG_TESTS") ? when_long : usual;
}

static struct policy *load(void)
{
	struct complaints complaints;

	generate_configuration(&random_source, &configuration);
	complaints_init(&complaints);
	struct policy *policy = generated_load(&configuration, &complaints);
	if (!policy)
		test_print(&complaints);
	assert_non_null(policy);
	complaints_free(&complaints);
	return policy;
}

/* ---- said when they differ ---- */

static void session_print(
	const struct policy *policy, const struct session_generated *session, struct arena *arena)
{
	const struct facts *facts = &session->facts;
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < configuration.count; i++)
		print_message("%s\n", configuration.lines[i]);
	text_format(&text, "stage %s listener %.*s client ", stage_text(session->stage),
		SLICE_ARGS(facts->listener));
	text_address(&text, &facts->client);
	text_format(&text, " %d local %d account %d %.*s sender %d %.*s to %.*s alias %d\n",
		facts->has_client, facts->is_local, facts->has_account, SLICE_ARGS(facts->account),
		facts->has_sender, SLICE_ARGS(facts->sender.text),
		SLICE_ARGS(facts->recipient.text), facts->has_alias);
	for (size_t i = 0; i < facts->answer_count; i++)
		text_format(&text, "  %.*s [%.*s] %s yes %d text %.*s texts %zu addresses %zu\n",
			SLICE_ARGS(fact_row(facts->answers[i].fact)->name),
			SLICE_ARGS(facts->answers[i].argument),
			facts->answers[i].unknown ? "unknown" : "known", facts->answers[i].yes,
			SLICE_ARGS(facts->answers[i].text), facts->answers[i].text_count,
			facts->answers[i].address_count);
	for (size_t i = 0; i < facts->given_count; i++) {
		text_format(&text, "  given%s ", facts->given[i].is ? "" : " not");
		text_atom(&text, policy, facts->given[i].node);
		text_char(&text, '\n');
	}
	print_message(
		"%s%.*s", facts->is_returned ? "returned\n" : "", SLICE_ARGS(text_slice(&text)));
	text_free(&text);
	(void)arena;
}

static void values_are_same(const struct policy *policy, const struct decision *decision,
	const struct reference_decision *reference)
{
	assert_int_equal(decision->trace_count, reference->considered_count);
	for (size_t i = 0; i < decision->trace_count; i++) {
		int value = reference->values[decision->trace[i].clause];
		if (value != (decision->trace[i].value == TRUE_ ? YES : MAYBE))
			print_message("%.*s: %d\n",
				SLICE_ARGS(policy_clause(policy, decision->trace[i].clause).text),
				value);
		assert_int_equal(value, decision->trace[i].value == TRUE_ ? YES : MAYBE);
	}
}

static bool agrees(const struct decision *decision, const struct reference_decision *reference,
	const struct policy *policy)
{
	return decision->verdict == reference->verdict && decision->stage == reference->stage &&
	       decision->has_grant == reference->granted &&
	       decision->trace_count == reference->considered_count &&
	       (!decision->has_grant ||
		       slice_is(policy_clause(policy, decision->grant).text, reference->grant));
}

/* The counters that are asked for are those of the account's limits, as these say. */
static void own_limits_are_same(
	const struct policy *policy, struct reference *reference, struct arena *arena)
{
	struct account_limit limits[ACCOUNT_LIMITS_MAX];
	size_t count = reference_own_limits(reference, limits), found = 0;
	const struct counter_wanted *wanted;
	size_t all = policy_counters(policy, reference->facts, arena, &wanted);

	for (size_t i = 0; i < all; i++) {
		if (wanted[i].clause < ACCOUNT_LIMIT_FIRST)
			continue;
		assert_true(found < count);
		assert_int_equal(wanted[i].clause - ACCOUNT_LIMIT_FIRST, found);
		assert_int_equal(wanted[i].most, limits[found].most);
		assert_int_equal(wanted[i].period, limits[found].period);
		assert_int_equal(wanted[i].recipients, limits[found].recipients);
		found++;
	}
	assert_int_equal(found, count);
}

/* It is named where nothing else holds the mail back, and it is the first that is full. */
static bool agrees_on_own_limit(
	const struct decision *decision, const struct reference_decision *reference)
{
	bool full = reference->own_limit < ACCOUNT_LIMITS_MAX;

	return decision->has_account_limit ? full && decision->account_limit == reference->own_limit
					   : !(reference->held && full);
}

static void one_session(const struct policy *policy, size_t *verdicts, size_t *held)
{
	struct arena *arena = arena_new();
	struct session_generated session;
	struct decision decision;

	generate_session(&random_source, policy, arena, &session);
	policy_decide(policy, &session.facts, session.stage, arena, &decision);
	struct reference reference = {policy, &session.facts, session.stage, arena, false};
	struct reference_decision other = reference_decide(&reference);
	if (!agrees(&decision, &other, policy)) {
		session_print(policy, &session, arena);
		print_message("decided %d at %s, %zu; reference %d at %s, %zu\n", decision.verdict,
			stage_text(decision.stage), decision.trace_count, other.verdict,
			stage_text(other.stage), other.considered_count);
	}
	values_are_same(policy, &decision, &other);
	assert_true(agrees(&decision, &other, policy));
	assert_true(agrees_on_own_limit(&decision, &other));
	own_limits_are_same(policy, &reference, arena);
	verdicts[decision.verdict]++;
	*held += decision.has_account_limit;
	arena_free(arena);
}

static void the_reference_decides_the_same(void **state)
{
	size_t verdicts[3] = {0}, held = 0;

	(void)state;
	for (int i = times(2000, 40000); i > 0; i--) {
		struct policy *policy = load();
		for (int j = 0; j < SESSIONS; j++)
			one_session(policy, verdicts, &held);
		policy_unref(policy);
	}
	print_message("%zu accepted, %zu refused, %zu deferred\n", verdicts[VERDICT_ACCEPT],
		verdicts[VERDICT_REFUSE], verdicts[VERDICT_DEFER]);
	print_message("%zu deferred by a limit of the account's own\n", held);
	for (int i = 0; i < 3; i++)
		assert_true(verdicts[i] > 1000);
	assert_true(held > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_reference_decides_the_same)};
	const char *seed = getenv("POSTERN_SEED");

	if (seed)
		random_source.state = strtoull(seed, NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
