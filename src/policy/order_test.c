/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What order-free means (doc/policy.md, "Meaning"), over generated configurations and sessions:
 * moving a line changes nothing, not even the words; a `relay for` or `forward for` only opens; a
 * `refuse`, `defer` or `limit` only closes. POSTERN_LONG_TESTS makes it the long form.
 */
#include <stdlib.h>

#include "policy/generate.h"
#include "policy/testing.h"

enum { SESSIONS = 12 };

static struct generator random_source = {.state = 20261122};

static int times(int usual, int when_long)
{
	return getenv("POSTERN_LONG_TESTS") ? when_long : usual;
}

static struct policy *load(const struct generated *configuration)
{
	struct complaints complaints;

	complaints_init(&complaints);
	struct policy *policy = generated_load(configuration, &complaints);
	if (!policy)
		test_print(&complaints);
	assert_non_null(policy);
	complaints_free(&complaints);
	return policy;
}

/* ---- moving a line ---- */

static struct slice text_of(const struct policy *policy, bool has, uint32_t clause)
{
	return has ? policy_clause(policy, clause).text : SLICE_NONE;
}

/* The clause of this text; of several that say the same, as many stand before it as before `like`.
 */
static uint32_t clause_like(const struct policy *policy, uint32_t like, const struct policy *moved)
{
	struct slice text = policy_clause(policy, like).text;
	uint32_t at = 0;

	for (uint32_t i = 0; i <= like; i++)
		if (slice_is(policy_clause(policy, i).text, text))
			while (!slice_is(policy_clause(moved, at++).text, text))
				;
	return at - 1;
}

/* Counters name clauses by their index, which moving lines changes. */
static struct facts facts_of_moved(const struct policy *policy, const struct policy *moved,
	const struct facts *facts, struct arena *arena)
{
	struct counter_answer *counters =
		ARENA_ARRAY(arena, struct counter_answer, facts->counter_count + 1);
	struct facts copy = *facts;

	for (size_t i = 0; i < facts->counter_count; i++) {
		counters[i] = facts->counters[i];
		if (counters[i].clause <
			ACCOUNT_LIMIT_FIRST) /* an account's own stand in no line */
			counters[i].clause = clause_like(policy, counters[i].clause, moved);
	}
	copy.counters = counters;
	return copy;
}

static void decisions_are_alike(const struct policy *a, const struct policy *b)
{
	for (int i = 0; i < SESSIONS; i++) {
		struct arena *arena = arena_new();
		struct session_generated session;
		struct decision one, two;
		generate_session(&random_source, a, arena, &session);
		session.facts.given_count = 0; /* a given atom is one policy's */
		struct facts moved = facts_of_moved(a, b, &session.facts, arena);
		policy_decide(a, &session.facts, session.stage, arena, &one);
		policy_decide(b, &moved, session.stage, arena, &two);
		assert_int_equal(one.verdict, two.verdict);
		assert_int_equal(one.reason, two.reason);
		assert_int_equal(one.code, two.code);
		assert_int_equal(one.stage, two.stage);
		assert_int_equal(one.possible, two.possible);
		assert_int_equal(one.trace_count, two.trace_count);
		assert_true(slice_is(one.words, two.words));
		assert_true(slice_is(text_of(a, one.has_clause, one.clause),
			text_of(b, two.has_clause, two.clause)));
		assert_true(slice_is(text_of(a, one.has_grant, one.grant),
			text_of(b, two.has_grant, two.grant)));
		arena_free(arena);
	}
}

static void moving_a_line_changes_nothing(void **state)
{
	static struct generated configuration;

	(void)state;
	for (int i = times(60, 100); i > 0; i--) {
		generate_configuration(&random_source, &configuration);
		struct policy *policy = load(&configuration);
		for (int j = times(10, 1000); j > 0; j--) {
			generated_shuffle(&random_source, &configuration);
			struct policy *moved = load(&configuration);
			decisions_are_alike(policy, moved);
			policy_unref(moved);
		}
		policy_unref(policy);
	}
}

#define HEAD                                                                                       \
	"listen smtp \"*:25\"\n"                                                                   \
	"domain example.org any recipient deliver via mx\n"                                        \
	"network n0 198.51.100.0/29\n"

/* A limit of senders stays unknown while nobody names the sender, however full the counter; whether
 * a network's is full can be tried. */
static void what_cannot_be_tried_hides_nothing_that_can(void **state)
{
	static const char *const texts[] = {
		HEAD
		"limit sender 2 messages per hour\nlimit network n0 1 messages per hour together\n",
		HEAD
		"limit network n0 1 messages per hour together\nlimit sender 2 messages per hour\n",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct arena *arena = arena_new();
		struct policy *policy = test_load(texts[i], NULL, 0);
		struct facts facts = {.listener = SLICE("smtp"), .has_account = true, .now = 1};
		struct counter_answer full = {.clause = (uint32_t)i, .full = true};
		struct decision decision;
		facts.counters = &full;
		facts.counter_count = 1;
		test_mailbox("alice@example.org", arena, &facts.recipient);
		facts.has_recipient = true;
		policy_decide(policy, &facts, STAGE_RCPT, arena, &decision);
		assert_int_equal(decision.possible, 1u << VERDICT_ACCEPT | 1u << VERDICT_DEFER);
		policy_unref(policy);
		arena_free(arena);
	}
}

/* ---- one line more ---- */

struct changes {
	size_t opened, closed, same;
};

static bool accepts(
	const struct policy *policy, const struct session_generated *session, struct arena *arena)
{
	struct decision decision;

	policy_decide(policy, &session->facts, session->stage, arena, &decision);
	return decision.verdict == VERDICT_ACCEPT;
}

/* With a line more, what was accepted and is not now (closed) and the reverse (opened). */
static struct changes line_counts(void (*make)(struct generator *, char *))
{
	static struct generated configuration;
	struct changes changes = {0};

	for (int i = times(400, 4000); i > 0; i--) {
		generate_configuration(&random_source, &configuration);
		struct policy *before = load(&configuration);
		make(&random_source, configuration.lines[configuration.count++]);
		struct policy *after = load(&configuration);
		for (int j = 0; j < SESSIONS; j++) {
			struct arena *arena = arena_new();
			struct session_generated session;
			generate_session(&random_source, before, arena, &session);
			session.facts.given_count = 0;
			bool was = accepts(before, &session, arena);
			bool is = accepts(after, &session, arena);
			changes.opened += is && !was;
			changes.closed += was && !is;
			changes.same += was == is;
			arena_free(arena);
		}
		policy_unref(before);
		policy_unref(after);
	}
	return changes;
}

static void one_more_grant_only_opens(void **state)
{
	struct changes changes = line_counts(generate_grant);

	(void)state;
	assert_int_equal(changes.closed, 0);
	assert_true(changes.opened > 10 && changes.same > 10);
}

static void one_more_refusal_only_closes(void **state)
{
	struct changes changes = line_counts(generate_refusal);

	(void)state;
	assert_int_equal(changes.opened, 0);
	assert_true(changes.closed > 10 && changes.same > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moving_a_line_changes_nothing),
		cmocka_unit_test(what_cannot_be_tried_hides_nothing_that_can),
		cmocka_unit_test(one_more_grant_only_opens),
		cmocka_unit_test(one_more_refusal_only_closes),
	};
	const char *seed = getenv("POSTERN_SEED");

	if (seed)
		random_source.state = strtoull(seed, NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
