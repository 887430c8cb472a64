/* SPDX-License-Identifier: Apache-2.0 */
#include "role/start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { WORDS_MAX = 12 };

static int count_of(const char *const *list)
{
	int count = 0;

	while (list[count])
		count++;
	return count;
}

static void a_command_line_comes_back(void **state)
{
	static const struct role_start rows[] = {
		{.name = ROLE_EDGE, .slot = 3, .edges = 4, .id_slot = 63},
		{.name = ROLE_QUEUE, .debug = true},
		{.name = ROLE_OUT, .drop = true, .uid = 65534, .gid = 100, .debug = true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct role_arguments arguments;
		struct role_start got;
		role_start_write(&arguments, &rows[i]);
		assert_true(role_start_read(count_of(arguments.list), arguments.list, &got));
		assert_int_equal(got.name, rows[i].name);
		assert_int_equal(got.slot, rows[i].slot);
		assert_int_equal(got.edges, rows[i].edges);
		assert_int_equal(got.id_slot, rows[i].id_slot);
		assert_int_equal(got.debug, rows[i].debug);
		assert_int_equal(got.drop, rows[i].drop);
		assert_int_equal(got.uid, rows[i].uid);
		assert_int_equal(got.gid, rows[i].gid);
	}
}

static void a_command_line_that_no_supervisor_writes_is_refused(void **state)
{
	static const char *const rows[][WORDS_MAX] = {
		{"posternd"},
		{"posternd", "--role"},
		{"posternd", "--role", "supervisor"},
		{"posternd", "--role", "postman"},
		{"posternd", "--role", "edge", "--slot"},
		{"posternd", "--role", "edge", "--slot", "-1"},
		{"posternd", "--role", "edge", "--slot", "1x"},
		{"posternd", "--role", "edge", "--id-slot", "64"},
		{"posternd", "--role", "edge", "--uid", "0", "--gid", "1"},
		{"posternd", "--role", "edge", "--uid", "1"},
		{"posternd", "--role", "edge", "--gid", "1"},
		{"posternd", "--role", "edge", "--uid", "4294967295", "--gid", "1"},
		{"posternd", "--slot", "1", "--role", "edge"},
		{"posternd", "--role", "edge", "--colour", "1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *list[WORDS_MAX];
		struct role_start got;
		for (size_t word = 0; word < WORDS_MAX; word++)
			list[word] = rows[i][word];
		assert_false(role_start_read(count_of(list), list, &got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_line_comes_back),
		cmocka_unit_test(a_command_line_that_no_supervisor_writes_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
