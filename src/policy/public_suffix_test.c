/* SPDX-License-Identifier: Apache-2.0 */
/* Public suffixes: which names strangers may register below. */
#include "policy/public_suffix.h"
#include "policy/testing.h"

static const struct {
	const char *name;
	enum public_suffix kind;
} rows[] = {
	{"com", SUFFIX_OF_A_REGISTRY},
	{"co.uk", SUFFIX_OF_A_REGISTRY},
	{"xn--p1ai", SUFFIX_OF_A_REGISTRY},
	{"xn--55qx5d.cn", SUFFIX_OF_A_REGISTRY},
	{"example.ck", SUFFIX_OF_A_REGISTRY}, /* *.ck, */
	{"www.ck", SUFFIX_NONE},              /* !www.ck */
	{"github.io", SUFFIX_OF_A_COMPANY},
	{"example.com", SUFFIX_NONE},
	{"a.example.co.uk", SUFFIX_NONE},
	{"example", SUFFIX_NONE}, /* RFC 2606: nobody registers there */
	{"localhost", SUFFIX_NONE},
	{"lan", SUFFIX_NONE},
	{"", SUFFIX_NONE},
};

static void a_name_is_a_public_suffix_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (public_suffix_kind(slice_of(rows[i].name)) != rows[i].kind)
			fail_msg("%s", rows[i].name);
	}
}

static void a_name_that_is_too_long_is_none(void **state)
{
	char name[400];

	(void)state;
	memset(name, 'a', sizeof name);
	assert_int_equal(public_suffix_kind((struct slice){name, sizeof name}), SUFFIX_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_a_public_suffix_or_not),
		cmocka_unit_test(a_name_that_is_too_long_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
