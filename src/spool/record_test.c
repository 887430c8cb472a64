/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of segments and records: round trips, and every single-bit flip is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "spool/record.h"

static const struct segment_header a_segment = {
	.format = SPOOL_FORMAT,
	.segment_class = SEGMENT_BIG,
	.number = 123456,
	.generation = 7,
	.epoch = UINT64_C(0x0123456789abcdef),
	.size = SEGMENT_SIZE,
};
static const struct record a_record = {
	.type = RECORD_MESSAGE,
	.version = RECORD_VERSION,
	.copy = 2,
	.epoch = UINT64_C(0xfedcba9876543210),
	.id = UINT64_C(0x0abcdef012345678),
	.origin = 99,
	.length = 5000,
	.payload_crc = 0xdeadbeef,
	.durable = 8192,
	.part = 3,
	.flags = UINT64_C(1) << 40,
};

static void a_segment_header_comes_back_as_it_was(void **state)
{
	char block[SPOOL_BLOCK];
	struct segment_header seen;

	(void)state;
	segment_header_encode(&a_segment, block);
	assert_int_equal(segment_header_decode(block, &seen), HEADER_OK);
	assert_int_equal(seen.format, a_segment.format);
	assert_int_equal(seen.segment_class, a_segment.segment_class);
	assert_int_equal(seen.number, a_segment.number);
	assert_int_equal(seen.generation, a_segment.generation);
	assert_true(seen.epoch == a_segment.epoch && seen.size == a_segment.size);
}

static void every_flipped_bit_of_a_segment_header_is_refused(void **state)
{
	char block[SPOOL_BLOCK];
	struct segment_header seen;

	(void)state;
	segment_header_encode(&a_segment, block);
	for (size_t bit = 0; bit < sizeof block * 8; bit++) {
		block[bit / 8] ^= (char)(1u << bit % 8);
		assert_int_equal(segment_header_decode(block, &seen), HEADER_DAMAGED);
		block[bit / 8] ^= (char)(1u << bit % 8);
	}
}

static void a_newer_segment_header_is_told_from_a_damaged_one(void **state)
{
	char block[SPOOL_BLOCK];
	struct segment_header newer = a_segment, seen;

	(void)state;
	newer.format = SPOOL_FORMAT + 1;
	segment_header_encode(&newer, block);
	assert_int_equal(segment_header_decode(block, &seen), HEADER_NEWER);
	assert_int_equal(seen.format, SPOOL_FORMAT + 1);
}

static void a_record_header_comes_back_as_it_was(void **state)
{
	char header[RECORD_HEADER];
	struct record seen;

	(void)state;
	record_encode(&a_record, 5, 8192, header);
	assert_true(record_decode(header, 5, 8192, a_record.epoch, &seen));
	assert_true(seen.type == a_record.type && seen.version == a_record.version);
	assert_true(seen.copy == a_record.copy && seen.id == a_record.id);
	assert_true(seen.origin == a_record.origin && seen.length == a_record.length);
	assert_true(seen.payload_crc == a_record.payload_crc);
	assert_true(seen.durable == a_record.durable && seen.part == a_record.part);
	assert_true(seen.flags == a_record.flags && seen.epoch == a_record.epoch);
}

static void every_flipped_bit_of_a_record_header_is_refused(void **state)
{
	char header[RECORD_HEADER];
	struct record seen;

	(void)state;
	record_encode(&a_record, 5, 8192, header);
	for (size_t bit = 0; bit < sizeof header * 8; bit++) {
		header[bit / 8] ^= (char)(1u << bit % 8);
		assert_false(record_decode(header, 5, 8192, a_record.epoch, &seen));
		header[bit / 8] ^= (char)(1u << bit % 8);
	}
}

static void a_record_is_valid_in_its_own_place_and_use_only(void **state)
{
	char header[RECORD_HEADER];
	struct record seen;

	(void)state;
	record_encode(&a_record, 5, 8192, header);
	assert_false(record_decode(header, 6, 8192, a_record.epoch, &seen));
	assert_false(record_decode(header, 5, 8256, a_record.epoch, &seen));
	assert_false(record_decode(header, 5, 8192, a_record.epoch + 1, &seen));
}

static void extents_are_multiples_that_hold_header_and_payload(void **state)
{
	static const struct {
		uint32_t length;
		uint64_t extent;
	} cases[] = {{0, 64}, {1, 128}, {64, 128}, {65, 192}, {4032, 4096},
		{UINT32_MAX, UINT64_C(4294967360)}};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_true(record_extent(cases[i].length) == cases[i].extent);
	assert_true(record_block_end(8192) == 8192 && record_block_end(8193) == 12288);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_header_comes_back_as_it_was),
		cmocka_unit_test(every_flipped_bit_of_a_segment_header_is_refused),
		cmocka_unit_test(a_newer_segment_header_is_told_from_a_damaged_one),
		cmocka_unit_test(a_record_header_comes_back_as_it_was),
		cmocka_unit_test(every_flipped_bit_of_a_record_header_is_refused),
		cmocka_unit_test(a_record_is_valid_in_its_own_place_and_use_only),
		cmocka_unit_test(extents_are_multiples_that_hold_header_and_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
