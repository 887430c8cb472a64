/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/counters_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* Format 1, for ever: "k", a period of 60 s, one place at second 1 and two at second 2. */
static const char format_1[] = "\x70\x6f\x73\x74\x6c\x69\x6d\x0a\x01\x00\x00\x00\x9b\x7b\x80\x47"
			       "\xba\xc4\xb6\xd3\x23\x00\x00\x00\x01\x00\x6b\x00\x58\x47\xf8\x0d"
			       "\x00\x00\x00\x00\xca\x9a\x3b\x00\x00\x00\x00\x01\x00\x00\x00\x00"
			       "\x94\x35\x77\x00\x00\x00\x00\x02\x00\x00\x00";
#define FORMAT_1 ((struct slice){format_1, sizeof format_1 - 1})

static void write_1(struct text *out)
{
	const struct kept_moment moments[] = {{NS_PER_S, 1}, {2 * NS_PER_S, 2}};

	counters_file_begin(out);
	counters_file_put(out, SLICE("k"), 60 * NS_PER_S, moments, 2);
}

static void format_1_is_written_and_read(void **state)
{
	struct text out = TEXT_GROWING;
	struct slice left = FORMAT_1;
	struct counters_record record;
	struct kept_moment moment;
	uint32_t format;

	(void)state;
	write_1(&out);
	assert_int_equal(out.len, FORMAT_1.len);
	assert_memory_equal(out.at, format_1, out.len);
	assert_int_equal(counters_file_open(&left, &format), COUNTERS_FILE_OK);
	assert_int_equal(format, 1);
	assert_true(counters_file_next(&left, &record));
	assert_true(slice_is(record.key, SLICE("k")));
	assert_int_equal(record.period, 60 * NS_PER_S);
	assert_true(counters_file_moment(&record.moments, &moment));
	assert_true(moment.when == NS_PER_S && moment.places == 1);
	assert_true(counters_file_moment(&record.moments, &moment));
	assert_true(moment.when == 2 * NS_PER_S && moment.places == 2);
	assert_false(counters_file_moment(&record.moments, &moment));
	assert_int_equal(left.len, 0);
	text_free(&out);
}

static size_t records_in(struct slice left)
{
	struct counters_record record;
	uint32_t format;
	size_t count = 0;

	if (counters_file_open(&left, &format) != COUNTERS_FILE_OK)
		return 0;
	while (counters_file_next(&left, &record))
		count++;
	return count;
}

static void half_a_record_and_what_follows_are_left_out(void **state)
{
	struct text out = TEXT_GROWING;
	char damaged[sizeof format_1];

	(void)state;
	write_1(&out);
	for (size_t len = 0; len < out.len; len++)
		assert_int_equal(records_in((struct slice){out.at, len}), 0);
	assert_int_equal(records_in(text_slice(&out)), 1);
	for (size_t i = 0; i < out.len; i++) {
		memcpy(damaged, out.at, out.len);
		damaged[i] ^= 4;
		assert_int_equal(records_in((struct slice){damaged, out.len}), 0);
	}
	text_free(&out);
}

static void a_newer_format_is_named(void **state)
{
	/* The same header with format 2 and its checksum. */
	struct slice newer = SLICE("postlim\n"
				   "\x02\x00\x00\x00\xa2\xf2\xa2\x25");
	uint32_t format;

	(void)state;
	assert_int_equal(counters_file_open(&newer, &format), COUNTERS_FILE_NEWER);
	assert_int_equal(format, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_1_is_written_and_read),
		cmocka_unit_test(half_a_record_and_what_follows_are_left_out),
		cmocka_unit_test(a_newer_format_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
