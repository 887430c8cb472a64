/* SPDX-License-Identifier: Apache-2.0 */
/* Maps, lists, arenas, cursors and checksums: what holds bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/list.h"
#include "base/map.h"

enum { OBJECTS = 500 };

struct object {
	uint64_t number;
	struct list link;
	bool kept, seen;
};

static struct object objects[OBJECTS];

/* Thousands of steps of a small generator, against an array. */
static void a_map_holds_what_was_put_and_not_taken(void **state)
{
	(void)state;
	struct map *map = map_new(42);
	uint64_t random = 1;
	size_t count = 0;

	for (int step = 0; step < 200000; step++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		struct object *object = &objects[(random >> 33) % OBJECTS];
		object->number = (uint64_t)(object - objects);
		struct slice key = map_key(&object->number);
		assert_ptr_equal(map_get(map, key), object->kept ? object : NULL);
		bool take = (random >> 20) % 5 < (step / 40000 % 2 ? 4u : 2u);
		void *before = take ? map_take(map, key) : map_put(map, key, object);
		assert_ptr_equal(before, object->kept ? object : NULL);
		count = count + !take - object->kept;
		object->kept = !take;
		assert_int_equal(map_count(map), count);
	}
	size_t at = 0, seen = 0;
	for (struct object *o; (o = map_next(map, &at)); seen++) {
		assert_true(o->kept && !o->seen);
		o->seen = true;
		assert_ptr_equal(map_take(map, map_key(&o->number)), o);
	}
	assert_int_equal(seen, count);
	assert_int_equal(map_count(map), 0);
	map_free(map);
	map_free(NULL);
}

static void an_empty_map_knows_nothing(void **state)
{
	(void)state;
	struct map *map = map_new(0);
	size_t at = 0;

	assert_null(map_get(map, SLICE("x")));
	assert_null(map_take(map, SLICE("")));
	assert_null(map_next(map, &at));
	map_free(map);
}

static void lists_keep_their_order_while_bodies_remove(void **state)
{
	(void)state;
	struct list head = LIST_HEAD(head);
	struct object three[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
	uint64_t seen = 0;

	list_append(&head, &three[1].link);
	list_append(&head, &three[2].link);
	list_prepend(&head, &three[0].link);
	LIST_EACH (struct object, object, &head, link) {
		seen = seen * 10 + object->number;
		if (object->number == 2)
			list_remove(&object->link);
	}
	assert_int_equal(seen, 123);
	assert_false(list_is_linked(&three[1].link));
	assert_ptr_equal(list_take(&head), &three[0].link);
	assert_ptr_equal(list_take(&head), &three[2].link);
	assert_null(list_take(&head));
	assert_true(list_is_empty(&head));
}

static void arenas_give_zeroed_aligned_memory_again_and_again(void **state)
{
	(void)state;
	struct arena *arena = arena_new();

	for (int round = 0; round < 3; round++) {
		for (size_t size = 0; size < 6000; size = size * 2 + 1) {
			char *bytes = arena_alloc(arena, size);
			assert_int_equal((uintptr_t)bytes % 16, 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(bytes[i], 0);
			memset(bytes, 0xaa, size);
		}
		struct slice copy = arena_slice(arena, SLICE("a\0b"));
		assert_true(slice_is(copy, SLICE("a\0b")));
		assert_string_equal(arena_string(arena, SLICE("abc")), "abc");
		assert_true(slice_is(arena_format(arena, "%d-%s", 7, "x"), SLICE("7-x")));
		assert_int_equal(arena_slice(arena, SLICE_NONE).len, 0);
		assert_true(arena_used(arena) > 6000);
		arena_reset(arena);
		assert_int_equal(arena_used(arena), 0);
	}
	arena_free(arena);
	arena_free(NULL);
}

static void what_a_writer_wrote_a_reader_reads(void **state)
{
	(void)state;
	char buffer[64];
	struct writer out = writer_over(buffer, sizeof buffer);

	write_u8(&out, 0xfe);
	write_u16(&out, 0xfedc);
	write_u32(&out, 0xfedcba98);
	write_u64(&out, 0xfedcba9876543210);
	write_counted(&out, SLICE("text"));
	assert_false(out.bad);
	struct slice bytes = writer_slice(&out);
	for (size_t len = 0; len <= bytes.len; len++) {
		struct reader in = reader_of(slice_part(bytes, 0, len));
		bool whole = len == bytes.len;
		uint8_t first = read_u8(&in);
		read_u16(&in);
		read_u32(&in);
		uint64_t last = read_u64(&in);
		struct slice text = read_counted(&in);
		assert_int_equal(read_at_end(&in), whole);
		if (len)
			assert_int_equal(first, 0xfe);
		if (whole)
			assert_true(last == 0xfedcba9876543210 && slice_is(text, SLICE("text")));
	}
	assert_memory_equal(buffer + 1, "\xdc\xfe", 2);
}

static void a_bad_cursor_stays_bad(void **state)
{
	(void)state;
	char buffer[3];
	struct writer out = writer_over(buffer, sizeof buffer);
	struct reader in = reader_of(SLICE("\1"));

	write_u32(&out, 1);
	write_u8(&out, 1);
	assert_true(out.bad);
	assert_int_equal(writer_slice(&out).len, 0);
	assert_int_equal(read_u16(&in), 0);
	assert_int_equal(read_u8(&in), 0);
	assert_true(in.bad);
}

/* RFC 3720 appendix B.4. */
static void checksums_are_those_of_the_rfc(void **state)
{
	(void)state;
	char zeros[32] = {0}, ones[32], rising[32];

	memset(ones, 0xff, sizeof ones);
	for (size_t i = 0; i < sizeof rising; i++)
		rising[i] = (char)i;
	assert_int_equal(crc32c(0, (struct slice){zeros, 32}), 0x8a9136aa);
	assert_int_equal(crc32c(0, (struct slice){ones, 32}), 0x62a8ab43);
	assert_int_equal(crc32c(0, (struct slice){rising, 32}), 0x46dd794e);
	assert_int_equal(crc32c(0, SLICE("123456789")), 0xe3069283);
	assert_int_equal(crc32c(0, SLICE_NONE), 0);
	for (size_t cut = 0; cut <= 32; cut++)
		assert_int_equal(crc32c(crc32c(0, (struct slice){rising, cut}),
					 (struct slice){rising + cut, 32 - cut}),
			0x46dd794e);
}

/* Bit by bit, as the polynomial has it. */
static uint32_t checksum_of_bits(struct slice bytes)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (uint8_t)bytes.at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/* Long ones are read in three lanes at once. */
static void checksums_of_long_texts_are_those_of_their_bits(void **state)
{
	(void)state;
	static char bytes[5000];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * i + i / 7);
	for (size_t len = 1500; len <= sizeof bytes; len += 97) {
		struct slice all = {bytes, len};
		assert_int_equal(crc32c(0, all), checksum_of_bits(all));
		assert_int_equal(
			crc32c(crc32c(0, slice_part(all, 0, len / 3)), slice_from(all, len / 3)),
			checksum_of_bits(all));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_of_long_texts_are_those_of_their_bits),
		cmocka_unit_test(a_map_holds_what_was_put_and_not_taken),
		cmocka_unit_test(an_empty_map_knows_nothing),
		cmocka_unit_test(lists_keep_their_order_while_bodies_remove),
		cmocka_unit_test(arenas_give_zeroed_aligned_memory_again_and_again),
		cmocka_unit_test(what_a_writer_wrote_a_reader_reads),
		cmocka_unit_test(a_bad_cursor_stays_bad),
		cmocka_unit_test(checksums_are_those_of_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
