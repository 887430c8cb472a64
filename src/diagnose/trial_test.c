/* SPDX-License-Identifier: Apache-2.0 */
/* Trials, and decisions told: the same policy_decide() as the edge's, said in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "diagnose/check.h"
#include "diagnose/told.h"
#include "diagnose/trial.h"

static const char configuration[] =
	"hostname mx.ours.example\n"
	"state \"state\"\n"
	"listen smtp \"127.0.0.1:0\"\n"
	"domain ours.example any recipient deliver maildir \"mail/%d/%l\"\n"
	"network office 192.0.2.0/24\n"
	"relay for network office note \"first floor\"\n"
	"refuse if sender \"evil@b.example\" say \"not you\"\n"
	"refuse if size > 1 MB unless trusted\n";

static struct policy *policy_here(struct arena *arena)
{
	struct bundle bundle;
	struct text words = TEXT_GROWING;

	bundle_of_text(SLICE("test.conf"), slice_of(configuration), arena, &bundle);
	struct policy *policy = check_bundle(&bundle, &words);
	if (!policy)
		fail_msg("%.*s", SLICE_ARGS(text_slice(&words)));
	text_free(&words);
	return policy;
}

static const struct row {
	const char *client, *from, *to;
	unsigned possible;
	const char *told; /* a part of what is told */
} rows[] = {
	{"192.0.2.7", "a@b.example", "x@elsewhere.example", 1 << VERDICT_ACCEPT, "first floor"},
	{"203.0.113.9", "a@b.example", "x@elsewhere.example", 1 << VERDICT_REFUSE, "relay-denied"},
	{"203.0.113.9", "<>", "alice@ours.example", 1 << VERDICT_ACCEPT, "would be accepted"},
	{"203.0.113.9", "evil@b.example", "alice@ours.example", 1 << VERDICT_REFUSE, "not you"},
	{"", "a@b.example", "x@elsewhere.example", 1 << VERDICT_ACCEPT | 1 << VERDICT_REFUSE,
		"unknown"},
};

static void run_row(const struct policy *policy, const struct row *row, struct arena *arena)
{
	struct slice to = slice_of(row->to);
	struct trial trial = {.client = slice_of(row->client),
		.from = slice_of(row->from),
		.has_from = true,
		.to = &to,
		.to_count = 1,
		.has_size = true,
		.size = 100};
	struct trial_result result;
	struct text words = TEXT_GROWING;

	assert_true(trial_decide(policy, &trial, arena, &result, &words));
	assert_int_equal(result.possible, row->possible);
	json_t *decision = json_loadb(result.line.at, result.line.len, 0, NULL);
	assert_non_null(decision);
	told_decision(&words, decision, policy);
	text_char(&words, '\0');
	if (!strstr(words.at, row->told))
		fail_msg("\"%s\" is not in:\n%s", row->told, words.at);
	json_decref(decision);
	text_free(&words);
}

static void a_trial_decides_as_the_gate_would_and_tells_why(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = policy_here(arena);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		run_row(policy, &rows[i], arena);
	policy_unref(policy);
	arena_free(arena);
}

static void a_fact_that_is_none_is_named(void **state)
{
	struct arena *arena = arena_new();
	struct policy *policy = policy_here(arena);
	struct slice to = SLICE("x@elsewhere.example");
	struct trial trials[] = {
		{.client = SLICE("1.2.3"), .to = &to, .to_count = 1},
		{.client = SLICE("1.2.3.4"),
			.from = SLICE("a@"),
			.has_from = true,
			.to = &to,
			.to_count = 1},
	};
	const char *named[] = {"--client 1.2.3", "--from a@"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct trial_result result;
		struct text words = TEXT_GROWING;
		assert_false(trial_decide(policy, &trials[i], arena, &result, &words));
		text_char(&words, '\0');
		assert_non_null(strstr(words.at, named[i]));
		text_free(&words);
	}
	policy_unref(policy);
	arena_free(arena);
}

static void what_is_told_escapes_what_came_from_outside(void **state)
{
	json_t *decision = json_pack("{s:s,s:s,s:{s:s,s:s}}", "id", "7K3Q-9MZD-2C4T", "decision",
		"refuse", "client", "ip", "192.0.2.1", "helo", "\x1b[31mred");
	struct text words = TEXT_GROWING;

	(void)state;
	told_decision(&words, decision, NULL);
	assert_false(slice_has(text_slice(&words), '\x1b'));
	text_free(&words);
	json_decref(decision);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trial_decides_as_the_gate_would_and_tells_why),
		cmocka_unit_test(a_fact_that_is_none_is_named),
		cmocka_unit_test(what_is_told_escapes_what_came_from_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
