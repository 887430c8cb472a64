/* SPDX-License-Identifier: Apache-2.0 */
#include "account/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;

static int arena_make(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int arena_drop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

#define assert_slice(got, wanted)                                                                  \
	assert_string_equal(arena_string(arena, (got)), arena_string(arena, slice_of(wanted)))

static void logins_have_one_form(void **state)
{
	static const struct {
		const char *written, *form; /* NULL: it is none */
	} rows[] = {
		{"alice", "alice"},
		{"Alice", "alice"},
		{"Alice@Example.ORG", "alice@example.org"},
		{"alice+work@example.org", "alice+work@example.org"},
		{"B\xc3\x9c"
		 "RO@b\303\274cher.example",
			"b\xc3\xbcro@xn--bcher-kva.example"},
		{"u\xcc\x88", "\xc3\xbc"}, /* NFC */
		{"DOM\\alice", NULL},
		{"", NULL},
		{"a b", NULL},
		{"a:b", NULL},
		{"a*", NULL},
		{"a\x7f", NULL},
		{"\xff", NULL},
		{"\xe2\x80\xae", NULL}, /* turns the order of writing */
		{"@example.org", NULL},
		{"a@b@c", NULL},
		{"alice@[192.0.2.1]", NULL},
		{"\"a b\"@example.org", NULL},
		{"alice@example_org", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *why = NULL;
		struct slice login = SLICE_NONE;
		bool is = login_normalise(slice_of(rows[i].written), arena, &login, &why);
		if (is != (rows[i].form != NULL))
			fail_msg("\"%s\" is taken for %s login", rows[i].written, is ? "a" : "no");
		if (is)
			assert_slice(login, rows[i].form);
		else
			assert_non_null(why);
	}
}

static void a_form_is_its_own_form(void **state)
{
	struct slice once, twice;

	(void)state;
	assert_true(login_normalise(SLICE("\xc4\xb0stanbul@Example.org"), arena, &once, NULL));
	assert_true(login_normalise(once, arena, &twice, NULL));
	assert_true(slice_is(once, twice));
}

static void names_are_short(void **state)
{
	char name[66];
	struct slice login;

	(void)state;
	memset(name, 'a', sizeof name);
	assert_true(login_normalise((struct slice){name, 64}, arena, &login, NULL));
	assert_false(login_normalise((struct slice){name, 65}, arena, &login, NULL));
}

static void owned_addresses_keep_their_writing_and_get_a_key(void **state)
{
	static const struct {
		const char *written, *address, *key;
	} rows[] = {
		{"Bob@Example.ORG", "Bob@example.org", "bob@example.org"},
		{"*@Example.ORG", "*@example.org", "*@example.org"},
		{"*@b\303\274cher.example", "*@xn--bcher-kva.example", "*@xn--bcher-kva.example"},
		{"a.b+c@x.example", "a.b+c@x.example", "a.b+c@x.example"},
		{"*", NULL, NULL},
		{"*@", NULL, NULL},
		{"*@*", NULL, NULL},
		{"a*@x.example", NULL, NULL},
		{"@x.example", NULL, NULL},
		{"x.example", NULL, NULL},
		{"", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct owned_address owned;
		const char *why = NULL;
		bool is = owned_normalise(slice_of(rows[i].written), arena, &owned, &why);
		if (is != (rows[i].key != NULL))
			fail_msg("\"%s\" can%s be owned", rows[i].written, is ? "" : "not");
		if (!is) {
			assert_non_null(why);
			continue;
		}
		assert_slice(owned.address, rows[i].address);
		assert_slice(owned.key, rows[i].key);
	}
}

static void groups_have_plain_names(void **state)
{
	(void)state;
	assert_true(group_is_name(SLICE("sales-2.b_c")));
	assert_false(group_is_name(SLICE("")));
	assert_false(group_is_name(SLICE("a b")));
	assert_false(group_is_name(SLICE("a,b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logins_have_one_form),
		cmocka_unit_test(a_form_is_its_own_form),
		cmocka_unit_test(names_are_short),
		cmocka_unit_test(owned_addresses_keep_their_writing_and_get_a_key),
		cmocka_unit_test(groups_have_plain_names),
	};
	return cmocka_run_group_tests(tests, arena_make, arena_drop);
}
