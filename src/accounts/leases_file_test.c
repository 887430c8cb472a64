/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/leases_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct lease_record record_of(enum lease_event what)
{
	struct lease_record record = {.what = what,
		.when = 3 * NS_PER_S,
		.lease = {.account = SLICE("a@b"),
			.by = LEASE_BY_GRANT,
			.since = NS_PER_S,
			.until = 2 * NS_PER_S}};

	address_parse(SLICE("192.0.2.7"), &record.lease.client);
	return record;
}

/* Format 1, for ever: alice of 192.0.2.7, by a grant, from second 1 to 2, written at 3. */
static const char format_1[] = "\x70\x6f\x73\x74\x6c\x73\x65\x0a\x01\x00\x00\x00\xe1\x3d\xf6\x25"
			       "\xd8\x0e\x5e\x4d\x30\x00\x01\x00\x5e\xd0\xb2\x00\x00\x00\x00\x00"
			       "\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x07\x01"
			       "\x01\x00\xca\x9a\x3b\x00\x00\x00\x00\x00\x94\x35\x77\x00\x00\x00"
			       "\x00\x03\x00\x61\x40\x62";

static void write_1(struct text *out)
{
	struct lease_record record = record_of(LEASE_MADE);

	leases_file_begin(out);
	leases_file_put(out, &record);
}

static void format_1_is_written_and_read(void **state)
{
	struct text out = TEXT_GROWING;
	struct slice left = {format_1, sizeof format_1 - 1};
	struct lease_record record, wanted = record_of(LEASE_MADE);
	uint32_t format;

	(void)state;
	write_1(&out);
	assert_int_equal(out.len, left.len);
	assert_memory_equal(out.at, left.at, left.len);
	assert_int_equal(leases_file_open(&left, &format), LEASES_FILE_OK);
	assert_int_equal(format, 1);
	assert_true(leases_file_next(&left, &record));
	assert_int_equal(record.what, LEASE_MADE);
	assert_true(record.when == wanted.when && record.lease.since == wanted.lease.since &&
		    record.lease.until == wanted.lease.until);
	assert_true(address_is(&record.lease.client, &wanted.lease.client));
	assert_true(record.lease.client.is_v4);
	assert_true(slice_is(record.lease.account, wanted.lease.account));
	assert_int_equal(record.lease.by, LEASE_BY_GRANT);
	assert_false(leases_file_next(&left, &record));
	assert_int_equal(left.len, 0);
	text_free(&out);
}

static void half_a_record_is_no_record(void **state)
{
	struct text out = TEXT_GROWING;
	struct lease_record record;
	uint32_t format;

	(void)state;
	write_1(&out);
	for (size_t len = 0; len < out.len; len++) {
		struct slice left = {out.at, len};
		if (leases_file_open(&left, &format) != LEASES_FILE_OK)
			continue;
		assert_false(leases_file_next(&left, &record));
	}
	text_free(&out);
}

static void every_flipped_bit_is_seen(void **state)
{
	struct text out = TEXT_GROWING;
	struct lease_record record;
	uint32_t format;

	(void)state;
	write_1(&out);
	for (size_t bit = 0; bit < out.len * 8; bit++) {
		out.at[bit / 8] = (char)(out.at[bit / 8] ^ 1 << bit % 8);
		struct slice left = text_slice(&out);
		assert_true(leases_file_open(&left, &format) != LEASES_FILE_OK ||
			    !leases_file_next(&left, &record));
		out.at[bit / 8] = (char)(out.at[bit / 8] ^ 1 << bit % 8);
	}
	text_free(&out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_1_is_written_and_read),
		cmocka_unit_test(half_a_record_is_no_record),
		cmocka_unit_test(every_flipped_bit_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
