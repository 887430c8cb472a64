/* SPDX-License-Identifier: Apache-2.0 */
/* The nearest miss, and holding a credential. */
#include "policy/testing.h"

static const char *const text =
	"hostname mx.test.example\n"
	"listen smtp \"127.0.0.1:0\"\n"
	"domain ours.example any recipient deliver maildir \"/m/%d/%l\"\n"
	"network office 192.0.2.0/28 owns domain ours.example\n"
	"network old 198.51.100.0/28 owns any sender any author\n"
	"certificate jira "
	"\"SHA256:9f2c4a9f2c4a9f2c4a9f2c4a9f2c4a9f2c4a9f2c4a9f2c4a9f2c4a9f2c4a9f2c\" owns "
	"\"jira@ours.example\"\n"
	"relay for network office\n"
	"relay for network old until 2020-01-01\n"
	"relay for certificate jira\n"
	"relay for account \"boss@ours.example\"\n"
	"relay for authenticated if recipient domain partner.example\n"
	"refuse if sender not owned\n"
	"refuse if helo \"*.bad\"\n";

static struct facts facts_of(
	const char *client, const char *from, const char *to, struct arena *arena)
{
	struct facts facts = test_facts(client, "x.example", from, to, arena);

	facts.has_tls = facts.has_account = true;
	facts.now = INT64_C(1763717400) * NS_PER_S;
	return facts;
}

static void near_is(const struct policy *policy, const struct facts *facts,
	const char *const *wanted, size_t count)
{
	struct arena *arena = arena_new();
	const struct slice *nearest;
	struct decision decision;

	policy_decide(policy, facts, STAGE_RCPT, arena, &decision);
	size_t found = policy_nearest(policy, facts, STAGE_RCPT, &decision, arena, &nearest);
	for (size_t i = 0; i < found; i++)
		print_message("  %.*s\n", SLICE_ARGS(nearest[i]));
	assert_int_equal(found, count);
	for (size_t i = 0; i < count; i++) {
		bool there = false;
		for (size_t j = 0; j < found; j++)
			there |= slice_is(nearest[j], slice_of(wanted[i]));
		if (!there)
			fail_msg("\"%s\" is missing", wanted[i]);
	}
	arena_free(arena);
}

static void every_way_in_that_is_open_is_named(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = test_load(text, NULL, 0);
	struct facts facts =
		facts_of("203.0.113.9", "bob@ours.example", "x@partner.example", arena);

	(void)state;
	near_is(policy, &facts, (const char *const[]){"a client in network office", "signing in"},
		2);
	policy_unref(policy);
	arena_free(arena);
}

static void a_sender_that_may_be_used_is_named(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = test_load(text, NULL, 0);
	struct facts facts = facts_of("192.0.2.2", "x@other.example", "x@adatum.com", arena);

	(void)state;
	near_is(policy, &facts,
		(const char *const[]){
			"signing in", "a sender it may use, like somebody@ours.example"},
		2);
	policy_unref(policy);
	arena_free(arena);
}

static void two_changes_are_named_where_one_is_not_enough(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = test_load(text, NULL, 0);
	struct facts facts = facts_of("203.0.113.9", "bob@ours.example", "x@adatum.com", arena);

	(void)state;
	facts.helo = SLICE("very.bad");
	near_is(policy, &facts,
		(const char *const[]){"a client in network office, and if not: helo \"*.bad\""}, 1);
	policy_unref(policy);
	arena_free(arena);
}

static void what_was_accepted_missed_nothing(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = test_load(text, NULL, 0);
	struct facts facts = facts_of("192.0.2.2", "bob@ours.example", "x@adatum.com", arena);

	(void)state;
	near_is(policy, &facts, NULL, 0);
	policy_unref(policy);
	arena_free(arena);
}

/* Whoever holds what a `relay for` names is granted by it, unless its condition says no. */
static void holding_grants(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = test_load(text, NULL, 0);
	const uint32_t *relays;
	size_t count = policy_relays(policy, &relays), granted = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct facts facts =
			facts_of("203.0.113.9", "bob@ours.example", "x@partner.example", arena);
		struct decision decision;
		struct slice words;
		facts.now = 0; /* no grant has ended */
		assert_true(policy_hold(policy, relays[i], &facts, arena, &words));
		assert_true(words.len > 0);
		policy_decide(policy, &facts, STAGE_RCPT, arena, &decision);
		granted += decision.has_grant;
	}
	assert_int_equal(granted, count);
	policy_unref(policy);
	arena_free(arena);
}

static void owners_are_told_apart(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = test_load(text, NULL, 0);
	const struct policy_owner *owners;
	struct mailbox address;

	(void)state;
	test_mailbox("jira@ours.example", arena, &address);
	assert_int_equal(policy_owners(policy, &address, arena, &owners), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(owners[i].as_sender, OWNS_IT);
	test_mailbox("x@other.example", arena, &address);
	policy_owners(policy, &address, arena, &owners);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(owners[i].as_sender,
			slice_is(owners[i].name, SLICE("old")) ? OWNS_IT : OWNS_OTHERS);
	policy_unref(policy);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_in_that_is_open_is_named),
		cmocka_unit_test(a_sender_that_may_be_used_is_named),
		cmocka_unit_test(two_changes_are_named_where_one_is_not_enough),
		cmocka_unit_test(what_was_accepted_missed_nothing),
		cmocka_unit_test(holding_grants),
		cmocka_unit_test(owners_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
