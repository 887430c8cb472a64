/* SPDX-License-Identifier: Apache-2.0 */
/* What failures mean: our own refusals, the replies everybody meets, and the order of evidence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "explain/explain.h"

enum { SENDER = 1, SENDER_ADMIN = 2, RECIPIENT_ADMIN = 4 }; /* who has a next step */

struct expected {
	const char *text; /* "550 5.7.1 words", as a reply has it */
	enum cause cause;
	enum actor actor;
	unsigned steps;
};

/* A reply's text as the failure that reading makes of it. */
static struct failure failure_of(const char *text)
{
	struct failure failure = {0};
	struct slice rest = slice_of(text), before = rest;
	uint64_t code = 0;

	if (slice_number(slice_cut(&rest, ' '), 599, &code) && code >= 400)
		failure.reply_code = (unsigned)code;
	else
		rest = before;
	before = rest;
	failure.has_status = enhanced_parse(slice_cut(&rest, ' '), &failure.status);
	failure.words = failure.has_status ? rest : before;
	return failure;
}

static unsigned steps_of(const struct explanation *told)
{
	return (told->sender_steps.len ? SENDER : 0) |
	       (told->sender_admin_steps.len ? SENDER_ADMIN : 0) |
	       (told->recipient_admin_steps.len ? RECIPIENT_ADMIN : 0);
}

static void check_all(const struct expected *cases, size_t count)
{
	struct arena *arena = arena_new();

	for (size_t i = 0; i < count; i++) {
		struct failure failure = failure_of(cases[i].text);
		struct explanation told;
		explain_failure(&failure, arena, &told);
		if (told.cause != cases[i].cause || told.actor != cases[i].actor)
			print_error("%s: %s, %s by %.*s\n", cases[i].text, cause_text(told.cause),
				actor_text(told.actor), SLICE_ARGS(told.rule));
		assert_string_equal(cause_text(told.cause), cause_text(cases[i].cause));
		assert_string_equal(actor_text(told.actor), actor_text(cases[i].actor));
		assert_int_equal(steps_of(&told) & cases[i].steps, cases[i].steps);
	}
	arena_free(arena);
}

#define ALL (SENDER | SENDER_ADMIN | RECIPIENT_ADMIN)

static void the_usual_refusals_to_relay_are_explained_to_each_who_can_act(void **state)
{
	static const struct expected cases[] = {
		{"550 5.7.1 Unable to relay", CAUSE_RELAY_DENIED, ACTOR_SENDER_ADMIN, ALL},
		{"550 5.7.367 Remote server returned not permitted to relay -> 554 5.7.1",
			CAUSE_RELAY_DENIED, ACTOR_SENDER_ADMIN, SENDER | SENDER_ADMIN},
		{"550 5.7.367 Sender not authorized for relay", CAUSE_RELAY_DENIED,
			ACTOR_SENDER_ADMIN, SENDER | SENDER_ADMIN},
		{"550 5.7.367", CAUSE_RELAY_DENIED, ACTOR_SENDER_ADMIN, SENDER | SENDER_ADMIN},
		{"554 5.7.1 <bob@adatum.com>: Relay access denied", CAUSE_RELAY_DENIED,
			ACTOR_SENDER_ADMIN, ALL},
		{"553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
			CAUSE_RELAY_DENIED, ACTOR_SENDER_ADMIN, ALL},
		{"550 Forwarding Denied", CAUSE_RELAY_DENIED, ACTOR_SENDER_ADMIN, ALL},
		{"550 relay not permitted", CAUSE_RELAY_DENIED, ACTOR_SENDER_ADMIN, ALL},
		{"550 Authentication is required for relay", CAUSE_RELAY_DENIED, ACTOR_SENDER_ADMIN,
			ALL},
		{"550 5.4.1 Recipient address rejected: Access denied", CAUSE_UNKNOWN_RECIPIENT,
			ACTOR_SENDER, SENDER | RECIPIENT_ADMIN},
		{"550 5.4.1 [bob@adatum.com]: Relay Access Denied", CAUSE_RELAY_DENIED,
			ACTOR_RECIPIENT_ADMIN, ALL},
		{"550 5.7.520 Access denied, Your organization does not allow external forwarding",
			CAUSE_FORWARDING_FORBIDDEN, ACTOR_SENDER_ADMIN, SENDER | SENDER_ADMIN},
		{"550 Rejected by header-based Blocked Senders: ann@contoso.com",
			CAUSE_BLOCKED_SENDER, ACTOR_RECIPIENT_ADMIN, SENDER | RECIPIENT_ADMIN},
		{"550 permanent failure for one or more recipients (bob@adatum.com:blocked)",
			CAUSE_POLICY, ACTOR_RECIPIENT_ADMIN, ALL},
	};

	(void)state;
	check_all(cases, sizeof cases / sizeof *cases);
}

static void words_win_over_codes_where_they_are_specific(void **state)
{
	static const struct expected cases[] = {
		{"550 5.7.1 No such user here", CAUSE_UNKNOWN_RECIPIENT, ACTOR_SENDER, SENDER},
		{"550 5.1.1 The mailbox of bob is over quota", CAUSE_MAILBOX_FULL, ACTOR_RECIPIENT,
			SENDER},
		{"554 5.0.0 Message contains a virus", CAUSE_CONTENT_VIRUS, ACTOR_SENDER, SENDER},
		{"550 5.2.1 mailbox unavailable", CAUSE_MAILBOX_DISABLED, ACTOR_RECIPIENT_ADMIN,
			SENDER},
		{"552 5.2.2 mailbox unavailable", CAUSE_MAILBOX_FULL, ACTOR_RECIPIENT, SENDER},
		{"452 4.5.3 we are sorry", CAUSE_RATE_LIMITED, ACTOR_SENDER, SENDER},
		{"535 we are sorry", CAUSE_AUTHENTICATION_FAILED, ACTOR_SENDER, SENDER},
	};

	(void)state;
	check_all(cases, sizeof cases / sizeof *cases);
}

static void what_says_nothing_is_unclear_and_says_what_is_needed(void **state)
{
	static const char *const texts[] = {
		"", "550 no", "554 5.0.0 no", "please see the web page"};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct failure failure = failure_of(texts[i]);
		struct explanation told;
		explain_failure(&failure, arena, &told);
		assert_string_equal(cause_text(told.cause), "unclear");
		assert_true(told.needed.len > 0);
		assert_true(told.sender_steps.len > 0);
	}
	arena_free(arena);
}

static void the_evidence_is_the_words_that_decided(void **state)
{
	struct arena *arena = arena_new();
	struct failure failure = failure_of("554 5.7.1 <bob@adatum.com>: Relay access denied");
	struct explanation told;

	(void)state;
	explain_failure(&failure, arena, &told);
	assert_true(slice_is(told.evidence, SLICE("Relay access denied")));
	assert_true(told.permanent && told.confidence == CONFIDENCE_HIGH && told.source.len > 0);
	failure = failure_of("452 4.2.2 we are sorry");
	explain_failure(&failure, arena, &told);
	assert_true(slice_is(told.evidence, SLICE("4.2.2")));
	assert_false(told.permanent);
	arena_free(arena);
}

/* Whatever the cause usually is: 5xx is not tried again by any server, 4xx is. */
static void a_code_decides_whether_it_is_tried_again(void **state)
{
	static const struct {
		const char *words;
		bool permanent;
	} cases[] = {
		{"552 5.2.2 mailbox full", true},
		{"552 mailbox is over quota", true},
		{"550 5.7.1 rate limit exceeded", true},
		{"550 4.2.2 mailbox full", true},
		{"452 4.2.2 mailbox full", false},
		{"451 4.3.1 message size exceeds limit of this hour", false},
		{"450 4.1.1 user unknown", false},
		{"mailbox is over quota", false},
		{"554 5.4.7 message timeout (last failure: 451 4.3.0 try later)", true},
	};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct failure failure = failure_of(cases[i].words);
		struct explanation told;

		explain_failure(&failure, arena, &told);
		if (told.permanent != cases[i].permanent)
			fail_msg("%s", cases[i].words);
	}
	arena_free(arena);
}

static void what_was_delivered_is_no_failure(void **state)
{
	struct arena *arena = arena_new();
	struct failure failure = {.fate = FATE_DELIVERED, .words = SLICE("User unknown")};
	struct explanation told;

	(void)state;
	explain_failure(&failure, arena, &told);
	assert_string_equal(cause_text(told.cause), "not-a-bounce");
	failure.fate = FATE_DELAYED;
	explain_failure(&failure, arena, &told);
	assert_string_equal(cause_text(told.cause), "unknown-recipient");
	assert_false(told.permanent);
	arena_free(arena);
}

/* ---- our own refusals ---- */

static struct failure refusal_of(enum reason reason, struct arena *arena)
{
	static const struct slice arguments[] = {
		{"adatum.example", 14}, {"mx.contoso.example", 18}, {"17", 2}, {"17", 2}};
	const struct reason_row *row = reason_row(reason);

	return (struct failure){
		.reply_code = row->code,
		.has_status = true,
		.status = row->enhanced,
		.words = arena_format(arena, "%.*s [why 7K3Q-9MZD-2C4T]",
			SLICE_ARGS(reason_words(reason, arguments, 4, arena))),
	};
}

/* remote-refused has the remote's words and nothing of its own. */
static void each_of_our_own_refusals_is_explained_as_its_row_says(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	for (int i = REASON_NONE + 1; i < REASONS; i++) {
		const struct reason_row *row = reason_row((enum reason)i);
		struct failure failure = refusal_of((enum reason)i, arena);
		struct explanation told;
		if (slice_is(row->text, SLICE("$1")))
			continue;
		explain_failure(&failure, arena, &told);
		if (!slice_is(slice_of(cause_text(told.cause)), row->cause) ||
			!slice_is(slice_of(actor_text(told.actor)), row->actor))
			print_error("%.*s: %s, %s by %.*s\n", SLICE_ARGS(row->name),
				cause_text(told.cause), actor_text(told.actor),
				SLICE_ARGS(told.rule));
		assert_true(slice_is(slice_of(cause_text(told.cause)), row->cause));
		assert_true(slice_is(slice_of(actor_text(told.actor)), row->actor));
	}
	arena_free(arena);
}

static void causes_and_actors_of_the_reasons_are_of_the_tables(void **state)
{
	(void)state;
	for (int i = REASON_NONE + 1; i < REASONS; i++) {
		enum cause cause;
		bool is_actor = false;
		assert_true(cause_find(reason_row((enum reason)i)->cause, &cause));
		for (int actor = ACTOR_SENDER; actor <= ACTOR_NOBODY; actor++)
			is_actor = is_actor || slice_is(reason_row((enum reason)i)->actor,
						       slice_of(actor_text((enum actor)actor)));
		assert_true(is_actor);
	}
}

static void each_cause_is_found_by_its_word(void **state)
{
	enum cause found;

	(void)state;
	for (int i = 0; i < CAUSES; i++) {
		assert_true(cause_find(slice_of(cause_text((enum cause)i)), &found));
		assert_int_equal(found, i);
	}
	assert_false(cause_find(SLICE("no-such-cause"), &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_refusals_to_relay_are_explained_to_each_who_can_act),
		cmocka_unit_test(words_win_over_codes_where_they_are_specific),
		cmocka_unit_test(what_says_nothing_is_unclear_and_says_what_is_needed),
		cmocka_unit_test(the_evidence_is_the_words_that_decided),
		cmocka_unit_test(a_code_decides_whether_it_is_tried_again),
		cmocka_unit_test(what_was_delivered_is_no_failure),
		cmocka_unit_test(each_of_our_own_refusals_is_explained_as_its_row_says),
		cmocka_unit_test(causes_and_actors_of_the_reasons_are_of_the_tables),
		cmocka_unit_test(each_cause_is_found_by_its_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
