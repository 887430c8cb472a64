/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers about the queue, as control and `postern queue` see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "queue/ask.h"
#include "queue/fake.h"
#include "queue/question.h"

size_t events_waiting(const struct events *events)
{
	(void)events;
	return 3;
}
uint64_t events_dropped(const struct events *events)
{
	(void)events;
	return 0;
}

static void ask_into(const char *question, struct text *answer)
{
	struct asked asked = {world->schedule, NULL, NULL, world->now};

	ask_answer(&asked, slice_of(question), answer);
}

static json_t *ask(const char *question)
{
	struct text answer = TEXT_GROWING;
	json_error_t error;

	ask_into(question, &answer);
	json_t *json = json_loadb(answer.at, answer.len, JSON_DECODE_ANY, &error);
	if (!json)
		fail_msg("%s: %.*s", error.text, SLICE_ARGS(text_slice(&answer)));
	text_free(&answer);
	return json;
}

static const char *string_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static json_int_t number_in(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void later(struct fake_job *job)
{
	job_answer(job, OUTCOME_DEFERRED, 450, "4.2.2 \"full\"\n\x1b");
}

/* The lines of an answer, as an array. */
static json_t *ask_lines(const char *question)
{
	struct text answer = TEXT_GROWING;
	json_t *lines = json_array();

	ask_into(question, &answer);
	for (struct slice rest = text_slice(&answer); rest.len;) {
		struct slice line = slice_cut(&rest, '\n');
		json_t *json = json_loadb(line.at, line.len, 0, NULL);
		assert_non_null(json);
		json_array_append_new(lines, json);
	}
	text_free(&answer);
	return lines;
}

static void two_mails(void)
{
	world_mail(&(struct fake_mail){.sender = "a@example.org",
		.recipients = {"b@adatum.com", "c@other.example"},
		.age = 90 * NS_PER_S});
	world_mail(&(struct fake_mail){
		.sender = "", .recipients = {"d@adatum.com"}, .unbelieved = true});
}

static void status_counts(void **state)
{
	(void)state;
	two_mails();
	json_t *json = ask("{\"ask\":\"status\"}");
	assert_string_equal(string_in(json, "role"), "queue");
	assert_int_equal(number_in(json, "messages"), 2);
	assert_int_equal(number_in(json, "recipients"), 3);
	assert_int_equal(number_in(json_object_get(json, "states"), "waiting"), 3);
	assert_int_equal(number_in(json_object_get(json, "states"), "held"), 0);
	assert_int_equal(number_in(json, "oldest"), 90);
	assert_int_equal(number_in(json, "bytes"), 7);
	assert_int_equal(number_in(json_object_get(json, "events"), "waiting"), 3);
	assert_true(json_is_integer(json_object_get(json_object_get(json, "segments"), "suspect")));
	json_decref(json);
}

static void a_list_shows_the_oldest_first_with_the_last_words(void **state)
{
	(void)state;
	two_mails();
	world_turn();
	for (size_t i = 0; i < world->job_count; i++)
		later(&world->jobs[i]);
	json_t *json = ask_lines("{\"ask\":\"queue\"}");
	assert_int_equal(json_array_size(json), 2);
	const json_t *first = json_array_get(json, 0);
	assert_string_equal(string_in(first, "id"), "0000-0000-0001");
	assert_string_equal(string_in(first, "sender"), "a@example.org");
	assert_int_equal(number_in(first, "age"), 90);
	const json_t *recipient = json_array_get(json_object_get(first, "recipients"), 1);
	assert_string_equal(string_in(recipient, "address"), "c@other.example");
	assert_string_equal(string_in(recipient, "state"), "waiting");
	assert_int_equal(number_in(recipient, "attempts"), 1);
	assert_true(string_in(recipient, "next")[0]);
	const json_t *last = json_object_get(recipient, "last");
	assert_int_equal(number_in(last, "code"), 450);
	assert_string_equal(string_in(last, "words"), "4.2.2 \"full\"\n\x1b");
	json_decref(json);
}

static void a_list_is_limited_and_filtered(void **state)
{
	static const struct {
		const char *question;
		size_t count;
	} rows[] = {
		{"{\"ask\":\"queue\",\"limit\":1}", 1},
		{"{\"ask\":\"queue\",\"to\":\"*@other.example\"}", 1},
		{"{\"ask\":\"queue\",\"to\":\"*@ADATUM.com\"}", 2},
		{"{\"ask\":\"queue\",\"to\":\"nobody@*\"}", 0},
	};

	(void)state;
	two_mails();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *json = ask_lines(rows[i].question);
		assert_int_equal(json_array_size(json), rows[i].count);
		json_decref(json);
	}
}

static void show_reads_the_envelope_back(void **state)
{
	(void)state;
	two_mails();
	json_t *json = ask("{\"ask\":\"queue-show\",\"id\":\"0000-0000-0001\"}");
	assert_string_equal(string_in(json, "client"), "192.0.2.7");
	assert_string_equal(string_in(json, "listener"), "smtp");
	assert_true(json_is_true(json_object_get(json, "believed")));
	json_decref(json);
	world->unreadable = true;
	json = ask("{\"ask\":\"queue-show\",\"id\":\"0000-0000-0002\"}");
	assert_true(strstr(string_in(json, "error"), "cannot be read"));
	assert_int_equal(json_array_size(json_object_get(json, "recipients")), 1);
	json_decref(json);
}

static void acts_are_counted_and_errors_named(void **state)
{
	static const struct {
		const char *question;
		json_int_t acted, unchanged;
		size_t errors;
	} rows[] = {
		{"{\"ask\":\"queue-act\",\"act\":\"hold\",\"ids\":[\"0000-0000-0001\"]}", 2, 0, 0},
		{"{\"ask\":\"queue-act\",\"act\":\"hold\",\"to\":\"*\"}", 1, 2, 0},
		{"{\"ask\":\"queue-act\",\"act\":\"release\",\"ids\":[\"0000-0000-0001\"],"
		 "\"to\":\"*@other.example\"}",
			1, 0, 0},
		{"{\"ask\":\"queue-act\",\"act\":\"retry\",\"ids\":[\"0000-0000-0009\"]}", 0, 0, 1},
		{"{\"ask\":\"queue-act\",\"act\":\"bounce\",\"ids\":[\"0000-0000-0002\"]}", 0, 0,
			1},
		{"{\"ask\":\"queue-act\",\"act\":\"bounce\",\"ids\":[\"0000-0000-0001\"]}", 2, 0,
			0},
		{"{\"ask\":\"queue-act\",\"act\":\"remove\",\"to\":\"*\"}", 1, 0, 0},
		{"{\"ask\":\"queue-act\",\"act\":\"remove\",\"to\":\"*\"}", 0, 0, 0},
	};

	(void)state;
	two_mails();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *json = ask(rows[i].question);
		assert_int_equal(number_in(json, "acted"), rows[i].acted);
		assert_int_equal(number_in(json, "unchanged"), rows[i].unchanged);
		assert_int_equal(json_array_size(json_object_get(json, "errors")), rows[i].errors);
		json_decref(json);
	}
	assert_int_equal(world->report_count, 1);
	assert_int_equal(count_results(RESULT_REMOVED), 1);
	assert_int_equal(items_count(world->schedule->items), 0);
}

static void what_is_under_way_cannot_be_called_back(void **state)
{
	(void)state;
	two_mails();
	world_turn();
	json_t *json = ask("{\"ask\":\"queue-act\",\"act\":\"remove\",\"to\":\"*\"}");
	assert_int_equal(number_in(json, "acted"), 0);
	assert_int_equal(json_array_size(json_object_get(json, "errors")), 3);
	json_decref(json);
}

static void what_is_left_is_told_id_after_id(void **state)
{
	(void)state;
	two_mails();
	json_t *all = ask_lines("{\"ask\":\"queue-left\",\"limit\":1}");
	assert_int_equal(json_array_size(all), 1);
	const char *first = string_in(json_array_get(all, 0), "id");
	char question[80];
	snprintf(question, sizeof question, "{\"ask\":\"queue-left\",\"after\":\"%s\"}", first);
	json_t *rest = ask_lines(question);
	assert_int_equal(json_array_size(rest), 1);
	assert_string_not_equal(string_in(json_array_get(rest, 0), "id"), first);
	assert_true(json_array_size(json_object_get(json_array_get(rest, 0), "left")) > 0);
	json_decref(rest);
	json_decref(all);
}

static void damage_is_listed_and_cleared_on_demand(void **state)
{
	(void)state;
	world->damage = (struct damage){
		.segment = 17, .from = 8192, .to = 9000, .id = 77, .what = "cannot be read"};
	json_t *damage = ask_lines("{\"ask\":\"queue-damage\"}");
	assert_int_equal(number_in(json_array_get(damage, 0), "segment"), 17);
	assert_string_equal(string_in(json_array_get(damage, 0), "what"), "cannot be read");
	json_t *lines = ask_lines("{\"ask\":\"queue-clear\",\"segment\":17,\"salvage\":true}");
	assert_string_equal(string_in(json_array_get(lines, 0), "outcome"), "parts");
	assert_int_equal(number_in(json_array_get(lines, 1), "cleared"), 17);
	json_t *busy = ask("{\"ask\":\"queue-clear\",\"segment\":17,\"salvage\":false}");
	assert_non_null(strstr(string_in(busy, "error"), "try again"));
	json_decref(busy);
	json_decref(lines);
	json_decref(damage);
}

static void wrong_questions_are_refused_with_what_would_be_right(void **state)
{
	static const struct {
		const char *question, *words;
	} rows[] = {
		{"", "one JSON object"},
		{"[1]", "one JSON object"},
		{"{\"ask\":\"queue\",\"ask\":\"status\"}", "one JSON object"},
		{"{}", "status, queue, queue-left"},
		{"{\"ask\":\"\\u001b[2J\"}", "\\x1b[2J"},
		{"{\"ask\":\"queue\",\"limit\":0}", "1 to 100000"},
		{"{\"ask\":\"queue\",\"limit\":\"5\"}", "1 to 100000"},
		{"{\"ask\":\"queue\",\"to\":5}", "pattern"},
		{"{\"ask\":\"queue-show\"}", "7K3Q-9MZD-2C4T"},
		{"{\"ask\":\"queue-show\",\"id\":\"xyz\"}", "not an id"},
		{"{\"ask\":\"queue-show\",\"id\":\"0000-0000-0009\"}", "no such message"},
		{"{\"ask\":\"queue-act\",\"act\":\"destroy\"}", "retry, hold, release"},
		{"{\"ask\":\"queue-act\",\"act\":\"remove\"}", "which messages"},
		{"{\"ask\":\"queue-act\",\"act\":\"remove\",\"ids\":[]}", "which messages"},
		{"{\"ask\":\"queue-act\",\"act\":\"remove\",\"ids\":[1]}", "an id is"},
		{"{\"ask\":\"queue-act\",\"act\":\"remove\",\"ids\":{}}", "a list of ids"},
		{"{\"ask\":\"queue-left\",\"after\":7}", "an id is"},
		{"{\"ask\":\"queue-clear\",\"salvage\":true}", "segment must be"},
		{"{\"ask\":\"queue-clear\",\"segment\":5}", "true or false"},
		{"{\"ask\":\"queue-clear\",\"segment\":5,\"salvage\":true}", "no segment"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *json = ask(rows[i].question);
		if (!strstr(string_in(json, "error"), rows[i].words))
			fail_msg("%s: %s", rows[i].question, string_in(json, "error"));
		json_decref(json);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_break)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(status_counts),
		TEST(a_list_shows_the_oldest_first_with_the_last_words),
		TEST(a_list_is_limited_and_filtered),
		TEST(show_reads_the_envelope_back),
		TEST(acts_are_counted_and_errors_named),
		TEST(what_is_under_way_cannot_be_called_back),
		TEST(what_is_left_is_told_id_after_id),
		TEST(damage_is_listed_and_cleared_on_demand),
		TEST(wrong_questions_are_refused_with_what_would_be_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
