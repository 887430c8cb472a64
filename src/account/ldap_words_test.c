/* SPDX-License-Identifier: Apache-2.0 */
#include "account/ldap_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;
static char buffer[300];

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

static bool read_url(const char *url, struct ldap_place *place)
{
	struct text why = {.at = buffer, .size = sizeof buffer - 1};

	memset(buffer, 0, sizeof buffer);
	return ldap_place_read(slice_of(url), arena, place, &why);
}

static void a_url_says_where_and_what(void **state)
{
	struct ldap_place place;

	(void)state;
	assert_true(read_url("ldaps://h.example/ou=p,dc=x?cn,m,g?one?(active=TRUE)", &place));
	assert_string_equal(place.server, "ldaps://h.example:636");
	assert_string_equal(place.base, "ou=p,dc=x");
	assert_string_equal(place.login, "cn");
	assert_string_equal(place.addresses, "m");
	assert_string_equal(place.groups, "g");
	assert_string_equal(place.filter, "(active=TRUE)");
	assert_int_equal(place.scope, 1);
	assert_false(place.starts_tls);
	assert_true(read_url("ldap://127.0.0.1:3890/dc=x", &place));
	assert_string_equal(place.server, "ldap://127.0.0.1:3890");
	assert_string_equal(place.login, "uid");
	assert_string_equal(place.addresses, "mail");
	assert_string_equal(place.groups, "memberOf");
	assert_int_equal(place.scope, 2);
	assert_true(read_url("ldapi://%2frun%2fldapi/dc=x", &place));
	assert_string_equal(place.server, "ldapi://%2frun%2fldapi");
}

static void what_leaves_the_host_is_encrypted(void **state)
{
	static const struct {
		const char *url;
		bool starts_tls;
	} rows[] = {{"ldap://h.example/dc=x", true}, {"ldap://192.0.2.1/dc=x", true},
		{"ldap://localhost/dc=x", false}, {"ldap://[::1]/dc=x", false},
		{"ldap:///dc=x", false}, {"ldaps://h.example/dc=x", false}};
	struct ldap_place place;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(read_url(rows[i].url, &place));
		assert_int_equal(place.starts_tls, rows[i].starts_tls);
	}
}

static void what_is_no_url_is_refused_with_one_that_is(void **state)
{
	struct ldap_place place;

	(void)state;
	assert_false(read_url("http://h.example/dc=x", &place));
	assert_non_null(strstr(buffer, "one like ldaps://"));
	assert_false(read_url("", &place));
	assert_false(read_url("ldap://h.example/", &place));
	assert_non_null(strstr(buffer, "names no base"));
}

static void a_value_is_nothing_but_a_value(void **state)
{
	const struct ldap_place place = {.filter = "(objectClass=*)"}, bare = {.filter = "a=b"};

	(void)state;
	assert_string_equal(ldap_filter(&place, "uid", NULL, SLICE("alice"), arena),
		"(&(objectClass=*)(uid=alice))");
	assert_string_equal(ldap_filter(&bare, "mail", "uid", SLICE("a*)(uid=\\\0"), arena),
		"(&(a=b)(|(mail=a\\2a\\29\\28uid\\3d\\5c\\00)(uid=a\\2a\\29\\28uid\\3d\\5c\\00)))");
}

static void a_group_is_named_by_the_first_value_of_its_dn(void **state)
{
	(void)state;
	assert_true(slice_is(ldap_group_name(SLICE("cn=staff,ou=groups,dc=x")), SLICE("staff")));
	assert_true(slice_is(ldap_group_name(SLICE("staff")), SLICE("staff")));
	assert_true(slice_is(ldap_group_name(SLICE("a,b=c")), SLICE("a,b=c")));
	assert_true(slice_is(ldap_group_name(SLICE("cn=staff")), SLICE("staff")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_says_where_and_what),
		cmocka_unit_test(what_leaves_the_host_is_encrypted),
		cmocka_unit_test(what_is_no_url_is_refused_with_one_that_is),
		cmocka_unit_test(a_value_is_nothing_but_a_value),
		cmocka_unit_test(a_group_is_named_by_the_first_value_of_its_dn),
	};
	return cmocka_run_group_tests(tests, arena_make, arena_drop);
}
