/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/header.h"

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

static void the_header_ends_where_it_must(void **state)
{
	static const struct {
		const char *message;
		size_t count, body_at;
		bool malformed;
	} cases[] = {
		{"", 0, 0, false},
		{"\r\nbody", 0, 2, false},
		{"A: b\r\n\r\nC: d\r\n", 1, 8, false},
		{"A: b\r\nC: d", 2, 10, false},
		{"A: b\r\n c\r\n\td\r\n\r\n", 1, 16, false},
		{"A: b\r\n \r\n\r\nx", 1, 11, false},
		{"A : b\r\n\r\n", 1, 9, false},
		{"A: b\nC: d\n\nbody", 2, 11, false},
		{" A: b\r\n\r\n", 0, 0, true},
		{"A: b\r\nno field\r\n\r\n", 1, 6, true},
		{"From x Mon\r\nA: b\r\n", 0, 0, true},
		{": b\r\n", 0, 0, true},
		{"A\x80: b\r\n", 0, 0, true},
		{"A B: b\r\n", 0, 0, true},
		{"A: b\rC: d\r\n\r\n", 1, 13, false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct headers headers;
		header_scan(slice_of(cases[i].message), *state, &headers);
		if (headers.count != cases[i].count || headers.body_at != cases[i].body_at ||
			headers.malformed != cases[i].malformed)
			fail_msg("case %zu: %zu fields, body at %zu, malformed %d", i,
				headers.count, headers.body_at, headers.malformed);
	}
}

static void fields_are_found_by_name_and_unfolded(void **state)
{
	struct headers headers;

	header_scan(SLICE("From: a@b\r\nReceived: one\r\nreceived: two\r\n\tand three\r\nFROM : "
			  "c\r\n\r\n"),
		*state, &headers);
	assert_int_equal(header_count(&headers, SLICE("Received")), 2);
	assert_int_equal(header_count(&headers, SLICE("from")), 2);
	assert_int_equal(header_count(&headers, SLICE("To")), 0);
	assert_null(header_find(&headers, SLICE("Received"), 2));
	const struct field *second = header_find(&headers, SLICE("Received"), 1);
	assert_non_null(second);
	assert_true(slice_is(second->raw, SLICE(" two\r\n\tand three")));
	assert_true(slice_is(header_unfold(second->raw, *state), SLICE("two\tand three")));
}

static void dates_are_written_as_mail_writes_them(void **state)
{
	(void)state;
	char raw[64];
	struct text text = TEXT_FIXED(raw);

	text_mail_date(&text, INT64_C(1795253400) * NS_PER_S);
	assert_true(slice_is(text_slice(&text), SLICE("Sat, 21 Nov 2026 09:30:00 +0000")));
	text_clear(&text);
	text_mail_date(&text, 0);
	assert_true(slice_is(text_slice(&text), SLICE("Thu, 1 Jan 1970 00:00:00 +0000")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_ends_where_it_must),
		cmocka_unit_test(fields_are_found_by_name_and_unfolded),
		cmocka_unit_test(dates_are_written_as_mail_writes_them),
	};

	return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
