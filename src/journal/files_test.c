/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of day files, over a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"
#include "base/text.h"
#include "journal/files.h"

#define DAY (86400 * NS_PER_S)
#define NOON (INT64_C(20000) * DAY + DAY / 2) /* 2024-10-04 */

static int folder_make(void **state)
{
	char name[256];
	int *folder = malloc(sizeof *folder);

	if (!testing_folder(name, sizeof name, "postern-journal"))
		return -1;
	*folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = folder;
	return *folder < 0 ? -1 : 0;
}

static int folder_remove(void **state)
{
	int *folder = *state;
	char link[64], path[256];
	static const char *const names[] = {"2024-10-03.jsonl", "2024-10-04.jsonl",
		"2024-10-05.jsonl", "2024-10-06.jsonl", "notes"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlinkat(*folder, names[i], 0);
	snprintf(link, sizeof link, "/proc/self/fd/%d", *folder);
	ssize_t len = readlink(link, path, sizeof path - 1);
	if (len > 0) {
		path[len] = '\0';
		rmdir(path);
	}
	close(*folder);
	free(folder);
	return 0;
}

static struct text content(int folder, const char *name)
{
	struct text text = TEXT_GROWING;
	char buffer[4096];
	ssize_t got;
	int fd = openat(folder, name, O_RDONLY);

	while (fd >= 0 && (got = read(fd, buffer, sizeof buffer)) > 0)
		text_put(&text, (struct slice){buffer, (size_t)got});
	if (fd >= 0)
		close(fd);
	return text;
}

static void assert_content(int folder, const char *name, const char *expected)
{
	struct text text = content(folder, name);

	text_char(&text, '\0');
	assert_string_equal(text.at, expected);
	text_free(&text);
}

static void lines_stand_in_the_file_of_their_day(void **state)
{
	int folder = *(int *)*state;
	struct journal_files *files = journal_files_open(folder, 30 * DAY);
	struct stat status;

	journal_files_add(files, SLICE("{\"a\":1}"), NOON);
	journal_files_add(files, SLICE("{\"a\":2}"), NOON + DAY / 2 - 1);
	journal_files_add(files, SLICE("{\"a\":3}"), NOON + DAY / 2);
	journal_files_close(files, NOON + DAY);
	assert_content(folder, "2024-10-04.jsonl", "{\"a\":1}\n{\"a\":2}\n");
	assert_content(folder, "2024-10-05.jsonl", "{\"a\":3}\n");
	assert_int_equal(fstatat(folder, "2024-10-05.jsonl", &status, 0), 0);
	assert_int_equal(status.st_mode & 0137, 0); /* 0640 at most, whatever the umask */
}

static void a_piece_of_a_line_left_by_a_crash_is_not_joined_to_ours(void **state)
{
	int folder = *(int *)*state;
	int fd = openat(folder, "2024-10-04.jsonl", O_WRONLY | O_CREAT, 0640);

	assert_int_equal(write(fd, "{\"a\":0}\n{\"piece", 15), 15);
	close(fd);
	struct journal_files *files = journal_files_open(folder, 30 * DAY);
	journal_files_add(files, SLICE("{\"a\":1}"), NOON);
	journal_files_close(files, NOON);
	assert_content(folder, "2024-10-04.jsonl", "{\"a\":0}\n{\"piece\n{\"a\":1}\n");
}

static void a_disk_that_takes_nothing_drops_lines_and_says_so_later(void **state)
{
	int folder = *(int *)*state;
	struct journal_files *files = journal_files_open(folder, 30 * DAY);
	struct rlimit before, tight;

	journal_files_add(files, SLICE("{\"a\":1}"), NOON);
	assert_int_equal(journal_files_flush(files, NOON), STATUS_OK);
	getrlimit(RLIMIT_FSIZE, &before);
	tight = before;
	tight.rlim_cur = 12; /* bytes: the second line fits by half */
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &tight);
	journal_files_add(files, SLICE("{\"a\":2}"), NOON);
	journal_files_add(files, SLICE("{\"a\":3}"), NOON);
	assert_int_equal(journal_files_flush(files, NOON), STATUS_FAILED);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_content(folder, "2024-10-04.jsonl", "{\"a\":1}\n");
	assert_int_equal(journal_files_dropped(files), 2);
	journal_files_add(files, SLICE("{\"a\":4}"), NOON);
	journal_files_close(files, NOON);
	assert_content(folder, "2024-10-04.jsonl",
		"{\"a\":1}\n{\"schema\":1,\"event\":\"dropped\","
		"\"time\":\"2024-10-04T12:00:00.000Z\",\"count\":2}\n{\"a\":4}\n");
}

static void what_a_failed_sync_was_to_keep_counts_as_dropped(void **state)
{
	int *folder = *state;
	struct journal_files *files = journal_files_open(*folder, NEVER);
	wall_ns now = INT64_C(1728000000) * NS_PER_S;

	assert_int_equal(journal_files_to_sync(files), -1);
	journal_files_add(files, SLICE("{\"a\":1}"), now);
	journal_files_add(files, SLICE("{\"a\":2}"), now);
	assert_int_equal(journal_files_flush(files, now), STATUS_OK);
	int fd = journal_files_to_sync(files);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(journal_files_to_sync(files), -1); /* nothing new */
	assert_int_equal(journal_files_dropped(files), 0);
	journal_files_sync_failed(files);
	assert_int_equal(journal_files_dropped(files), 2);
	journal_files_sync_failed(files); /* counted once */
	assert_int_equal(journal_files_dropped(files), 2);
	journal_files_close(files, now);
}

static void days_past_keep_are_removed_and_other_files_are_not(void **state)
{
	int folder = *(int *)*state;
	struct journal_files *files = journal_files_open(folder, DAY);

	for (int day = -1; day <= 2; day++)
		journal_files_add(files, SLICE("{}"), NOON + day * DAY);
	assert_int_equal(journal_files_flush(files, NOON), STATUS_OK);
	close(openat(folder, "notes", O_WRONLY | O_CREAT, 0640));
	journal_files_tend(files, NOON + 2 * DAY);
	assert_int_not_equal(faccessat(folder, "2024-10-03.jsonl", F_OK, 0), 0);
	assert_int_not_equal(faccessat(folder, "2024-10-04.jsonl", F_OK, 0), 0);
	assert_int_equal(faccessat(folder, "2024-10-05.jsonl", F_OK, 0), 0);
	assert_int_equal(faccessat(folder, "2024-10-06.jsonl", F_OK, 0), 0);
	assert_int_equal(faccessat(folder, "notes", F_OK, 0), 0);
	journal_files_close(files, NOON);
}

static void names_are_days_and_nothing_else_is(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} rows[] = {
		{"2024-10-04.jsonl", true},
		{"2024-13-04.jsonl", false},
		{"2024-10-04.json", false},
		{"2024-10-04.jsonl.gz", false},
		{"aaaa-bb-cc.jsonl", false},
		{"", false},
	};
	char name[JOURNAL_NAME_SIZE];
	wall_ns day = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(journal_file_day(slice_of(rows[i].name), &day), rows[i].good);
	assert_true(day == NOON - DAY / 2);
	journal_file_name(NOON, name);
	assert_string_equal(name, "2024-10-04.jsonl");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			lines_stand_in_the_file_of_their_day, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(
			a_piece_of_a_line_left_by_a_crash_is_not_joined_to_ours, folder_make,
			folder_remove),
		cmocka_unit_test_setup_teardown(
			a_disk_that_takes_nothing_drops_lines_and_says_so_later, folder_make,
			folder_remove),
		cmocka_unit_test_setup_teardown(what_a_failed_sync_was_to_keep_counts_as_dropped,
			folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(days_past_keep_are_removed_and_other_files_are_not,
			folder_make, folder_remove),
		cmocka_unit_test(names_are_days_and_nothing_else_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
