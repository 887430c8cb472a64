/* SPDX-License-Identifier: Apache-2.0 */
/* A library of the C library's own, loaded when it is needed; and two that cannot be. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "run/library.h"

LIBRARY_CALL(double, cbrt, (double of), (of))

static void a_library_is_loaded_and_called(void **state)
{
	static const char *const names[] = {"libnothing-of-this-name.so.9", "libm.so.6", NULL};
	static const struct library_symbol symbols[] = {LIBRARY_SYMBOL(cbrt)};
	char words[200];
	struct text why = TEXT_FIXED(words);

	(void)state;
	assert_true(library_load(names, symbols, 1, &why));
	assert_true(library_load(names, symbols, 1, &why));
	assert_true(cbrt(27.0) > 2.999 && cbrt(27.0) < 3.001);
	assert_int_equal(why.len, 0);
}

static void assert_says(const struct text *text, const char *want)
{
	assert_int_equal(text->len, strlen(want));
	assert_memory_equal(text->at, want, text->len);
}

static void what_is_missing_is_named(void **state)
{
	static const char *const absent[] = {"libnothing-of-this-name.so.9", NULL};
	static const char *const here[] = {"libm.so.6", NULL};
	void *at = NULL;
	const struct library_symbol symbols[] = {{"no_such_function", &at}};
	char words[200];
	struct text why = TEXT_FIXED(words);

	(void)state;
	assert_false(library_load(absent, symbols, 0, &why));
	assert_says(
		&why, "the library libnothing-of-this-name.so.9 is not installed on this machine");
	text_clear(&why);
	assert_false(library_load(here, symbols, 1, &why));
	assert_says(&why, "the library libm.so.6 has no no_such_function()");
	assert_null(at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_library_is_loaded_and_called),
		cmocka_unit_test(what_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
