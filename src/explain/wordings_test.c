/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the knowledge is general: the lines of wordings.txt, which were written from manuals
 * before the knowledge was tried on them, each to its cause and actor. Argument: the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "explain/explain.h"

enum { LINE_MAX_OCTETS = 1024, LINES_WANTED = 300 };

struct count {
	size_t lines, wrong;
};
static const char *file;

/* "a|b|c": is `text` one of them? "*" is any. */
static bool is_one_of(struct slice names, const char *text)
{
	bool found = slice_is(names, SLICE("*"));

	while (names.len && !found)
		found = slice_is(slice_cut(&names, '|'), slice_of(text));
	return found;
}

static void try_line(
	struct slice line, struct slice causes, struct slice actors, struct count *count)
{
	struct arena *arena = arena_new();
	struct explanation told = {.cause = CAUSE_UNCLEAR};
	struct reading reading;

	reading_of(line, arena, &reading);
	if (reading.failure_count)
		explain_failure(&reading.failures[0], arena, &told);
	count->lines++;
	if (!is_one_of(causes, cause_text(told.cause)) ||
		!is_one_of(actors, actor_text(told.actor))) {
		count->wrong++;
		print_error("%.*s\n\twanted %.*s %.*s, told %s %s by %.*s\n", SLICE_ARGS(line),
			SLICE_ARGS(causes), SLICE_ARGS(actors), cause_text(told.cause),
			actor_text(told.actor), SLICE_ARGS(told.rule));
	}
	arena_free(arena);
}

/* "= causes actors" */
static void take_heading(struct slice line, struct slice *causes, struct slice *actors)
{
	slice_cut(&line, ' ');
	*causes = slice_cut(&line, ' ');
	*actors = line;
	assert_true(causes->len && actors->len);
}

static void every_wording_is_explained_to_its_cause_and_actor(void **state)
{
	char line[LINE_MAX_OCTETS], heading[LINE_MAX_OCTETS] = "";
	struct slice causes = {0}, actors = {0};
	struct count count = {0};
	FILE *lines = fopen(file, "r");

	(void)state;
	assert_non_null(lines);
	while (fgets(line, sizeof line, lines)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '=') {
			memcpy(heading, line, sizeof heading);
			take_heading(slice_of(heading), &causes, &actors);
		} else if (line[0] && line[0] != '#') {
			try_line(slice_of(line), causes, actors, &count);
		}
	}
	fclose(lines);
	print_message("%zu of %zu wordings are not explained rightly\n", count.wrong, count.lines);
	assert_true(count.lines >= LINES_WANTED);
	assert_int_equal(count.wrong, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_wording_is_explained_to_its_cause_and_actor),
	};

	if (argc != 2)
		return fprintf(stderr, "usage: %s wordings.txt\n", argv[0]), 2;
	file = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
