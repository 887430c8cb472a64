/* SPDX-License-Identifier: Apache-2.0 */
/* Maildir delivery on a real disk, in a folder of its own. */
#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/crc32c.h"
#include "base/testing.h"
#include "deliver/maildir.h"

/* ---- names ---- */

static void addresses_become_names_that_stay_in_their_folder(void **state)
{
	static const struct {
		struct slice pattern, local, domain;
		const char *folder;
	} rows[] = {
		{{"/m/%d/%l", 8}, {"alice", 5}, {"a.example", 9}, "/m/a.example/alice"},
		{{"/m/%l", 5}, {"a.b-c_d+e=f@g~h", 15}, {"", 0}, "/m/a.b-c_d+e=f@g~h"},
		{{"/m/%l", 5}, {"..", 2}, {"", 0}, "/m/%2e."},
		{{"/m/%l", 5}, {"../../etc/x", 11}, {"", 0}, "/m/%2e.%2f..%2fetc%2fx"},
		{{"/m/%l", 5}, {"a\0b", 3}, {"", 0}, "/m/a%00b"},
		{{"/m/%l", 5}, {"%l%d", 4}, {"x", 1}, "/m/%25l%25d"},
		{{"/m/%l", 5}, {"\xc3\xa4 \"", 4}, {"", 0}, "/m/%c3%a4%20%22"},
		{{"/m/%d", 5}, {"", 0}, {"[IPv6:::1]", 10}, "/m/%5bIPv6%3a%3a%3a1%5d"},
		{{"/m/100%/%x", 10}, {"a", 1}, {"b", 1}, "/m/100%/%x"},
	};
	struct arena *arena = arena_new();
	struct slice folder;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(maildir_folder(
			rows[i].pattern, rows[i].local, rows[i].domain, arena, &folder));
		assert_string_equal(arena_string(arena, folder), rows[i].folder);
	}
	arena_free(arena);
}

static void a_name_longer_than_file_systems_take_is_refused(void **state)
{
	struct arena *arena = arena_new();
	char local[90];
	struct slice folder;

	(void)state;
	memset(local, ' ', sizeof local);
	assert_true(maildir_folder(
		SLICE("/m/%l"), (struct slice){local, 85}, SLICE_NONE, arena, &folder));
	assert_false(maildir_folder(
		SLICE("/m/%l"), (struct slice){local, 86}, SLICE_NONE, arena, &folder));
	arena_free(arena);
}

/* ---- deliveries ---- */

struct place {
	char root[64];
	struct arena *arena;
	struct message message;
	struct maildir_order order;
	struct maildir_result result;
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status, (void)kind, (void)walk;
	return remove(path);
}

static void place_make(struct place *place, struct slice body)
{
	*place = (struct place){.arena = arena_new()};
	assert_non_null(testing_folder(place->root, sizeof place->root, "maildir-test"));
	place->message = (struct message){
		.envelope = {.received = INT64_C(1764000000) * NS_PER_S,
			.sender = SLICE("s@x.example")},
		.trace = SLICE("Received: by us\r\n\tfor you\r\n"),
		.body = body,
	};
	place->order = (struct maildir_order){
		.folder = arena_format(place->arena, "%s/a.example/alice", place->root),
		.recipient = SLICE("alice@a.example"),
		.id = 1,
		.origin = 0xabcdef,
		.index = 3,
		.message = &place->message,
	};
}

static void place_remove(struct place *place)
{
	nftw(place->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	arena_free(place->arena);
}

static void deliver(struct place *place)
{
	maildir_deliver(&place->order, place->arena, &place->result);
}

static size_t count_in(const struct place *place, const char *inside)
{
	struct slice path =
		arena_format(place->arena, "%.*s/%s", SLICE_ARGS(place->order.folder), inside);
	DIR *folder = opendir(arena_string(place->arena, path));
	size_t count = 0;

	for (struct dirent *entry; folder && (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	if (folder)
		closedir(folder);
	return count;
}

static struct slice content(const struct place *place)
{
	static char bytes[65536];
	FILE *file = fopen(arena_string(place->arena, place->result.path), "rb");

	assert_non_null(file);
	size_t got = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	return (struct slice){bytes, got};
}

static void a_message_is_stored_with_lf_and_trace_headers(void **state)
{
	struct place place;
	struct stat status;

	(void)state;
	place_make(&place, SLICE("Subject: x\r\n\r\n.dot\r\nlast\r\n"));
	deliver(&place);
	assert_int_equal(place.result.end, MAILDIR_DELIVERED);
	struct slice got = content(&place),
		     want = SLICE("Return-Path: <s@x.example>\nDelivered-To: "
				  "alice@a.example\nReceived: by us\n\tfor "
				  "you\nSubject: x\n\n.dot\nlast\n");
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.at, want.at, want.len);
	assert_int_equal(stat(arena_string(place.arena, place.order.folder), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_int_equal(stat(arena_string(place.arena, place.result.path), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(count_in(&place, "tmp"), 0);
	assert_int_equal(count_in(&place, "cur"), 0);
	place_remove(&place);
}

static void a_repeat_after_a_crash_does_not_double(void **state)
{
	struct place place;

	(void)state;
	place_make(&place, SLICE("x\r\n"));
	deliver(&place);
	deliver(&place);
	assert_int_equal(place.result.end, MAILDIR_ALREADY);
	assert_int_equal(count_in(&place, "new"), 1);
	place.order.index = 4; /* another recipient with the same folder is another message */
	deliver(&place);
	assert_int_equal(place.result.end, MAILDIR_DELIVERED);
	assert_int_equal(count_in(&place, "new"), 2);
	place_remove(&place);
}

static void a_repeat_finds_what_a_reader_has_moved(void **state)
{
	struct place place;

	(void)state;
	place_make(&place, SLICE("x\r\n"));
	deliver(&place);
	char *from = arena_string(place.arena, place.result.path);
	size_t name = slice_find_last(slice_of(from), '/');
	struct slice to = arena_format(
		place.arena, "%.*s/cur%s:2,S", SLICE_ARGS(place.order.folder), from + name);
	assert_int_equal(rename(from, arena_string(place.arena, to)), 0);
	place.order.maybe_repeated = true;
	deliver(&place);
	assert_int_equal(place.result.end, MAILDIR_ALREADY);
	assert_int_equal(count_in(&place, "new"), 0);
	place_remove(&place);
}

static void the_name_says_how_large_it_is(void **state)
{
	struct place place;
	struct stat status;
	char sizes[60];

	(void)state;
	place_make(&place, SLICE("one\r\n.two\r\nlone\rCR"));
	deliver(&place);
	assert_int_equal(stat(arena_string(place.arena, place.result.path), &status), 0);
	size_t lines = 0;
	for (struct slice left = content(&place); left.len; lines++)
		slice_cut(&left, '\n');
	snprintf(sizes, sizeof sizes, ",S=%zu,W=%zu", (size_t)status.st_size,
		(size_t)status.st_size + lines - 1);
	assert_true(slice_ends_nocase(place.result.path, slice_of(sizes)));
	place_remove(&place);
}

static void half_a_file_of_a_crash_is_overwritten(void **state)
{
	struct place place;

	(void)state;
	place_make(&place, SLICE("short\r\n"));
	deliver(&place);
	struct slice path = place.result.path;
	struct slice name = slice_from(path, slice_find_last(path, '/'));
	struct slice left = arena_format(place.arena, "%.*s/tmp%.*s",
		SLICE_ARGS(place.order.folder), SLICE_ARGS(slice_cut(&name, ',')));
	assert_int_equal(unlink(arena_string(place.arena, path)), 0);
	FILE *file = fopen(arena_string(place.arena, left), "wb");
	assert_non_null(file);
	for (unsigned i = 0; i < 1000; i++)
		fputs("left by a crash\n", file);
	fclose(file);
	deliver(&place);
	assert_int_equal(place.result.end, MAILDIR_DELIVERED);
	assert_true(slice_ends_nocase(content(&place), SLICE("\nshort\n")));
	assert_int_equal(count_in(&place, "tmp"), 0);
	place_remove(&place);
}

static void a_folder_that_cannot_be_made_is_named_in_the_words(void **state)
{
	struct place place;

	(void)state;
	place_make(&place, SLICE("x\r\n"));
	place.order.folder = SLICE("/dev/null/alice");
	deliver(&place);
	assert_int_equal(place.result.end, MAILDIR_FAILED);
	assert_string_equal(arena_string(place.arena, place.result.words),
		"/dev/null/alice/new: Not a directory");
	place_remove(&place);
}

/* ---- big messages ---- */

struct big {
	struct disk disk;
	struct text bytes;
};

static ssize_t big_pread(struct disk *disk, int fd, void *buffer, size_t size, off_t at)
{
	struct big *big = (struct big *)disk;
	size_t there = (size_t)at < big->bytes.len ? big->bytes.len - (size_t)at : 0;

	(void)fd;
	if (size > there)
		size = there;
	memcpy(buffer, big->bytes.at + (there ? at : 0), size);
	return (ssize_t)size;
}

/* A big segment with two chunks whose border lies between CR and LF. */
static void big_make(struct big *big)
{
	static const struct slice chunks[] = {{"one\r\ntwo\r", 9}, {"\nthree\r\n", 8}};

	*big = (struct big){.disk.pread = big_pread, .bytes = TEXT_GROWING};
	memset(text_reserve(&big->bytes, SEGMENT_DATA_AT), 0, SEGMENT_DATA_AT);
	for (uint32_t part = 0; part < 2; part++) {
		size_t at = big->bytes.len;
		struct record record = {.type = RECORD_CHUNK,
			.version = 1,
			.epoch = 7,
			.id = 1,
			.origin = 0xabcdef,
			.length = (uint32_t)chunks[part].len,
			.part = part,
			.payload_crc = crc32c(0, chunks[part])};
		size_t extent = record_extent(record.length);
		char *place = text_reserve(&big->bytes, extent);
		memset(place, 0, extent);
		record_encode(&record, 5, at, place);
		memcpy(place + RECORD_HEADER, chunks[part].at, chunks[part].len);
	}
}

static void a_big_message_is_stored_chunk_by_chunk(void **state)
{
	struct place place;
	struct big big;

	(void)state;
	big_make(&big);
	struct spool_source source = {.disk = &big.disk, .segment = 5, .epoch = 7};
	place_make(&place, SLICE_NONE);
	place.order.source = &source;
	place.order.parts = 2;
	deliver(&place);
	assert_int_equal(place.result.end, MAILDIR_DELIVERED);
	assert_true(slice_ends_nocase(content(&place), SLICE("you\none\ntwo\nthree\n")));
	place_remove(&place);
	text_free(&big.bytes);
}

static void a_damaged_chunk_stops_the_delivery(void **state)
{
	struct place place;
	struct big big;

	(void)state;
	big_make(&big);
	big.bytes.at[big.bytes.len - record_extent(8) + RECORD_HEADER + 2] ^= 1;
	struct spool_source source = {.disk = &big.disk, .segment = 5, .epoch = 7};
	place_make(&place, SLICE_NONE);
	place.order.source = &source;
	place.order.parts = 2;
	deliver(&place);
	assert_int_equal(place.result.end, MAILDIR_DAMAGED);
	assert_int_equal(count_in(&place, "new"), 0);
	assert_int_equal(count_in(&place, "tmp"), 0);
	place_remove(&place);
	text_free(&big.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_become_names_that_stay_in_their_folder),
		cmocka_unit_test(a_name_longer_than_file_systems_take_is_refused),
		cmocka_unit_test(a_message_is_stored_with_lf_and_trace_headers),
		cmocka_unit_test(a_repeat_after_a_crash_does_not_double),
		cmocka_unit_test(a_repeat_finds_what_a_reader_has_moved),
		cmocka_unit_test(the_name_says_how_large_it_is),
		cmocka_unit_test(half_a_file_of_a_crash_is_overwritten),
		cmocka_unit_test(a_folder_that_cannot_be_made_is_named_in_the_words),
		cmocka_unit_test(a_big_message_is_stored_chunk_by_chunk),
		cmocka_unit_test(a_damaged_chunk_stops_the_delivery),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
