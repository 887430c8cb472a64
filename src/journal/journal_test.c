/* SPDX-License-Identifier: Apache-2.0 */
/* Lines written are read back as they were meant; an ordinary one is short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/journal.h"
#include "journal/read.h"

/* A policy of three lines, in place of the room policy/: this test is about the line alone. */
const char *policy_hash(const struct policy *policy)
{
	(void)policy;
	return "0123456789abcdef";
}
struct clause_place policy_clause(const struct policy *policy, uint32_t clause)
{
	static const char *const texts[] = {"relay for network office",
		"refuse if sender domain \"spam.example\"", "deliver *"};
	(void)policy;
	return (struct clause_place){
		SLICE("/etc/postern/postern.conf"), 26 + clause, slice_of(texts[clause])};
}
void policy_find_networks(const struct policy *policy, const struct address *client, wall_ns now,
	struct arena *arena, struct slice *names, bool *trusted)
{
	(void)policy;
	(void)now;
	(void)arena;
	*trusted = address_is_loopback(client);
	*names = *trusted ? SLICE("office") : SLICE_NONE;
}

static const struct trace_entry trace[] = {{0, FALSE_}, {1, UNKNOWN_}, {2, TRUE_}};

static struct facts facts_from(const char *client)
{
	struct facts facts = {
		.has_client = true,
		.listener = SLICE("smtp"),
		.has_helo = true,
		.helo = SLICE("client.example.org"),
		.has_sender = true,
		.sender.text = SLICE("somebody@sender.example.org"),
		.has_recipient = true,
		.recipient.text = SLICE("friend@elsewhere.example"),
		.has_recipients = true,
		.recipients = 2,
	};
	assert_true(address_parse(slice_of(client), &facts.client));
	return facts;
}

static struct journal_decision refusal(const struct facts *facts, const struct decision *decision)
{
	return (struct journal_decision){
		.id = 0x123456789abcdef,
		.time = INT64_C(1763717400123) * NS_PER_MS,
		.node = SLICE("mx.example.org"),
		.session = SLICE("1.1042"),
		.facts = facts,
		.decision = decision,
		.reply = SLICE("550 5.7.1 Relaying to elsewhere.example needs you to sign in "
			       "(port 587) [why 7K3Q-9MZD-2C4T]"),
		.us = 14,
	};
}

static void a_refusal_is_read_back_as_it_was_written(void **state)
{
	struct arena *arena = arena_new();
	struct facts facts = facts_from("203.0.113.9");
	struct decision decision = {.verdict = VERDICT_REFUSE,
		.stage = STAGE_RCPT,
		.has_clause = true,
		.clause = 1,
		.foreign = true,
		.trace = trace,
		.trace_count = 3};
	struct journal_decision written = refusal(&facts, &decision);
	struct text text = TEXT_GROWING;
	struct journal_line line;

	(void)state;
	journal_write_decision(&text, &written);
	assert_true(journal_line_read(text_slice(&text), arena, &line));
	assert_true(line.id == written.id && line.time == written.time && !line.message);
	assert_true(slice_is(line.decision, SLICE("refuse")));
	assert_true(slice_is(line.client, SLICE("203.0.113.9")) && line.has_address);
	assert_true(slice_is(line.helo, facts.helo) && !line.tls && !line.network.len);
	assert_true(slice_is(line.sender, facts.sender.text) && line.has_sender);
	assert_true(slice_is(line.recipient, facts.recipient.text));
	assert_true(line.has_recipient_ours && !line.recipient_ours && !line.trusted);
	assert_true(slice_is(line.reply, written.reply) && slice_is(line.stage, SLICE("rcpt")));
	assert_true(line.clause.known && line.clause.line == 27 && !line.grant.known);
	assert_int_equal(line.trace_count, 3);
	assert_int_equal(line.trace[0].value, 0);
	assert_int_equal(line.trace[1].value, -1);
	assert_int_equal(line.trace[2].value, 1);
	assert_int_equal(line.recipients, 2);
	assert_int_equal(line.us, 14);
	text_free(&text);
	arena_free(arena);
}

static void an_acceptance_names_its_grant_network_and_message(void **state)
{
	struct arena *arena = arena_new();
	struct facts facts = facts_from("127.0.0.1");
	struct decision decision = {.stage = STAGE_END, .has_grant = true, .foreign = true};
	struct journal_decision written = refusal(&facts, &decision);
	struct text text = TEXT_GROWING;
	struct journal_line line;

	(void)state;
	facts.sender.text = SLICE_NONE;
	facts.has_size = true;
	facts.size = 5120;
	written.message = 77;
	written.tls = true;
	written.arena = arena;
	journal_write_decision(&text, &written);
	assert_true(journal_line_read(text_slice(&text), arena, &line));
	assert_true(slice_is(line.decision, SLICE("accept")) && line.tls && line.trusted);
	assert_true(line.grant.known && line.grant.line == 26);
	assert_true(slice_is(line.network, SLICE("office")) && line.message == 77);
	assert_true(line.has_sender && !line.sender.len && line.size == 5120 && line.size_declared);
	assert_int_equal(line.trace_count, 0);
	text_free(&text);
	arena_free(arena);
}

static void an_ordinary_line_is_shorter_than_600_bytes(void **state)
{
	struct facts facts = facts_from("203.0.113.9");
	struct decision decision = {.verdict = VERDICT_REFUSE,
		.stage = STAGE_RCPT,
		.foreign = true,
		.trace = trace,
		.trace_count = 3};
	struct journal_decision written = refusal(&facts, &decision);
	struct text text = TEXT_GROWING;

	(void)state;
	journal_write_decision(&text, &written);
	assert_true(text.len < 600);
	text_free(&text);
}

static void hostile_bytes_leave_one_line_that_can_be_read(void **state)
{
	struct arena *arena = arena_new();
	struct facts facts = facts_from("203.0.113.9");
	struct decision decision = {.verdict = VERDICT_DEFER, .stage = STAGE_RCPT};
	struct journal_decision written = refusal(&facts, &decision);
	struct text text = TEXT_GROWING;
	struct journal_line line;

	(void)state;
	facts.helo = SLICE("a\"\\\n\r\x1b[2J\0\xff\xc3");
	journal_write_decision(&text, &written);
	assert_false(slice_has(text_slice(&text), '\n'));
	assert_true(journal_line_read(text_slice(&text), arena, &line));
	assert_true(slice_starts(line.helo, SLICE("a\"\\\n\r\x1b[2J\0")));
	text_free(&text);
	arena_free(arena);
}

static void a_delivery_event_is_read_back_as_it_was_written(void **state)
{
	static const enum delivery_event events[] = {
		EVENT_DELIVERED, EVENT_DEFERRED, EVENT_BOUNCED, EVENT_EXPIRED, EVENT_REMOVED};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		struct journal_delivery written = {
			.message = 99,
			.time = NS_PER_S * 1763717400,
			.event = events[i],
			.sender = SLICE("a@example.org"),
			.recipient = SLICE("b@example.net"),
			.remote = SLICE("mx.example.net [192.0.2.1]:25"),
			.reply = SLICE("450 4.2.2 full"),
			.reason = SLICE("timeout"),
			.tls = {true, ROUTE_TLS_MAY, false, SLICE("TLSv1.3 AES"),
				SLICE("any certificate will do")},
			.us = 1500,
			.attempt = 3,
			.next = NS_PER_S * 1763717460,
		};
		struct text text = TEXT_GROWING;
		struct journal_line line;
		journal_write_delivery(&text, &written);
		assert_true(journal_line_read(text_slice(&text), arena, &line));
		assert_true(slice_is(line.event, delivery_event_text(events[i])));
		assert_true(line.message == 99 && line.time == written.time);
		assert_true(line.next == written.next && line.attempt == 3 && line.us == 1500);
		assert_true(slice_is(line.recipient, written.recipient) && line.tls);
		assert_true(slice_is(line.remote, written.remote));
		assert_true(slice_is(line.reply, written.reply));
		assert_true(slice_is(line.reason, written.reason));
		text_free(&text);
	}
	arena_free(arena);
}

/* What others answered stands under the facts' names, and a name also with the client. */
static void what_was_asked_is_written_with_its_answer(void **state)
{
	static const struct slice names[] = {SLICE("a.example"), SLICE("b.example")};
	struct address listed = {0};
	const struct fact_answer answers[] = {
		{.fact = FACT_CLIENT_NAME, .text = names[0], .texts = names, .text_count = 2},
		{.fact = FACT_LISTED,
			.argument = SLICE("bl.example"),
			.addresses = &listed,
			.address_count = 1,
			.because = SLICE("1.bl.example")},
		{.fact = FACT_SENDER_UNREACHABLE, .yes = true, .text = SLICE("null MX")},
		{.fact = FACT_LISTED,
			.argument = SLICE("other.example"),
			.unknown = true,
			.because = SLICE("SERVFAIL")},
		{.fact = FACT_SPF, .text = SLICE("fail")},
	};
	const struct counter_answer counters[] = {
		{.clause = 3, .used = 5, .most = 5, .full = true, .free_at = NS_PER_S},
		{.clause = 4, .unknown = true}};
	struct facts facts = facts_from("203.0.113.9");
	struct decision decision = {.verdict = VERDICT_ACCEPT, .stage = STAGE_RCPT};
	struct journal_decision written = refusal(&facts, &decision);
	struct text line = TEXT_GROWING;

	(void)state;
	assert_true(address_parse(SLICE("127.0.0.4"), &listed));
	facts.answers = answers;
	facts.answer_count = sizeof answers / sizeof *answers;
	facts.counters = counters;
	facts.counter_count = 2;
	journal_write_decision(&line, &written);
	text_char(&line, '\0');
	assert_non_null(strstr(line.at, "\"ip\":\"203.0.113.9\",\"name\":\"a.example\""));
	assert_non_null(strstr(line.at, ",\"client_name\":{\"value\":\"a.example\","
					"\"values\":[\"a.example\",\"b.example\"]}"
					",\"listed\":{\"bl.example\":{\"value\":true,"
					"\"addresses\":[\"127.0.0.4\"],"
					"\"because\":\"1.bl.example\"},"
					"\"other.example\":{\"unknown\":true,"
					"\"because\":\"SERVFAIL\"}}"
					",\"sender_domain_unreachable\":{\"value\":true,"
					"\"text\":\"null MX\"}"
					",\"spf\":{\"value\":\"fail\"}"
					",\"counter\":[{\"clause\":3,\"value\":5,\"most\":5,"
					"\"full\":true,\"free_at\":\"1970-01-01T00:00:01.000Z\"},"
					"{\"clause\":4,\"unknown\":true}]}"));
	text_free(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_is_written_with_its_answer),
		cmocka_unit_test(a_refusal_is_read_back_as_it_was_written),
		cmocka_unit_test(an_acceptance_names_its_grant_network_and_message),
		cmocka_unit_test(an_ordinary_line_is_shorter_than_600_bytes),
		cmocka_unit_test(hostile_bytes_leave_one_line_that_can_be_read),
		cmocka_unit_test(a_delivery_event_is_read_back_as_it_was_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
