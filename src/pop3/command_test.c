/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pop3/command.h"

struct row {
	const char *line;
	enum pop_parse parse;
	enum pop_verb verb;
	uint64_t message, lines;
	const char *text;
};

static void rows_hold(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct pop_command command;
		print_message("%s\n", row->line);
		assert_int_equal(pop_command_parse(slice_of(row->line), &command), row->parse);
		if (row->parse == POP_NO_COMMAND)
			continue;
		assert_int_equal(command.verb, row->verb);
		if (row->parse != POP_WELL_FORMED)
			continue;
		assert_int_equal(command.message, row->message);
		assert_int_equal(command.has_message, row->message > 0);
		assert_int_equal(command.lines, row->lines);
		if (row->text)
			assert_true(slice_is(command.text, slice_of(row->text)));
	}
}
#define ROWS_HOLD(rows) rows_hold((rows), sizeof(rows) / sizeof *(rows))

static void commands_are_read_in_any_case(void **state)
{
	static const struct row rows[] = {
		{"CAPA", POP_WELL_FORMED, POP_CAPA},
		{"stat", POP_WELL_FORMED, POP_STAT},
		{"Retr 1", POP_WELL_FORMED, POP_RETR, 1},
		{"TOP 12 0", POP_WELL_FORMED, POP_TOP, 12, 0},
		{"top 1 10", POP_WELL_FORMED, POP_TOP, 1, 10},
		{"LIST", POP_WELL_FORMED, POP_LIST},
		{"LIST 7", POP_WELL_FORMED, POP_LIST, 7},
		{"UIDL 007", POP_WELL_FORMED, POP_UIDL, 7},
		{"QUIT ", POP_WELL_FORMED, POP_QUIT},
		{"USER  alice@example.org ", POP_WELL_FORMED, POP_USER, 0, 0, "alice@example.org"},
		{"AUTH PLAIN =", POP_WELL_FORMED, POP_AUTH, 0, 0, "PLAIN ="},
		{"AUTH", POP_WELL_FORMED, POP_AUTH, 0, 0, ""},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void a_password_keeps_its_blanks(void **state)
{
	static const struct row rows[] = {
		{"PASS a b", POP_WELL_FORMED, POP_PASS, 0, 0, "a b"},
		{"PASS  two ", POP_WELL_FORMED, POP_PASS, 0, 0, " two "},
		{"PASS ", POP_WRONG_ARGUMENTS, POP_PASS},
		{"PASS", POP_WRONG_ARGUMENTS, POP_PASS},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void wrong_arguments_are_told_from_unknown_commands(void **state)
{
	static const struct row rows[] = {
		{"", POP_NO_COMMAND},
		{" STAT", POP_NO_COMMAND},
		{"XTND XMIT", POP_NO_COMMAND},
		{"STAT 1", POP_WRONG_ARGUMENTS, POP_STAT},
		{"RETR", POP_WRONG_ARGUMENTS, POP_RETR},
		{"RETR x", POP_WRONG_ARGUMENTS, POP_RETR},
		{"RETR -1", POP_WRONG_ARGUMENTS, POP_RETR},
		{"RETR 1 2", POP_WRONG_ARGUMENTS, POP_RETR},
		{"RETR 4294967296", POP_WRONG_ARGUMENTS, POP_RETR},
		{"RETR 99999999999999999999999", POP_WRONG_ARGUMENTS, POP_RETR},
		{"TOP 1", POP_WRONG_ARGUMENTS, POP_TOP},
		{"TOP 1 2 3", POP_WRONG_ARGUMENTS, POP_TOP},
		{"UIDL x", POP_WRONG_ARGUMENTS, POP_UIDL},
		{"USER", POP_WRONG_ARGUMENTS, POP_USER},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void a_browser_is_known(void **state)
{
	static const struct row rows[] = {
		{"GET / HTTP/1.1", POP_WELL_FORMED, POP_HTTP},
		{"CONNECT example.org:25 HTTP/1.1", POP_WELL_FORMED, POP_HTTP},
		{"GET", POP_NO_COMMAND},
	};

	(void)state;
	ROWS_HOLD(rows);
}

static void every_command_says_what_would_be_right(void **state)
{
	(void)state;
	for (int verb = 0; verb < POP_VERBS; verb++)
		assert_non_null(pop_usage((enum pop_verb)verb));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_read_in_any_case),
		cmocka_unit_test(a_password_keeps_its_blanks),
		cmocka_unit_test(wrong_arguments_are_told_from_unknown_commands),
		cmocka_unit_test(a_browser_is_known),
		cmocka_unit_test(every_command_says_what_would_be_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
