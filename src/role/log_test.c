/* SPDX-License-Identifier: Apache-2.0 */
#include "role/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const struct log_line plain = {.level = LEVEL_INFO,
	.role = SLICE("supervisor"),
	.event = SLICE("ready"),
	.text = SLICE("listening on 127.0.0.1:2525")};
static const struct log_line full = {.level = LEVEL_WARN,
	.role = SLICE("edge/0"),
	.event = SLICE("refused"),
	.id = 1,
	.client = SLICE("192.0.2.1"),
	.account = SLICE("anna"),
	.sender = SLICE("a@example.org"),
	.recipient = SLICE("b c@example.net"),
	.code = 550,
	.enhanced = SLICE("5.7.1"),
	.clause = SLICE("postern.conf:12"),
	.text = SLICE("no \"relay\"\r\n\x1b[31m")};

static const struct {
	const struct log_line *line;
	enum log_form form;
	const char *expected;
} rows[] = {
	{&plain, LOG_READABLE,
		"1970-01-01T00:00:00.000Z info supervisor ready listening on 127.0.0.1:2525"},
	{&plain, LOG_JSON,
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"role\":\"supervisor\","
		"\"event\":\"ready\",\"text\":\"listening on 127.0.0.1:2525\"}"},
	{&full, LOG_READABLE,
		"1970-01-01T00:00:00.000Z warn edge/0 refused id=0000-0000-0001 client=[192.0.2.1] "
		"account=anna sender=a@example.org recipient=b\\x20c@example.net code=550 "
		"enhanced=5.7.1 clause=postern.conf:12 no \"relay\"\\x0d\\x0a\\x1b[31m"},
	{&full, LOG_JSON,
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\",\"role\":\"edge/0\","
		"\"event\":\"refused\",\"id\":\"0000-0000-0001\",\"client\":\"192.0.2.1\","
		"\"account\":\"anna\",\"sender\":\"a@example.org\",\"recipient\":\"b "
		"c@example.net\",\"code\":550,\"enhanced\":\"5.7.1\",\"clause\":\"postern.conf:"
		"12\","
		"\"text\":\"no \\\"relay\\\"\\u000d\\u000a\\u001b[31m\"}"},
};

static void both_forms_have_the_schema_in_order_and_escape_what_came_from_outside(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text text = TEXT_GROWING;
		text_log_line(&text, rows[i].line, rows[i].form);
		text_char(&text, '\0');
		assert_string_equal(text.at, rows[i].expected);
		text_free(&text);
	}
}

static void a_long_text_is_cut(void **state)
{
	static char long_text[5000];
	struct text text = TEXT_GROWING;

	(void)state;
	memset(long_text, 'x', sizeof long_text);
	text_log_line(&text,
		&(struct log_line){.role = SLICE("out"), .text = {long_text, sizeof long_text}},
		LOG_READABLE);
	assert_true(text.len > LOG_TEXT_MAX);
	assert_true(text.len < LOG_TEXT_MAX + 100);
	text_free(&text);
}

static void a_line_is_written_whole_with_its_end(void **state)
{
	int ends[2];
	char got[256];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(log_form_of(ends[1]), LOG_JSON);
	log_write(ends[1], &plain, LOG_READABLE);
	ssize_t len = read(ends[0], got, sizeof got);
	assert_true(len > 0);
	assert_true(slice_is((struct slice){got, (size_t)len},
		SLICE("1970-01-01T00:00:00.000Z info supervisor ready listening on "
		      "127.0.0.1:2525\n")));
	close(ends[0]);
	close(ends[1]);
}

static void what_is_gathered_leaves_in_whole_lines(void **state)
{
	enum { LINES = 100 };
	static char got[LINES * 80 + LOG_WRITE_MAX];
	struct log_lines lines = {.form = LOG_READABLE, .text = TEXT_GROWING};
	size_t len = 0, calls = 0;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_DIRECT), 0); /* a read gives one write's bytes */
	lines.fd = ends[1];
	for (int i = 0; i < LINES; i++)
		log_gather(&lines, &plain);
	log_send(&lines);
	close(ends[1]);
	for (ssize_t n; (n = read(ends[0], got + len, LOG_WRITE_MAX)) > 0; calls++) {
		len += (size_t)n;
		assert_int_equal(got[len - 1], '\n');
	}
	assert_int_equal(len, LINES * (sizeof "1970-01-01T00:00:00.000Z info supervisor ready "
					      "listening on 127.0.0.1:2525\n" -
					      1));
	assert_in_range(calls, 2, 4);
	close(ends[0]);
}

static void a_line_longer_than_a_write_leaves_all_the_same(void **state)
{
	static char words[LOG_TEXT_MAX], got[2 * LOG_WRITE_MAX];
	struct log_lines lines = {.form = LOG_JSON, .text = TEXT_GROWING};
	int ends[2];

	(void)state;
	memset(words, 1, sizeof words); /* six octets each in JSON */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	lines.fd = ends[1];
	log_gather(&lines, &(struct log_line){.text = {words, sizeof words}});
	log_gather(&lines, &plain);
	log_send(&lines);
	ssize_t len = read(ends[0], got, sizeof got);
	assert_true(len > LOG_WRITE_MAX);
	assert_int_equal(got[len - 1], '\n');
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			both_forms_have_the_schema_in_order_and_escape_what_came_from_outside),
		cmocka_unit_test(a_long_text_is_cut),
		cmocka_unit_test(a_line_is_written_whole_with_its_end),
		cmocka_unit_test(what_is_gathered_leaves_in_whole_lines),
		cmocka_unit_test(a_line_longer_than_a_write_leaves_all_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
