/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/feed_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void lines_are_read(void **state)
{
	static const struct {
		const char *line;
		enum feed_verb verb;
		const char *client, *account;
		uint64_t seconds;
	} rows[] = {
		{"GRANT 192.0.2.7 alice@example.org 600", FEED_GRANT, "192.0.2.7",
			"alice@example.org", 600},
		{"grant  2001:db8::7  alice", FEED_GRANT, "2001:db8::7", "alice", 1800},
		{"REVOKE 192.0.2.7", FEED_REVOKE, "192.0.2.7", "", 0},
		{"REVOKE 192.0.2.7 bob ", FEED_REVOKE, "192.0.2.7", "bob", 0},
		{"QUIT", FEED_QUIT},
		{"", FEED_WRONG},
		{"GRANT", FEED_WRONG},
		{"GRANT 192.0.2.7", FEED_WRONG},
		{"GRANT 192.0.2.0/24 alice", FEED_WRONG},
		{"GRANT alice 192.0.2.7", FEED_WRONG},
		{"GRANT 192.0.2.7 alice 0", FEED_WRONG},
		{"GRANT 192.0.2.7 alice 86401", FEED_WRONG},
		{"GRANT 192.0.2.7 alice 600 x", FEED_WRONG},
		{"GRANT 192.0.2.7 alice 600 x y", FEED_WRONG},
		{"REVOKE", FEED_WRONG},
		{"REVOKE alice", FEED_WRONG},
		{"QUIT now", FEED_WRONG},
		{"GET / HTTP/1.1", FEED_WRONG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct feed_line line = feed_line_parse(slice_of(rows[i].line));
		struct address client;
		print_message("%s\n", rows[i].line);
		assert_int_equal(line.verb, rows[i].verb);
		if (rows[i].verb == FEED_WRONG)
			assert_non_null(line.right);
		if (!rows[i].client)
			continue;
		assert_true(address_parse(slice_of(rows[i].client), &client));
		assert_true(address_is(&client, &line.client));
		assert_true(slice_is(line.account, slice_of(rows[i].account)));
		assert_int_equal(line.seconds, rows[i].seconds);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
