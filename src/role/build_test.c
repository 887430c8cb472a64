/* SPDX-License-Identifier: Apache-2.0 */
#include "role/build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void the_build_is_the_version_and_the_digest_of_the_program(void **state)
{
	char first[128], second[128];
	struct text a = TEXT_FIXED(first), b = TEXT_FIXED(second);

	(void)state;
	text_build(&a);
	text_build(&b);
	assert_true(slice_starts(text_slice(&a), build_version()));
	assert_true(a.len >= build_version().len + 1 + 16);
	assert_int_equal(a.at[build_version().len], '-');
	assert_true(slice_is(text_slice(&a), text_slice(&b)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_build_is_the_version_and_the_digest_of_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
