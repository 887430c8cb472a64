/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bit rot and cuts: every byte of every file of a small spool is altered, every file is cut at
 * every length. Nothing may crash, no altered byte may be delivered, what is lost is said, and the
 * damaged file stays. The short form takes headers whole and the rest at intervals; with DAMAGE_ALL
 * set every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "spool/damage.h"
#include "spool/rig.h"

enum { SMALL = 5, BIG = SMALL, DONE = 1, FILES = 3, SHORT_STEP = 211, SEGMENT = 24 << 10 };

struct file {
	const char *folder;
	char name[16];
	uint64_t size,
		flushed; /* what lies behind was perhaps never flushed: nobody relied on it */
};

/* Five small messages, one of them done, one big one of two chunks, results; killed. */
static struct rig *spool_made(struct file files[FILES])
{
	static char bytes[512 << 10];
	struct rig *rig = rig_open(3);

	rig->segment = SEGMENT;
	assert_int_equal(rig_start(rig), STORE_OPEN);
	rig_send_sized(rig, SMALL, 700);
	rig_send_big(rig, CHUNK_MAX + 2000);
	const struct rig_message *done = &rig->messages[DONE];
	for (uint16_t r = 0; r < RIG_RECIPIENTS; r++)
		store_result(rig->store, done->id, done->stored.origin, r, RESULT_DELIVERED,
			rig->now, 0, SLICE("250 ok"));
	assert_int_equal(store_flush(rig->store), STATUS_OK);
	store_defer(rig->store, 1, rig->messages[0].stored.origin, 0, 1, rig->now, SLICE("later"));
	assert_int_equal(store_flush(rig->store), STATUS_OK);
	rig_wait(rig, 2 * NS_PER_S);
	files[0] = (struct file){.folder = "seg"};
	files[1] = (struct file){.folder = "big"};
	files[2] = (struct file){.folder = "results", .name = "00000001"};
	snprintf(files[0].name, 16, "%06u", (unsigned)rig->messages[0].stored.segment);
	snprintf(files[1].name, 16, "%06u", (unsigned)rig->messages[BIG].stored.segment);
	for (size_t i = 0; i < FILES; i++)
		files[i].size = disk_memory_peek(
			rig->disk, files[i].folder, files[i].name, bytes, sizeof bytes);
	rig_kill(rig);
	return rig;
}

/* What can be read of it is as it was sent; false: it cannot be read. */
static bool message_is_whole(struct rig *rig, const struct rig_message *sent)
{
	if (sent->found && rig_read(rig, sent))
		return true;
	if (sent->found) /* as a reader of chunks does */
		store_mark_damaged(rig->store, &sent->stored);
	return false;
}

/* After a start over a damaged file. */
/* A big file that ends before its MESSAGE does is what a crash leaves of one that was still coming
 * in: nothing tells the two apart. */
static bool looks_unfinished(const struct rig *rig, const struct file *file, uint64_t end)
{
	const struct stored *stored = &rig->messages[BIG].stored;

	return strcmp(file->folder, "big") == 0 &&
	       end < stored->at + RECORD_HEADER + stored->length;
}

static void judge(
	struct rig *rig, const struct file *file, const char *how, uint64_t at, uint64_t kept)
{
	bool results = strcmp(file->folder, "results") == 0;
	size_t missing = 0;
	static char bytes[512 << 10];

	for (size_t i = 0; i < rig->count; i++)
		missing += !(i == BIG && looks_unfinished(rig, file, kept)) &&
			   (i != DONE || rig->messages[i].found) &&
			   !message_is_whole(rig, &rig->messages[i]);
	if (missing > 0 && rig->damage == 0)
		fail_msg("%s %s/%s at %llu: %zu messages are missing and nothing is said", how,
			file->folder, file->name, (unsigned long long)at, missing);
	if (missing > 0 && results)
		fail_msg("%s results at %llu: mail is missing", how, (unsigned long long)at);
	if (missing > 0 && (store_count(rig->store).segments[SEGMENT_DAMAGED] == 0 ||
				   disk_memory_peek(rig->disk, file->folder, file->name, bytes,
					   sizeof bytes) < kept))
		fail_msg("%s %s/%s at %llu: it is not kept", how, file->folder, file->name,
			(unsigned long long)at);
}

/* `kept` bytes of the file are to be there afterwards. */
static void damaged_start(
	struct rig *rig, const struct file *file, const char *how, uint64_t at, uint64_t kept)
{
	enum store_open opened = rig_start(rig);

	if (opened == STORE_NEWER)
		return; /* refused, by name */
	if (opened != STORE_OPEN)
		fail_msg("%s %s/%s at %llu: no start: %.*s", how, file->folder, file->name,
			(unsigned long long)at, SLICE_ARGS(text_slice(&rig->why)));
	judge(rig, file, how, at, kept);
}

static bool is_tried(uint64_t at)
{
	return getenv("DAMAGE_ALL") || at % SHORT_STEP == 0 || at < 48 ||
	       (at >= SPOOL_BLOCK && at < SPOOL_BLOCK + 48) ||
	       (at >= SEGMENT_DATA_AT && at < SEGMENT_DATA_AT + 160) ||
	       (at % SPOOL_BLOCK < 64 && at % 7 == 0);
}

static void file_flip_all(size_t which)
{
	struct file files[FILES];
	struct rig *rig = spool_made(files);
	uint64_t size = files[which].size;

	rig_close(rig);
	assert_true(size > SEGMENT_DATA_AT);
	for (uint64_t at = 0; at < size; at++) {
		if (!is_tried(at))
			continue;
		rig = spool_made(files);
		for (uint64_t bit = at % 7; bit < 8; bit += 3) /* one, two or three bits of it */
			assert_true(disk_memory_flip(
				rig->disk, files[which].folder, files[which].name, at * 8 + bit));
		damaged_start(rig, &files[which], "flipped", at, size);
		rig_close(rig);
	}
}

static void file_cut_all(size_t which)
{
	struct file files[FILES];
	struct rig *rig = spool_made(files);
	uint64_t size = files[which].size;

	rig_close(rig);
	/* One of no bytes at all looks like one that was never finished. */
	for (uint64_t at = 1; at < size; at++) {
		if (!is_tried(at))
			continue;
		rig = spool_made(files);
		assert_true(disk_memory_cut(rig->disk, files[which].folder, files[which].name, at));
		damaged_start(rig, &files[which], "cut", at, at);
		rig_close(rig);
	}
}

static void every_byte_of_a_segment_may_rot(void **state)
{
	(void)state;
	file_flip_all(0);
}

static void every_byte_of_a_big_file_may_rot(void **state)
{
	(void)state;
	file_flip_all(1);
}

static void every_byte_of_results_may_rot(void **state)
{
	(void)state;
	file_flip_all(2);
}

static void files_may_be_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILES; i++)
		file_cut_all(i);
}

/* Salvage */

struct seen {
	size_t count;
	struct salvaged last;
	char file[64];
};

static void salvage_seen(void *owner, const struct salvaged *salvaged)
{
	struct seen *seen = owner;

	seen->count++;
	seen->last = *salvaged;
	snprintf(seen->file, sizeof seen->file, "%s", salvaged->file);
}

static uint32_t damaged_segment;
static void damage_seen(void *owner, const struct damage *damage)
{
	(void)owner;
	damaged_segment = damage->segment;
}

static void a_record_whose_header_rots_goes_back_into_the_queue(void **state)
{
	(void)state;
	for (uint64_t byte = 0; byte < RECORD_HEADER; byte++) {
		struct file files[FILES];
		struct rig *rig = spool_made(files);
		struct seen seen = {0};
		assert_true(disk_memory_flip(rig->disk, "seg", files[0].name,
			(rig->messages[2].stored.at + byte) * 8 + byte % 8));
		assert_int_equal(rig_start(rig), STORE_OPEN);
		assert_false(rig->messages[2].found);
		damaged_segment = 0;
		store_damage_each(rig->store, damage_seen, NULL);
		assert_int_equal(damaged_segment, rig->messages[0].stored.segment);
		assert_int_equal(store_salvage(rig->store, damaged_segment, salvage_seen, &seen),
			CLEARING_DONE);
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.last.outcome, SALVAGE_QUEUED);
		for (int i = 0; i < 3; i++)
			rig_tend(rig);
		for (int i = 0; i < 2; i++) { /* here, and after a power cut: all is there */
			for (size_t m = 0; m < rig->count; m++)
				assert_true(m == DONE || message_is_whole(rig, &rig->messages[m]));
			assert_int_equal(store_count(rig->store).segments[SEGMENT_DAMAGED], 0);
			rig_power_cut(rig);
			assert_int_equal(rig_start(rig), STORE_OPEN);
		}
		rig_close(rig);
	}
}

static void a_body_that_rots_is_saved_in_parts(void **state)
{
	static char bytes[4096];
	struct file files[FILES];
	struct rig *rig = spool_made(files);
	struct seen seen = {0};
	const struct stored *stored = &rig->messages[2].stored;

	(void)state;
	assert_true(disk_memory_flip(rig->disk, "seg", files[0].name,
		(stored->at + RECORD_HEADER + stored->length - 5) * 8));
	assert_int_equal(rig_start(rig), STORE_OPEN);
	assert_false(rig->messages[2].found);
	assert_int_equal(rig->damage, 1);
	assert_int_equal(
		store_salvage(rig->store, stored->segment, salvage_seen, &seen), CLEARING_DONE);
	assert_int_equal(seen.last.outcome, SALVAGE_PARTS);
	size_t size = disk_memory_peek(rig->disk, "damaged", seen.file, bytes, sizeof bytes - 1);
	bytes[size] = 0;
	assert_non_null(strstr(bytes, "X-Postern-Sender: sender@example.net\r\n"));
	assert_non_null(strstr(bytes, "\r\nReceived: from test\r\n"));
	assert_true(size > 700);
	rig_close(rig);
}

/* Rot that comes while the daemon runs: whoever reads it says so, once. */
static void what_a_reader_finds_damaged_is_kept_and_can_be_salvaged(void **state)
{
	struct file files[FILES];
	struct rig *rig = spool_made(files);
	struct seen seen = {0};
	const struct stored *stored = &rig->messages[2].stored;

	(void)state;
	assert_int_equal(rig_start(rig), STORE_OPEN);
	assert_int_equal(
		store_salvage(rig->store, stored->segment, salvage_seen, &seen), CLEARING_SOUND);
	assert_true(disk_memory_flip(rig->disk, "seg", files[0].name,
		(stored->at + RECORD_HEADER + stored->length - 5) * 8));
	store_mark_damaged(rig->store, stored);
	store_mark_damaged(rig->store, stored);
	assert_int_equal(rig->damage, 1);
	assert_int_equal(
		store_salvage(rig->store, stored->segment, salvage_seen, &seen), CLEARING_DONE);
	assert_int_equal(seen.last.outcome, SALVAGE_PARTS);
	assert_int_equal(store_count(rig->store).segments[SEGMENT_DAMAGED], 0);
	rig_close(rig);
}

static void a_big_message_is_saved_around_a_lost_chunk(void **state)
{
	static char bytes[128 << 10];
	struct file files[FILES];
	struct rig *rig = spool_made(files);
	struct seen seen = {0};
	uint32_t segment = rig->messages[BIG].stored.segment;

	(void)state;
	assert_true(disk_memory_flip(
		rig->disk, "big", files[1].name, (SEGMENT_DATA_AT + RECORD_HEADER + 9) * 8));
	assert_int_equal(rig_start(rig), STORE_OPEN);
	store_mark_damaged(rig->store, &rig->messages[BIG].stored);
	assert_int_equal(store_salvage(rig->store, segment, salvage_seen, &seen), CLEARING_DONE);
	assert_int_equal(seen.last.outcome, SALVAGE_PARTS);
	size_t size = disk_memory_peek(rig->disk, "damaged", seen.file, bytes, sizeof bytes - 1);
	bytes[size] = 0;
	assert_non_null(strstr(bytes, "[postern: a part of the message is missing here]"));
	assert_true(size > 2000 && size < 4000);
	rig_close(rig);
}

static void without_any_header_everything_readable_is_saved(void **state)
{
	struct file files[FILES];
	struct rig *rig = spool_made(files);
	struct seen seen = {0};

	(void)state;
	assert_true(disk_memory_flip(rig->disk, "seg", files[0].name, 130));
	assert_true(disk_memory_flip(rig->disk, "seg", files[0].name, SPOOL_BLOCK * 8 + 130));
	assert_int_equal(rig_start(rig), STORE_OPEN);
	assert_int_equal(store_salvage(rig->store, (uint32_t)strtoul(files[0].name, NULL, 10),
				 salvage_seen, &seen),
		CLEARING_DONE);
	assert_true(seen.count >= SMALL);
	rig_close(rig);
}

static void what_is_discarded_goes_and_the_sound_mail_stays(void **state)
{
	struct file files[FILES];
	struct rig *rig = spool_made(files);
	uint32_t segment = rig->messages[0].stored.segment;
	char byte;

	(void)state;
	assert_true(disk_memory_flip(
		rig->disk, "seg", files[0].name, (rig->messages[2].stored.at + 20) * 8));
	assert_int_equal(rig_start(rig), STORE_OPEN);
	assert_int_equal(store_discard(rig->store, 999), CLEARING_UNKNOWN);
	store_hold(rig->store, segment);
	assert_int_equal(store_discard(rig->store, segment), CLEARING_BUSY);
	store_release(rig->store, segment);
	assert_int_equal(store_discard(rig->store, segment), CLEARING_DONE);
	for (int i = 0; i < 3; i++)
		rig_tend(rig);
	assert_int_equal(disk_memory_peek(rig->disk, "seg", files[0].name, &byte, 1), 0);
	rig_power_cut(rig);
	assert_int_equal(rig_start(rig), STORE_OPEN);
	for (size_t m = 0; m < rig->count; m++)
		assert_true(m == DONE || m == 2 || message_is_whole(rig, &rig->messages[m]));
	assert_false(rig->messages[2].found);
	rig_close(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_of_a_segment_may_rot),
		cmocka_unit_test(every_byte_of_a_big_file_may_rot),
		cmocka_unit_test(every_byte_of_results_may_rot),
		cmocka_unit_test(files_may_be_cut_anywhere),
		cmocka_unit_test(a_record_whose_header_rots_goes_back_into_the_queue),
		cmocka_unit_test(a_body_that_rots_is_saved_in_parts),
		cmocka_unit_test(what_a_reader_finds_damaged_is_kept_and_can_be_salvaged),
		cmocka_unit_test(a_big_message_is_saved_around_a_lost_chunk),
		cmocka_unit_test(without_any_header_everything_readable_is_saved),
		cmocka_unit_test(what_is_discarded_goes_and_the_sound_mail_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
