/* SPDX-License-Identifier: Apache-2.0 */
/* The formatter: its form, and that what it formats means the same. The configurations given as
 * arguments are formatted too, as they are and with blanks, breaks and comments strewn in. */
#include "policy/testing.h"

#include "policy/format_same.h"

static char **paths;

static void format(const char *text, struct text *out)
{
	struct complaints complaints;

	complaints_init(&complaints);
	bool good = format_file(SLICE("test.conf"), slice_of(text), &complaints, out);
	test_print(&complaints);
	assert_true(good);
	text_char(out, '\0');
	complaints_free(&complaints);
}

static void files_get_their_usual_form(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"\n\n\n", ""},
		{"hostname   a.example", "hostname a.example\n"},
		{"hostname a.example   # why\n", "hostname a.example  # why\n"},
		{"hostname a.example # why\r\n", "hostname a.example  # why\n"},
		{"\n\n# first\n\n\n\nstate \"x\"\n\n\n", "# first\n\nstate \"x\"\n"},
		/* one column in a block */
		{"hostname a.example\nstate \"x\"\n", "hostname a.example\nstate    \"x\"\n"},
		{"hostname a.example\n\nstate \"x\"\n", "hostname a.example\n\nstate \"x\"\n"},
		{"hostname a.example\n# the state\nstate \"x\"\n",
			"hostname a.example\n# the state\nstate \"x\"\n"},
		{"grace 30 s\nlimits errors 5 ,idle 1 minute\n",
			"grace  30 s\nlimits errors 5, idle 1 minute\n"},
		/* marks */
		{"refuse if ( sender null or not( sender ours ) )and size>5 MB\n",
			"refuse if (sender null or not (sender ours)) and size > 5 MB\n"},
		/* statements over several lines */
		{"domain a.example\n\t any recipient\n  # the way\n\n\tdeliver via mx # out\n"
		 "state \"x\"\n",
			"domain a.example\n    any recipient\n    # the way\n    deliver via mx  # "
			"out\nstate  \"x\"\n"},
		{"relay\n  for network a\n", "relay\n    for network a\n"},
		/* what looks like a comment and is none */
		{"state \"a # b\"   #c\n", "state \"a # b\"  #c\n"},
		{"say a#b\n", "say a#b\n"},
		{"\xef\xbb\xbfstate \"x\"\n", "state \"x\"\n"},
		/* an indented comment between statements belongs to none */
		{"state \"x\"\n   # aside\nhostname a.example\n",
			"state \"x\"\n# aside\nhostname a.example\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text out = TEXT_GROWING;
		format(rows[i][0], &out);
		assert_string_equal(out.at, rows[i][1]);
		assert_true(format_holds(slice_of(rows[i][0])));
		text_free(&out);
	}
}

static void what_is_no_file_of_statements_is_left_alone(void **state)
{
	static const char *const rows[] = {
		"state \"x\n", "  state \"x\"\n", "state \"\x01\"\n", "state x\"y\"\n"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct complaints complaints;
		struct text out = TEXT_GROWING;
		complaints_init(&complaints);
		assert_false(format_file(SLICE("test.conf"), slice_of(rows[i]), &complaints, &out));
		assert_int_equal(complaints.errors, 1);
		assert_int_equal(out.len, 0);
		text_free(&out);
		complaints_free(&complaints);
	}
}

/* ---- properties ---- */

static uint64_t random_state = 20261122;

static unsigned random_below(unsigned most)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(random_state >> 33) % most;
}

/* Blanks become others, or a break with a comment behind them: nothing of it changes the meaning.
 */
static void blank_strew(struct text *out)
{
	static const char *const blanks[] = {
		" ", "  ", "\t", " \t ", "\n ", " # aside\n\t", "\n\n  ", "\r\n  ", "\n# aside\n "};

	text_put(out, slice_of(blanks[random_below(sizeof blanks / sizeof *blanks)]));
}

static void strew(struct slice bytes, struct text *out)
{
	bool inside = false, comment = false;

	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.at[i];
		inside = c == '"' && !comment ? !inside : inside;
		comment = (comment || (c == '#' && !inside)) && c != '\n';
		bool between = c == ' ' && i > 0 && bytes.at[i - 1] != '\n' && !inside && !comment;
		if (between)
			blank_strew(out);
		else
			text_char(out, c);
		if (c == '\n' && random_below(8) == 0)
			text_put(out, SLICE("\n# between\n\n"));
	}
}

static void file_read(const char *path, struct text *text)
{
	char block[4096];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
		text_put(text, (struct slice){block, got});
	fclose(file);
}

static void configurations_mean_the_same_when_formatted(void **state)
{
	(void)state;
	for (char **path = paths; *path; path++) {
		struct text text = TEXT_GROWING;
		file_read(*path, &text);
		assert_true(format_holds(text_slice(&text)));
		for (unsigned i = 0; i < 200; i++) {
			struct text strewn = TEXT_GROWING;
			strew(text_slice(&text), &strewn);
			assert_true(format_holds(text_slice(&strewn)));
			text_free(&strewn);
		}
		text_free(&text);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_get_their_usual_form),
		cmocka_unit_test(what_is_no_file_of_statements_is_left_alone),
		cmocka_unit_test(configurations_mean_the_same_when_formatted),
	};
	if (argc < 2)
		return 2;
	paths = argv + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
