/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/address_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

static const struct {
	const char *list, *found; /* a | behind each */
} rows[] = {
	{"a@b.example", "a@b.example|"},
	{" a@b.example , <c@d.example>", "a@b.example|c@d.example|"},
	{"A <a@b.example>, \"B, C\" <c@d.example> x", "a@b.example|c@d.example|"},
	{"root", "root|"},
	{"a@b.example (one, two), (x) c@d.example", "a@b.example|c@d.example|"},
	{"Team: a@b.example, C <c@d.example>;, e@f.example",
		"a@b.example|c@d.example|e@f.example|"},
	{"undisclosed-recipients:;", ""},
	{"", ""},
	{" , ,;", ""},
	{"\"a,b\"@c.example", "\"a,b\"@c.example|"},
	{"a@[IPv6:::1], b@c.example", "a@[IPv6:::1]|b@c.example|"},
	{"<@x.example:a@b.example>", "@x.example:a@b.example|"},
	{"<a@b.example", "a@b.example|"},
	{"\"open <a@b.example>", "\"open <a@b.example>|"},
	{"(open a@b.example", ""},
};

static void addresses_are_taken_one_by_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena *arena = arena_new();
		struct slice left = slice_of(rows[i].list), address;
		struct text found = TEXT_GROWING;
		while (address_list_next(&left, arena, &address)) {
			text_put(&found, address);
			text_char(&found, '|');
		}
		print_message("%s\n", rows[i].list);
		assert_true(slice_is(text_slice(&found), slice_of(rows[i].found)));
		assert_int_equal(left.len, 0);
		text_free(&found);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_taken_one_by_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
