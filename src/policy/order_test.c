/* SPDX-License-Identifier: Apache-2.0 */
/* What order-free means (doc/policy.md, "Meaning"), over generated configurations and sessions:
 * moving a line changes nothing, not even the words; a `relay for` only opens; a `refuse` or
 * `defer` only closes.
 */
#include "policy/testing.h"

enum { LINES_MAX = 40, LINE_MAX_LEN = 200, CONFIGURATIONS = 300, SESSIONS = 12, SHUFFLES = 4 };

struct configuration {
	char lines[LINES_MAX][LINE_MAX_LEN];
	size_t count;
};

static uint64_t random_state = 20261121;

static unsigned random_below(unsigned limit)
{
	random_state += 0x9e3779b97f4a7c15u;
	uint64_t z = random_state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (unsigned)((z ^ z >> 31) % limit);
}
#define PICK(list) ((list)[random_below(sizeof(list) / sizeof *(list))])

static const char *const fixed[] = {"hostname mx.example.org", "listen smtp \"*:25\"",
	"domain example.org mailboxes \"boxes\" deliver via mx",
	"domain any.example any recipient deliver via mx", "network n0 192.0.2.0/24",
	"network n1 192.0.2.128/25 198.51.100.7", "network n2 2001:db8::/32 198.51.100.0/24"};
static const char *const atoms[] = {"network n0", "network n1", "network n2", "client 192.0.2.200",
	"client 198.51.100.0/25", "helo \"*.example\"", "helo \"bad*\"", "sender null",
	"sender ours", "sender domain a.example", "sender \"u@example.org\"", "sender in \"bad\"",
	"recipient ours", "recipient unknown", "recipient domain adatum.com",
	"recipient \"alice@example.org\"", "size > 10 KB", "recipients > 2", "listener smtp"};
static const char *const clients[] = {
	"192.0.2.1", "192.0.2.200", "198.51.100.7", "198.51.100.200", "2001:db8::1", "203.0.113.5"};
static const char *const helos[] = {"x.example", "bad", "", NULL};
static const char *const senders[] = {
	"", "u@example.org", "x@a.example", "m@evil.example", "U+tag@example.org", NULL};
static const char *const recipients[] = {"alice@example.org", "Alice+x@example.org",
	"nobody@example.org", "b@adatum.com", "any%one@any.example", "c@any.example", "postmaster"};
static const struct test_file lists[] = {
	{"boxes", "alice\nu@example.org\n"}, {"bad", "evil.example\nx@a.example\n"}};

/* A condition of one to three atoms. */
static void condition_make(char *out, size_t size, bool trusted)
{
	const char *first = PICK(atoms), *second = PICK(atoms), *third = PICK(atoms);

	switch (random_below(6)) {
	case 0: snprintf(out, size, "if %s and not %s", first, second); break;
	case 1: snprintf(out, size, "if %s or %s", first, second); break;
	case 2: snprintf(out, size, "if %s unless %s", first, trusted ? "trusted" : second); break;
	case 3: snprintf(out, size, "unless %s", first); break;
	case 4: snprintf(out, size, "if (%s or %s) and %s", first, second, third); break;
	default: snprintf(out, size, "if %s", first); break;
	}
}

static void relay_make(char *out)
{
	char when[LINE_MAX_LEN / 2] = "";

	if (random_below(2))
		do
			condition_make(when, sizeof when, false);
		while (strstr(when, "size")); /* not in a grant */
	snprintf(out, LINE_MAX_LEN, "relay for network n%u %s %s", random_below(3), when,
		random_below(4) ? "" : "until 2020-01-01");
}

static void refusal_make(char *out)
{
	static const char *const replies[] = {"", "", "say \"no\"", "say \"not so\""};
	char when[LINE_MAX_LEN / 2];
	bool refuse = random_below(2);

	condition_make(when, sizeof when, true);
	snprintf(out, LINE_MAX_LEN, "%s %s %s%s", refuse ? "refuse" : "defer", when, PICK(replies),
		random_below(4) ? ""
		: refuse        ? " code 554 5.7.2"
				: " code 451 4.7.2");
}

static void configuration_make(struct configuration *made)
{
	made->count = 0;
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		snprintf(made->lines[made->count++], LINE_MAX_LEN, "%s", fixed[i]);
	for (unsigned i = random_below(4); i > 0; i--)
		relay_make(made->lines[made->count++]);
	for (unsigned i = random_below(8); i > 0; i--)
		refusal_make(made->lines[made->count++]);
}

static void lines_shuffle(struct configuration *configuration)
{
	for (size_t i = configuration->count; i > 1; i--) {
		char kept[LINE_MAX_LEN];
		size_t other = random_below((unsigned)i);
		if (other == i - 1)
			continue;
		memcpy(kept, configuration->lines[i - 1], LINE_MAX_LEN);
		memcpy(configuration->lines[i - 1], configuration->lines[other], LINE_MAX_LEN);
		memcpy(configuration->lines[other], kept, LINE_MAX_LEN);
	}
}

static struct policy *configuration_load(const struct configuration *configuration)
{
	struct text text = TEXT_GROWING;

	for (size_t i = 0; i < configuration->count; i++)
		text_format(&text, "%s\n", configuration->lines[i]);
	text_char(&text, '\0');
	struct policy *policy = test_load(text.at, lists, 2);
	text_free(&text);
	return policy;
}

static struct facts session_make(struct arena *arena)
{
	struct facts facts =
		test_facts(PICK(clients), PICK(helos), PICK(senders), PICK(recipients), arena);

	facts.has_size = random_below(2);
	facts.size = random_below(2) ? 5000 : 20000;
	facts.size_is_final = facts.has_size && random_below(2);
	facts.recipients = random_below(5) + 1;
	facts.now = random_below(2) ? 0 : INT64_C(1800000000) * NS_PER_S;
	return facts;
}

static struct decision decide(
	struct policy *policy, const struct facts *facts, struct arena *arena, enum stage stage)
{
	struct decision decision;

	policy_decide(policy, facts, stage, arena, &decision);
	return decision;
}

static void decisions_are_alike(struct policy *a, struct policy *b)
{
	for (int i = 0; i < SESSIONS; i++) {
		struct arena *arena = arena_new();
		struct facts facts = session_make(arena);
		enum stage stage = facts.size_is_final ? STAGE_END : STAGE_RCPT;
		struct decision one = decide(a, &facts, arena, stage);
		struct decision two = decide(b, &facts, arena, stage);
		assert_int_equal(one.verdict, two.verdict);
		assert_int_equal(one.reason, two.reason);
		assert_int_equal(one.code, two.code);
		assert_int_equal(one.stage, two.stage);
		assert_int_equal(one.possible, two.possible);
		assert_true(slice_is(one.words, two.words));
		assert_int_equal(one.has_clause, two.has_clause);
		if (one.has_clause)
			assert_true(slice_is(policy_clause(a, one.clause).text,
				policy_clause(b, two.clause).text));
		if (one.has_grant)
			assert_true(slice_is(policy_clause(a, one.grant).text,
				policy_clause(b, two.grant).text));
		arena_free(arena);
	}
}

static void moving_a_line_changes_nothing(void **state)
{
	static struct configuration configuration;

	(void)state;
	for (int i = 0; i < CONFIGURATIONS; i++) {
		configuration_make(&configuration);
		struct policy *policy = configuration_load(&configuration);
		for (int j = 0; j < SHUFFLES; j++) {
			lines_shuffle(&configuration);
			struct policy *moved = configuration_load(&configuration);
			decisions_are_alike(policy, moved);
			policy_unref(moved);
		}
		policy_unref(policy);
	}
}

/* With a line more, what was accepted and is not now (closed) and the reverse (opened). */
static void line_counts(void (*make)(char *), size_t *opened, size_t *closed, size_t *same)
{
	static struct configuration configuration;

	for (int i = 0; i < 2 * CONFIGURATIONS; i++) {
		configuration_make(&configuration);
		struct policy *before = configuration_load(&configuration);
		make(configuration.lines[configuration.count++]);
		struct policy *after = configuration_load(&configuration);
		for (int j = 0; j < SESSIONS; j++) {
			struct arena *arena = arena_new();
			struct facts facts = session_make(arena);
			bool was =
				decide(before, &facts, arena, STAGE_END).verdict == VERDICT_ACCEPT;
			bool is = decide(after, &facts, arena, STAGE_END).verdict == VERDICT_ACCEPT;
			*opened += is && !was;
			*closed += was && !is;
			*same += was == is;
			arena_free(arena);
		}
		policy_unref(before);
		policy_unref(after);
	}
}

static void one_more_grant_only_opens(void **state)
{
	size_t opened = 0, closed = 0, same = 0;

	(void)state;
	line_counts(relay_make, &opened, &closed, &same);
	assert_int_equal(closed, 0);
	assert_true(opened > 10 && same > 10);
}

static void one_more_refusal_only_closes(void **state)
{
	size_t opened = 0, closed = 0, same = 0;

	(void)state;
	line_counts(refusal_make, &opened, &closed, &same);
	assert_int_equal(opened, 0);
	assert_true(closed > 10 && same > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moving_a_line_changes_nothing),
		cmocka_unit_test(one_more_grant_only_opens),
		cmocka_unit_test(one_more_refusal_only_closes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
