/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pop3/content.h"

/* Whatever the pieces, the same leaves. */
static void sent_is(struct slice stored, uint64_t lines, struct slice wanted)
{
	for (size_t step = 1; step <= stored.len + 1; step++) {
		struct text out = TEXT_GROWING;
		struct content content;
		bool more = true;
		content_begin(&content, lines);
		for (size_t at = 0; more && at < stored.len; at += step)
			more = content_put(&content, slice_part(stored, at, at + step), &out);
		content_end(&content, &out);
		assert_int_equal(out.len, wanted.len);
		assert_memory_equal(out.at, wanted.at, wanted.len);
		text_free(&out);
	}
}
#define SENT(stored, lines, wanted) sent_is(SLICE(stored), lines, SLICE(wanted))

static void lines_end_in_cr_lf(void **state)
{
	(void)state;
	SENT("A: b\n\nhello\n", CONTENT_WHOLE, "A: b\r\n\r\nhello\r\n.\r\n");
	SENT("A: b\r\n\r\nhello\r\n", CONTENT_WHOLE, "A: b\r\n\r\nhello\r\n.\r\n");
	SENT("A: b\n\nno end", CONTENT_WHOLE, "A: b\r\n\r\nno end\r\n.\r\n");
	SENT("A: b\n\nlone\rCR\n", CONTENT_WHOLE, "A: b\r\n\r\nlone\rCR\r\n.\r\n");
	SENT("", CONTENT_WHOLE, ".\r\n");
	SENT("\n", CONTENT_WHOLE, "\r\n.\r\n");
}

static void dots_in_front_are_doubled(void **state)
{
	(void)state;
	SENT(".\n", CONTENT_WHOLE, "..\r\n.\r\n");
	SENT("a\n.\n..b\nc.\n", CONTENT_WHOLE, "a\r\n..\r\n...b\r\nc.\r\n.\r\n");
	SENT(".", CONTENT_WHOLE, "..\r\n.\r\n");
}

static void top_counts_lines_of_the_body(void **state)
{
	(void)state;
	SENT("A: b\nC: d\n\none\ntwo\nthree\n", 0, "A: b\r\nC: d\r\n\r\n.\r\n");
	SENT("A: b\n\none\ntwo\nthree\n", 2, "A: b\r\n\r\none\r\ntwo\r\n.\r\n");
	SENT("A: b\n\none\n", 9, "A: b\r\n\r\none\r\n.\r\n");
	SENT("A: b\r\n\r\n\r\ntwo\r\n", 1, "A: b\r\n\r\n\r\n.\r\n");
	SENT("A: no body\n", 3, "A: no body\r\n.\r\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_in_cr_lf),
		cmocka_unit_test(dots_in_front_are_doubled),
		cmocka_unit_test(top_counts_lines_of_the_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
