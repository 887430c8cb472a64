/* SPDX-License-Identifier: Apache-2.0 */
/* Reading day files back: order, filters, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/testing.h"
#include "base/text.h"
#include "journal/files.h"
#include "journal/read.h"

#define DAY (86400 * NS_PER_S)
#define START (INT64_C(20000) * DAY)
enum { DAYS = 3, LINES_A_DAY = 1000 };

struct folder {
	char name[64];
	int fd;
};

static void put_line(struct text *line, unsigned number, wall_ns time)
{
	text_clear(line);
	text_put(line, SLICE("{\"schema\":1,\"id\":\""));
	text_id(line, 1000 + number);
	text_put(line, SLICE("\",\"time\":\""));
	text_time(line, time);
	text_format(line,
		"\",\"client\":{\"ip\":\"192.0.2.%u\"},\"sender\":\"s%u@example.org\","
		"\"recipient\":\"r%u@%s.example\"%s\"pad\":\"%.*s\"}",
		number % 7, number, number, number % 2 ? "odd" : "even",
		number % 100 == 5 ? ",\"message\":\"0000-0000-0007\"," : ",", (int)(number % 400),
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static wall_ns time_of(unsigned number)
{
	return START + number / LINES_A_DAY * DAY + number % LINES_A_DAY * NS_PER_S;
}

static int folder_fill(void **state)
{
	struct folder *folder = calloc(1, sizeof *folder);
	struct text line = TEXT_GROWING;

	if (!testing_folder(folder->name, sizeof folder->name, "postern-journal"))
		return -1;
	folder->fd = open(folder->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct journal_files *files = journal_files_open(folder->fd, 30 * DAY);
	for (unsigned i = 0; i < DAYS * LINES_A_DAY; i++) {
		put_line(&line, i, time_of(i));
		journal_files_add(files, text_slice(&line), time_of(i));
	}
	journal_files_close(files, time_of(0));
	text_free(&line);
	*state = folder;
	return 0;
}

static int folder_remove(void **state)
{
	struct folder *folder = *state;
	char name[JOURNAL_NAME_SIZE];

	for (unsigned day = 0; day < DAYS; day++) {
		journal_file_name(START + day * DAY, name);
		unlinkat(folder->fd, name, 0);
	}
	close(folder->fd);
	rmdir(folder->name);
	free(folder);
	return 0;
}

struct seen {
	size_t count, limit;
	wall_ns last;
	bool ordered;
	int direction;
};

static bool see(void *owner, const struct journal_line *line)
{
	struct seen *seen = owner;

	if (seen->count && (line->time > seen->last ? 1 : -1) != seen->direction)
		seen->ordered = false;
	seen->last = line->time;
	return ++seen->count != seen->limit;
}

static struct seen look(struct folder *folder, struct journal_query query, size_t limit,
	struct journal_counts *counts)
{
	struct seen seen = {
		.limit = limit, .ordered = true, .direction = query.newest_first ? -1 : 1};

	assert_int_equal(journal_read(folder->fd, &query, see, &seen, counts), STATUS_OK);
	assert_true(seen.ordered);
	return seen;
}

static void every_line_is_shown_once_in_either_direction(void **state)
{
	struct journal_counts counts;

	for (int newest = 0; newest <= 1; newest++) {
		struct journal_query query = {.newest_first = newest};
		assert_int_equal(look(*state, query, 0, &counts).count, (size_t)DAYS * LINES_A_DAY);
		assert_int_equal(counts.damaged, 0);
	}
}

static void filters_choose_lines(void **state)
{
	struct network network;
	assert_int_equal(network_parse(SLICE("192.0.2.3"), &network), NETWORK_OK);
	const struct {
		struct journal_query query;
		size_t count;
	} rows[] = {
		{{.id = 1000 + 1234}, 1},
		{{.id = 7}, 30},
		{{.id = 999999}, 0},
		{{.to = SLICE("*@odd.example")}, 1500},
		{{.to = SLICE("R17@ODD.example")}, 1},
		{{.from = SLICE("s2*@example.org")}, 1111},
		{{.client = &network}, 429},
		{{.since = START + 2 * DAY}, 1000},
		{{.since = START + DAY, .until = START + DAY + 10 * NS_PER_S}, 10},
		{{.to = SLICE("*@odd.example"), .since = START + 2 * DAY + 990 * NS_PER_S}, 5},
	};
	struct journal_counts counts;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int newest = 0; newest <= 1; newest++) {
			struct journal_query query = rows[i].query;
			query.newest_first = newest;
			size_t count = look(*state, query, 0, &counts).count;
			if (count != rows[i].count)
				fail_msg("row %zu: %zu", i, count);
		}
}

static void reading_ends_when_enough_was_seen(void **state)
{
	struct journal_counts counts;
	struct journal_query query = {.newest_first = true};
	struct seen seen = look(*state, query, 20, &counts);

	assert_int_equal(seen.count, 20);
	assert_true(seen.last == time_of(DAYS * LINES_A_DAY - 20));
	assert_int_equal(counts.lines, 20);
}

/* A file of another program's lines, binary rubbish, a line longer than a block and one that is
 * being written: all but the good one are passed over, and counted where they are whole. */
static void damaged_lines_are_counted_and_passed_over(void **state)
{
	struct folder *folder = *state;
	char name[JOURNAL_NAME_SIZE];
	struct text line = TEXT_GROWING;
	struct journal_counts counts;

	journal_file_name(START, name);
	int fd = openat(folder->fd, name, O_WRONLY | O_TRUNC);
	dprintf(fd, "{\"schema\":1,\"piece\n\x01\xff\x02\n[1,2]\n{\"schema\":2}\n");
	put_line(&line, 1, time_of(1));
	dprintf(fd, "%.*s\n", SLICE_ARGS(text_slice(&line)));
	for (int i = 0; i < 300; i++)
		dprintf(fd, "%0999d", 7);
	dprintf(fd, "\n");
	put_line(&line, 2, time_of(2));
	dprintf(fd, "%.*s\n{\"unfinished", SLICE_ARGS(text_slice(&line)));
	close(fd);
	for (int newest = 0; newest <= 1; newest++) {
		struct journal_query query = {.until = START + DAY, .newest_first = newest};
		assert_int_equal(look(folder, query, 0, &counts).count, 2);
		assert_true(counts.damaged >= 5);
	}
	text_free(&line);
}

static void a_folder_that_cannot_be_read_is_a_failure(void **state)
{
	struct journal_query query = {.id = 1};
	struct journal_counts counts;
	struct seen seen = {.limit = 0};

	(void)state;
	assert_int_equal(journal_read(-1, &query, see, &seen, &counts), STATUS_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_is_shown_once_in_either_direction),
		cmocka_unit_test(filters_choose_lines),
		cmocka_unit_test(reading_ends_when_enough_was_seen),
		cmocka_unit_test(a_folder_that_cannot_be_read_is_a_failure),
		cmocka_unit_test(damaged_lines_are_counted_and_passed_over),
	};
	return cmocka_run_group_tests(tests, folder_fill, folder_remove);
}
