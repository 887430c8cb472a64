/* SPDX-License-Identifier: Apache-2.0 */
/* postern.conf(5), the first argument, has every statement, atom and reason of the tables; the
 * grammar, the second, every statement and atom, and nothing for a statement that is none. */
#include "policy/atoms.h"
#include "policy/statements.h"
#include "policy/testing.h"

static const char *page_path, *grammar_path;
static struct text page, grammar;

static bool file_read(const char *path, struct text *text)
{
	char block[1024];
	FILE *file = fopen(path, "r");

	if (!file)
		return false;
	*text = TEXT_GROWING;
	for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
		text_put(text, (struct slice){block, got});
	fclose(file);
	return true;
}

static int page_read(void **state)
{
	(void)state;
	return file_read(page_path, &page) && file_read(grammar_path, &grammar) ? 0 : -1;
}

static int page_free(void **state)
{
	(void)state;
	text_free(&page);
	text_free(&grammar);
	return 0;
}

/* Some line of the page begins with `start` and goes on with a blank or ends there. */
static bool page_has(const char *start, struct slice words)
{
	struct slice left = text_slice(&page);

	while (left.len > 0) {
		struct slice line = slice_cut(&left, '\n');
		if (!slice_starts(line, slice_of(start)))
			continue;
		line = slice_from(line, strlen(start));
		if (slice_starts(line, words) &&
			(line.len == words.len || line.at[words.len] == ' '))
			return true;
	}
	return false;
}

static void every_statement_is_in_the_manual(void **state)
{
	struct arena *arena = arena_new();
	struct slice name;

	(void)state;
	for (size_t i = 0; (name = statement_name(i, arena)).len > 0; i++) {
		bool there = page_has(".It Cm ", name) || page_has(".Cm ", name);
		if (!there)
			print_message("%.*s\n", SLICE_ARGS(name));
		assert_true(there);
	}
	arena_free(arena);
}

static void every_atom_is_in_the_manual(void **state)
{
	(void)state;
	for (int i = 0; i < ATOMS; i++) {
		const struct atom_row *row = atom_row((enum atom)i);
		if (row->answer && !page_has(".It Cm ", row->words))
			print_message("%.*s\n", SLICE_ARGS(row->words));
		assert_true(!row->answer || page_has(".It Cm ", row->words));
	}
}

static void every_reason_is_in_the_manual_with_its_code(void **state)
{
	(void)state;
	for (int i = REASON_NONE + 1; i < REASONS; i++) {
		const struct reason_row *row = reason_row((enum reason)i);
		char line[200] = "";
		struct text words = TEXT_FIXED(line);
		text_put(&words, row->name);
		text_format(&words, " Ta %u ", row->code);
		text_enhanced(&words, row->enhanced);
		text_put(&words, SLICE(" Ta"));
		if (!page_has(".It ", text_slice(&words)))
			print_message("%.*s\n", SLICE_ARGS(text_slice(&words)));
		assert_true(page_has(".It ", text_slice(&words)));
	}
}

/* ---- the grammar ---- */

/* `sender null` as "sender" "null". */
static void quoted(struct text *text, struct slice words)
{
	while (words.len > 0) {
		text_put(text, text->len > 0 ? SLICE(" \"") : SLICE("\""));
		text_put(text, slice_cut(&words, ' '));
		text_char(text, '"');
	}
}

/* Some line of the grammar has these words behind `=`, `|` or `(`, then a blank or its end. */
static bool grammar_has(struct slice words)
{
	struct slice left = text_slice(&grammar);

	while (left.len > 0) {
		struct slice line = slice_cut(&left, '\n');
		for (size_t i = 2; i + words.len <= line.len; i++) {
			struct slice rest = slice_from(line, i);
			char before = line.at[i - 2];
			bool begins = before == '=' || before == '|' || before == '(';
			if (begins && slice_starts(rest, words) &&
				(rest.len == words.len || rest.at[words.len] == ' '))
				return true;
		}
	}
	return false;
}

static void grammar_must_have(struct slice words, const char *behind)
{
	char buffer[200];
	struct text text = TEXT_FIXED(buffer);

	quoted(&text, words);
	text_put(&text, slice_of(behind));
	if (!grammar_has(text_slice(&text)))
		print_message("%.*s\n", SLICE_ARGS(text_slice(&text)));
	assert_true(grammar_has(text_slice(&text)));
}

static void every_statement_is_in_the_grammar(void **state)
{
	struct arena *arena = arena_new();
	struct slice name;

	(void)state;
	for (size_t i = 0; (name = statement_name(i, arena)).len > 0; i++)
		grammar_must_have(name, "");
	arena_free(arena);
}

static void every_atom_is_in_the_grammar_with_its_argument(void **state)
{
	static const char *const arguments[] = {
		[TAKES_NOTHING] = "",
		[TAKES_NETWORK] = " NET",
		[TAKES_NETWORK_NAME] = " NAME",
		[TAKES_SERVICE] = " service",
		[TAKES_PATTERN] = " STRING",
		[TAKES_ADDRESS] = " STRING",
		[TAKES_DOMAIN] = " DOMAIN",
		[TAKES_LIST] = " STRING",
		[TAKES_SIZE] = " size",
		[TAKES_NUMBER] = " NUMBER",
		[TAKES_ACCOUNT] = " STRING",
		[TAKES_GROUP] = " NAME",
		[TAKES_CERTIFICATE] = " NAME",
		[TAKES_RESULT] = " result",
		[TAKES_POLICY] = " ( \"none\" | \"quarantine\" | \"reject\" )",
		[TAKES_ZONE] = " zone",
		[TAKES_HEADER] = " STRING STRING",
	};

	(void)state;
	for (int i = 0; i < ATOMS; i++) {
		const struct atom_row *row = atom_row((enum atom)i);
		grammar_must_have(row->words, arguments[row->argument]);
	}
}

/* What the grammar has as an atom is a row of the table. */
static void the_grammar_has_no_atom_beside_the_tables(void **state)
{
	struct slice all = text_slice(&grammar);
	size_t found = 0;

	(void)state;
	while (all.len > 0 && !slice_starts(all, SLICE("atom        =")))
		slice_cut(&all, '\n');
	while (all.len > 0 && !slice_starts(all, SLICE("result")))
		found += slice_cut(&all, '\n').len > 0;
	assert_int_equal(found, ATOMS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_statement_is_in_the_manual),
		cmocka_unit_test(every_atom_is_in_the_manual),
		cmocka_unit_test(every_reason_is_in_the_manual_with_its_code),
		cmocka_unit_test(every_statement_is_in_the_grammar),
		cmocka_unit_test(every_atom_is_in_the_grammar_with_its_argument),
		cmocka_unit_test(the_grammar_has_no_atom_beside_the_tables),
	};
	if (argc != 3)
		return 2;
	page_path = argv[1];
	grammar_path = argv[2];
	return cmocka_run_group_tests(tests, page_read, page_free);
}
