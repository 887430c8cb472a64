/* SPDX-License-Identifier: Apache-2.0 */
/* postern.conf(5), the first argument, has every statement, atom and reason of the tables. */
#include "policy/atoms.h"
#include "policy/statements.h"
#include "policy/testing.h"

static const char *page_path;
static struct text page;

static int page_read(void **state)
{
	char block[1024];
	FILE *file = fopen(page_path, "r");

	(void)state;
	if (!file)
		return -1;
	page = TEXT_GROWING;
	for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
		text_put(&page, (struct slice){block, got});
	fclose(file);
	return 0;
}

static int page_free(void **state)
{
	(void)state;
	text_free(&page);
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
	bool built;

	(void)state;
	for (size_t i = 0; (name = statement_name(i, arena, &built)).len > 0; i++) {
		bool there = page_has(".It Cm ", name) || page_has(".Cm ", name);
		if (built && !there)
			print_message("%.*s\n", SLICE_ARGS(name));
		assert_true(there || !built);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_statement_is_in_the_manual),
		cmocka_unit_test(every_atom_is_in_the_manual),
		cmocka_unit_test(every_reason_is_in_the_manual_with_its_code),
	};
	if (argc != 2)
		return 2;
	page_path = argv[1];
	return cmocka_run_group_tests(tests, page_read, page_free);
}
