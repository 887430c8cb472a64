/* SPDX-License-Identifier: Apache-2.0 */
/* Texts, JSON, slices and UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

static void assert_text(const struct text *text, const char *want)
{
	if (!slice_is(text_slice(text), slice_of(want)))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARGS(text_slice(text)), want);
}

static void a_full_fixed_text_is_cut_and_knows_it(void **state)
{
	(void)state;
	char raw[4];
	struct text text = TEXT_FIXED(raw);

	text_put(&text, SLICE("abcd"));
	assert_false(text.cut);
	assert_null(text_reserve(&text, 1));
	assert_true(text.cut);
	text_clear(&text);
	text_format(&text, "%s", "hello");
	assert_text(&text, "hell");
	assert_true(text.cut);
}

static void a_growing_text_keeps_everything(void **state)
{
	(void)state;
	struct text text = TEXT_GROWING;

	for (uint64_t i = 0; i < 1000; i++)
		text_number(&text, i % 10);
	assert_int_equal(text.len, 1000);
	assert_int_equal(text.at[999], '9');
	text_format(&text, "%0600d", 7);
	assert_int_equal(text.len, 1600);
	assert_int_equal(text.at[1599], '7');
	text_free(&text);
	assert_int_equal(text.len, 0);
	text_hex(&text, 0xab, 4);
	text_number(&text, UINT64_MAX);
	assert_text(&text, "00ab18446744073709551615");
	text_free(&text);
}

static void outside_bytes_are_made_safe(void **state)
{
	(void)state;
	static const struct {
		struct slice given;
		const char *escaped, *json;
	} cases[] = {
		{SLICE("plain"), "plain", "\"plain\""},
		{SLICE("a\"b\\c"), "a\"b\\x5cc", "\"a\\\"b\\\\c\""},
		{SLICE("\r\n\t\0\x1b[m"), "\\x0d\\x0a\\x09\\x00\\x1b[m",
			"\"\\u000d\\u000a\\u0009\\u0000\\u001b[m\""},
		{SLICE("\x7f\xc2\x85"), "\\x7f\\xc2\\x85", "\"\\u007f\\u0085\""},
		{SLICE("\xc3\xa9"), "\xc3\xa9", "\"\xc3\xa9\""},
		{SLICE("\xff\xc3"), "\\xff\\xc3", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{SLICE("\xe2\x80\xae"), "\\xe2\\x80\\xae", "\"\\u202e\""},
		{SLICE(""), "", "\"\""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char raw[128];
		struct text text = TEXT_FIXED(raw);
		text_escaped(&text, cases[i].given);
		assert_text(&text, cases[i].escaped);
		text_clear(&text);
		text_json(&text, cases[i].given);
		assert_text(&text, cases[i].json);
	}
}

static void utf8_is_read_strictly(void **state)
{
	(void)state;
	static const struct {
		struct slice given;
		size_t len;
		uint32_t point;
	} cases[] = {
		{SLICE("a"), 1, 'a'},
		{SLICE("\0"), 1, 0},
		{SLICE("\xc2\x80"), 2, 0x80},
		{SLICE("\xe0\xa0\x80"), 3, 0x800},
		{SLICE("\xf0\x90\x80\x80"), 4, 0x10000},
		{SLICE("\xf4\x8f\xbf\xbf"), 4, 0x10ffff},
		{SLICE(""), 0, 0xfffd},
		{SLICE("\x80"), 0, 0xfffd},
		{SLICE("\xc0\x80"), 0, 0xfffd},
		{SLICE("\xc1\xbf"), 0, 0xfffd},
		{SLICE("\xe0\x9f\xbf"), 0, 0xfffd},
		{SLICE("\xf0\x8f\xbf\xbf"), 0, 0xfffd},
		{SLICE("\xed\xa0\x80"), 0, 0xfffd},
		{SLICE("\xf4\x90\x80\x80"), 0, 0xfffd},
		{SLICE("\xf5\x80\x80\x80"), 0, 0xfffd},
		{SLICE("\xe2\x82"), 0, 0xfffd},
		{SLICE("\xc3("), 0, 0xfffd},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint32_t point;
		assert_int_equal(utf8_decode(cases[i].given, &point), cases[i].len);
		assert_int_equal(point, cases[i].point);
	}
	assert_true(utf8_is_valid(SLICE("a\xc3\xa9")));
	assert_false(utf8_is_valid(SLICE("a\xc3")));
	assert_false(utf8_is_ascii(SLICE("a\xc3\xa9")));
}

static void slices_are_cut_and_found(void **state)
{
	(void)state;
	struct slice s = SLICE("a b c");

	assert_true(slice_is(slice_cut(&s, ' '), SLICE("a")));
	assert_true(slice_is(s, SLICE("b c")));
	assert_int_equal(slice_find(s, 'x'), SIZE_MAX);
	assert_int_equal(slice_find_last(SLICE("a.b.c"), '.'), 3);
	assert_true(slice_is(slice_cut(&s, 'x'), SLICE("b c")));
	assert_int_equal(s.len, 0);
	assert_true(slice_is(slice_trim(SLICE(" \tx y\t ")), SLICE("x y")));
	assert_int_equal(slice_trim(SLICE(" \t")).len, 0);
	assert_int_equal(slice_part(SLICE("abc"), 2, 9).len, 1);
	assert_int_equal(slice_part(SLICE("abc"), 3, 2).len, 0);
	assert_true(slice_is_nocase(SLICE("MaIl"), SLICE("mail")));
	assert_false(slice_is_nocase(SLICE("mail"), SLICE("mai")));
	assert_false(slice_starts(SLICE("ma"), SLICE("mai")));
	assert_true(slice_ends_nocase(SLICE("x.ORG"), SLICE(".org")));
	assert_true(slice_compare(SLICE("a"), SLICE("ab")) < 0);
	assert_true(slice_compare(SLICE("b"), SLICE("ab")) > 0);
	assert_true(slice_compare(SLICE_NONE, SLICE("")) == 0);
}

static void numbers_are_read_up_to_their_limit(void **state)
{
	(void)state;
	static const struct {
		const char *given;
		uint64_t most;
		bool fits;
	} cases[] = {
		{"0", 0, true},
		{"007", 7, true},
		{"8", 7, false},
		{"18446744073709551615", UINT64_MAX, true},
		{"18446744073709551616", UINT64_MAX, false},
		{"99999999999999999999", UINT64_MAX, false},
		{"", 9, false},
		{"-1", 9, false},
		{" 1", 9, false},
		{"1x", 9, false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t number = 77;
		assert_int_equal(slice_number(slice_of(cases[i].given), cases[i].most, &number),
			cases[i].fits);
		if (!cases[i].fits)
			assert_int_equal(number, 77);
	}
}

static void patterns_match_the_whole_text(void **state)
{
	(void)state;
	static const struct {
		const char *text, *pattern;
		bool matches;
	} cases[] = {
		{"", "", true},
		{"", "*", true},
		{"a", "", false},
		{"mx.Example.org", "*.example.ORG", true},
		{"example.org", "*.example.org", false},
		{"abcabc", "*abc", true},
		{"abcabd", "*abc", false},
		{"aXbXc", "a*b*c", true},
		{"ac", "a*b*c", false},
		{"aaa", "a**a", true},
		{"a*b", "a*b", true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (slice_matches(slice_of(cases[i].text), slice_of(cases[i].pattern)) !=
			cases[i].matches)
			fail_msg("%s against %s", cases[i].text, cases[i].pattern);
}

static void members_of_json_are_put_behind_their_keys(void **state)
{
	(void)state;
	char raw[256];
	struct text text = TEXT_FIXED(raw);

	json_put_text(&text, SLICE("{\"text\":"), SLICE("a\"b"));
	json_put_known(&text, SLICE(",\"known\":"), SLICE("x"));
	json_put_known(&text, SLICE(",\"unknown\":"), SLICE_NONE);
	json_put_text(&text, SLICE(",\"empty\":"), SLICE_NONE);
	json_put_number(&text, SLICE(",\"number\":"), UINT64_MAX);
	json_put_truth(&text, SLICE(",\"truth\":"), true);
	json_put_time(&text, SLICE(",\"time\":"), 0);
	json_put_id(&text, SLICE(",\"id\":"), 0);
	assert_text(&text,
		"{\"text\":\"a\\\"b\",\"known\":\"x\",\"empty\":\"\",\"number\":"
		"18446744073709551615,\"truth\":true,\"time\":\"1970-01-01T00:00:00.000Z\","
		"\"id\":\"0000-0000-0000\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_fixed_text_is_cut_and_knows_it),
		cmocka_unit_test(a_growing_text_keeps_everything),
		cmocka_unit_test(outside_bytes_are_made_safe),
		cmocka_unit_test(utf8_is_read_strictly),
		cmocka_unit_test(slices_are_cut_and_found),
		cmocka_unit_test(numbers_are_read_up_to_their_limit),
		cmocka_unit_test(patterns_match_the_whole_text),
		cmocka_unit_test(members_of_json_are_put_behind_their_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
