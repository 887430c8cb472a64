/* SPDX-License-Identifier: Apache-2.0 */
/* xtext, base 64 and MIME encodings: there and back again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/base64.h"
#include "wire/mime.h"
#include "wire/xtext.h"

static int arena_setup(void **state)
{
	*state = arena_new();
	return 0;
}

static int arena_teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void every_octet_survives_xtext_and_base64(void **state)
{
	char all[256], raw[1024];
	struct slice plain = {all, sizeof all}, back;

	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (char)i;
	for (size_t from = 0; from < sizeof all; from++) {
		struct text text = TEXT_FIXED(raw);
		text_xtext(&text, slice_from(plain, from));
		assert_true(xtext_decode(text_slice(&text), *state, &back));
		assert_true(slice_is(back, slice_from(plain, from)));
		text_clear(&text);
		text_base64(&text, slice_from(plain, from));
		assert_true(base64_decode(text_slice(&text), *state, &back));
		assert_true(slice_is(back, slice_from(plain, from)));
	}
}

static void what_is_no_xtext_is_refused(void **state)
{
	static const char *const cases[] = {
		"+", "+2", "+2b", "+G0", "a b", "a=b", "\x80", "\x7f", "+2B+"};
	struct slice plain;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_false(xtext_decode(slice_of(cases[i]), *state, &plain));
	assert_true(xtext_decode(SLICE("a+2Bb+3D"), *state, &plain));
	assert_true(slice_is(plain, SLICE("a+b=")));
}

static void base64_is_read_strictly(void **state)
{
	/* RFC 4648 section 10, then its misspellings */
	static const struct {
		const char *text, *bytes;
	} cases[] = {
		{"", ""},
		{"Zg==", "f"},
		{"Zm8=", "fo"},
		{"Zm9v", "foo"},
		{"Zm9vYmFy", "foobar"},
		{"Zh==", NULL},
		{"Zm9=", NULL},
		{"Zg", NULL},
		{"Zg=", NULL},
		{"=", NULL},
		{"====", NULL},
		{"Z===", NULL},
		{"Zg==Zg==", NULL},
		{"Z g=", NULL},
		{"Zm9v\n", NULL},
		{"Zm9-", NULL},
	};
	struct slice bytes;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool fits = base64_decode(slice_of(cases[i].text), *state, &bytes);
		if (fits != (cases[i].bytes != NULL))
			fail_msg("%s", cases[i].text);
		if (fits)
			assert_true(slice_is(bytes, slice_of(cases[i].bytes)));
	}
}

static void utf8_addresses_have_an_ascii_form(void **state)
{
	char raw[128];
	struct text text = TEXT_FIXED(raw);
	struct slice plain = SLICE("\xc3\xa9+=\\ \xe4\xb8\xad\xf0\x9f\x98\x80@x"), back;

	text_utf8_xtext(&text, SLICE("\xc3\xa9+=\\\xe4\xb8\xad\xf0\x9f\x98\x80@x"));
	assert_true(slice_is(
		text_slice(&text), SLICE("\\x{E9}\\x{2B}\\x{3D}\\x{5C}\\x{4E2D}\\x{1F600}@x")));
	assert_true(utf8_xtext_decode(text_slice(&text), *state, &back));
	assert_true(slice_is(back, SLICE("\xc3\xa9+=\\\xe4\xb8\xad\xf0\x9f\x98\x80@x")));
	assert_false(utf8_xtext_decode(plain, *state, &back));
	assert_false(utf8_xtext_decode(SLICE("\\x{110000}"), *state, &back));
	assert_false(utf8_xtext_decode(SLICE("\\x{0D}"), *state, &back));
	assert_false(utf8_xtext_decode(SLICE("\\x{E9"), *state, &back));
	assert_false(utf8_xtext_decode(SLICE("\\"), *state, &back));
}

static void quoted_printable_keeps_lines_short_and_blanks_safe(void **state)
{
	static const struct {
		const char *words, *encoded;
	} cases[] = {
		{"plain\n", "plain\r\n"},
		{"a=b", "a=3Db\r\n"},
		{"ends \n", "ends=20\r\n"},
		{".\n", "=2E\r\n"},
		{"\xc3\xa9\r\n\n", "=C3=A9\r\n\r\n"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"a=\r\naaaaa\r\n"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char raw[256];
		struct text text = TEXT_FIXED(raw);
		text_quoted_printable(&text, slice_of(cases[i].words));
		if (!slice_is(text_slice(&text), slice_of(cases[i].encoded)))
			fail_msg("got \"%.*s\"", SLICE_ARGS(text_slice(&text)));
	}
}

static void subjects_are_encoded_only_where_they_must_be(void **state)
{
	char raw[512];
	struct text text = TEXT_FIXED(raw);
	(void)state;

	text_unstructured(&text, SLICE("Subject:"), SLICE("a\r\nBcc: x"));
	assert_true(slice_is(text_slice(&text), SLICE("Subject: a Bcc: x\r\n")));
	text_clear(&text);
	text_unstructured(&text, SLICE("Subject:"), SLICE("\xc3\xa9\r\n\xff"));
	assert_true(slice_is(text_slice(&text), SLICE("Subject: =?utf-8?B?w6kgIO+/vQ==?=\r\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_octet_survives_xtext_and_base64),
		cmocka_unit_test(what_is_no_xtext_is_refused),
		cmocka_unit_test(base64_is_read_strictly),
		cmocka_unit_test(utf8_addresses_have_an_ascii_form),
		cmocka_unit_test(quoted_printable_keeps_lines_short_and_blanks_safe),
		cmocka_unit_test(subjects_are_encoded_only_where_they_must_be),
	};

	return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
