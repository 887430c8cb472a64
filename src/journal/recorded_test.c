/* SPDX-License-Identifier: Apache-2.0 */
/* Facts, written to a line and read back: the same decision comes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "journal/journal.h"
#include "journal/recorded.h"

static struct policy *load(const char *text)
{
	struct bundle_file file = {
		.kind = BUNDLE_CONFIGURATION, .path = SLICE("test.conf"), .bytes = slice_of(text)};
	struct bundle bundle = {.files = &file,
		.count = 1,
		.nodename = SLICE("node.example.org"),
		.hash = "0123456789abcdef"};
	struct complaints complaints;

	complaints_init(&complaints);
	struct policy *policy = policy_load_unproved(&bundle, &complaints);
	assert_non_null(policy);
	complaints_free(&complaints);
	return policy;
}

static struct policy *policy_of_all(void)
{
	return load("hostname mx.test.example\n"
		    "listen smtp \"127.0.0.1:0\"\n"
		    "domain ours.example any recipient deliver maildir \"/m/%d/%l\"\n"
		    "network office 192.0.2.0/24\n"
		    "relay for network office\n"
		    "refuse if listed \"bl.example\" returning 127.0.0.2\n"
		    "refuse if client named \"*.bad.example\"\n"
		    "refuse if spf fail\n"
		    "defer if sender domain unreachable\n");
}

static json_t *line_of(const struct policy *policy, const struct facts *facts, enum stage stage,
	struct arena *arena, struct decision *decision)
{
	struct text line = TEXT_GROWING;

	policy_decide(policy, facts, stage, arena, decision);
	journal_write_decision(&line, &(struct journal_decision){.id = 7,
					      .time = INT64_C(1763717400) * NS_PER_S,
					      .policy = policy,
					      .facts = facts,
					      .decision = decision,
					      .tls = facts->tls,
					      .arena = arena});
	json_t *object = json_loadb(line.at, line.len, 0, NULL);
	assert_non_null(object);
	text_free(&line);
	return object;
}

static struct facts session(const char *client, struct arena *arena)
{
	struct facts facts = {.listener = SLICE("smtp"),
		.has_client = true,
		.has_tls = true,
		.has_account = true,
		.has_helo = true,
		.helo = SLICE("client.example"),
		.has_sender = true,
		.has_recipient = true,
		.has_recipients = true,
		.recipients = 1,
		.now = INT64_C(1763717400) * NS_PER_S};

	assert_true(address_parse(slice_of(client), &facts.client));
	assert_int_equal(mailbox_parse(SLICE("a@b.example"), arena, &facts.sender), MAILBOX_OK);
	assert_int_equal(
		mailbox_parse(SLICE("x@ours.example"), arena, &facts.recipient), MAILBOX_OK);
	return facts;
}

/* Replay decides with whom Sender and Resent-* named, and with fields that named nobody. */
static void who_else_stands_behind_a_message_comes_back(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = load("hostname mx.test.example\nlisten smtp \"127.0.0.1:0\"\n"
				     "domain ours.example any recipient deliver maildir \"/m\"\n"
				     "network office 192.0.2.0/24 owns domain b.example\n"
				     "refuse if from not owned\n");
	struct mailbox claims[2];
	struct decision decision, again;
	struct recorded recorded;

	(void)state;
	assert_int_equal(mailbox_parse(SLICE("s@b.example"), arena, &claims[0]), MAILBOX_OK);
	assert_int_equal(mailbox_parse(SLICE("s@other.example"), arena, &claims[1]), MAILBOX_OK);
	for (unsigned i = 0; i < 6; i++) {
		struct facts facts = session("192.0.2.7", arena);
		facts.has_from = true;
		facts.from = facts.sender;
		facts.claims = claims;
		facts.claim_count = i % 3;
		facts.claims_unclear = i >= 3;
		json_t *line = line_of(policy, &facts, STAGE_END, arena, &decision);
		/* An acceptance at the end says nothing new: the one at RCPT is replayed. */
		assert_int_equal(recorded_read(line, arena, &recorded), i >= 2);
		assert_int_equal(recorded.facts.claim_count, facts.claim_count);
		assert_int_equal(recorded.facts.claims_unclear, facts.claims_unclear);
		policy_decide(policy, &recorded.facts, STAGE_END, arena, &again);
		assert_int_equal(again.verdict, decision.verdict);
		assert_int_equal(again.verdict == VERDICT_REFUSE, i >= 2);
		assert_true(slice_is(again.words, decision.words));
		json_decref(line);
	}
	policy_unref(policy);
	arena_free(arena);
}

static void every_kind_of_answer_comes_back(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = policy_of_all();
	struct address listed;
	struct slice names[] = {SLICE("a.bad.example"), SLICE("b.example")};
	struct recorded recorded;
	struct decision decision, again;

	(void)state;
	assert_true(address_parse(SLICE("127.0.0.2"), &listed));
	const struct fact_answer rows[][4] = {
		{{.fact = FACT_LISTED,
			.argument = SLICE("bl.example"),
			.addresses = &listed,
			.address_count = 1}},
		{{.fact = FACT_LISTED, .argument = SLICE("bl.example")}, {.fact = FACT_CLIENT_NAME,
										 .text = names[0],
										 .texts = names,
										 .text_count = 2}},
		{{.fact = FACT_LISTED, .argument = SLICE("bl.example"), .unknown = true},
			{.fact = FACT_CLIENT_NAME}, {.fact = FACT_SPF, .text = SLICE("fail")}},
		{{.fact = FACT_LISTED, .argument = SLICE("bl.example")}, {.fact = FACT_CLIENT_NAME},
			{.fact = FACT_SPF, .text = SLICE("none")},
			{.fact = FACT_SENDER_UNREACHABLE, .yes = true}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct facts facts = session("203.0.113.9", arena);
		facts.answers = rows[i];
		facts.answer_count = i + 1 > 4 ? 4 : i + 1;
		json_t *line = line_of(policy, &facts, STAGE_RCPT, arena, &decision);
		assert_true(recorded_read(line, arena, &recorded));
		policy_decide(policy, &recorded.facts, recorded.stage, arena, &again);
		assert_int_equal(again.verdict, decision.verdict);
		assert_int_equal(again.reason, decision.reason);
		assert_int_equal(again.possible, decision.possible);
		assert_int_equal(again.trace_count, decision.trace_count);
		json_decref(line);
	}
	policy_unref(policy);
	arena_free(arena);
}

static void who_and_what_come_back(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = policy_of_all();
	struct facts facts = session("192.0.2.7", arena);
	struct recorded recorded;
	struct decision decision;

	(void)state;
	facts.tls = facts.tls_verified = true;
	facts.certificate = SLICE("SHA256:aa");
	facts.account = SLICE("bob@ours.example");
	facts.has_size = true;
	facts.size = 5000;
	json_t *line = line_of(policy, &facts, STAGE_RCPT, arena, &decision);
	assert_true(recorded_read(line, arena, &recorded));
	const struct facts *read = &recorded.facts;
	assert_true(address_is(&read->client, &facts.client) && read->tls && read->tls_verified);
	assert_true(slice_is(read->certificate, facts.certificate));
	assert_true(slice_is(read->account, facts.account) && slice_is(read->helo, facts.helo));
	assert_true(slice_is(read->sender.text, facts.sender.text));
	assert_true(slice_is(read->recipient.text, facts.recipient.text));
	assert_true(read->has_size && !read->size_is_final && read->size == 5000);
	assert_int_equal(read->now, facts.now);
	json_decref(line);
	policy_unref(policy);
	arena_free(arena);
}

static void what_is_no_decision_of_a_policy_is_left_alone(void **state)
{
	static const char *const lines[] = {
		"{}",
		"[]",
		"{\"decision\":\"accept\",\"stage\":\"rcpt\"}",
		"{\"event\":\"delivered\",\"recipient\":\"a@b.example\"}",
		("{\"decision\":\"refuse\",\"recipient\":\"a@b.example\",\"reason\":\"line-too-"
		 "long\"}"),
		"{\"decision\":\"perhaps\",\"recipient\":\"a@b.example\"}",
		"{\"decision\":\"accept\",\"stage\":\"end of data\",\"recipient\":\"a@b.example\"}",
	};
	struct arena *arena = arena_new();
	struct recorded recorded;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		json_t *line = json_loads(lines[i], 0, NULL);
		assert_false(recorded_read(line, arena, &recorded));
		json_decref(line);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_answer_comes_back),
		cmocka_unit_test(who_else_stands_behind_a_message_comes_back),
		cmocka_unit_test(who_and_what_come_back),
		cmocka_unit_test(what_is_no_decision_of_a_policy_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
