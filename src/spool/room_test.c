/* SPDX-License-Identifier: Apache-2.0 */
/* What a segment costs, and what keeps one from being used again too early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "spool/rig.h"

static struct rig *started(void)
{
	struct rig *rig = rig_open(1);

	assert_int_equal(rig_start(rig), STORE_OPEN);
	assert_int_equal(rig->ready, COMMIT_DURABLE);
	return rig;
}

static void again(struct rig *rig)
{
	rig_kill(rig);
	assert_int_equal(rig_start(rig), STORE_OPEN);
}

static size_t found_count(const struct rig *rig)
{
	size_t count = 0;

	for (size_t i = 0; i < rig->count; i++)
		count += rig->messages[i].found;
	return count;
}

/* Bytes of all segments' files. */
static size_t spool_size(const struct rig *rig)
{
	static char bytes[2 * RIG_SEGMENT];
	size_t size = 0;

	for (unsigned number = 1; number < 60; number++) {
		char name[16];
		snprintf(name, sizeof name, "%06u", number);
		size += disk_memory_peek(rig->disk, "seg", name, bytes, sizeof bytes);
	}
	return size;
}

static void tend_all(struct rig *rig)
{
	for (int i = 0; i < 100 && store_tend(rig->store, rig->now); i++)
		continue;
}

static void lives_that_end_early_do_not_fill_the_disk(void **state)
{
	enum { LIVES = 20, ROOMY = 1, FREE = 2, IN_USE = 2 };
	struct rig *rig = started();

	(void)state;
	for (int i = 0; i < LIVES; i++) {
		rig_send_sized(rig, 1, 500);
		tend_all(rig);
		again(rig);
		tend_all(rig);
		rig_judge(rig);
	}
	assert_int_equal(found_count(rig), LIVES);
	/* Each holds its headers, one block of mail and one that closes it. */
	assert_in_range(spool_size(rig), LIVES * 3 * SPOOL_BLOCK,
		LIVES * 5 * SPOOL_BLOCK + (ROOMY + FREE + IN_USE) * RIG_SEGMENT);
	for (int i = 0; i < 2; i++) {
		rig_power_cut(rig);
		assert_int_equal(rig_start(rig), STORE_OPEN);
		rig_judge(rig);
		assert_int_equal(rig->damage, 0);
	}
	rig_deliver(rig, 1);
	tend_all(rig);
	rig_deliver(rig, 1);
	tend_all(rig);
	assert_in_range(spool_size(rig), RIG_SEGMENT, (ROOMY + FREE + IN_USE + 1) * RIG_SEGMENT);
	rig_close(rig);
}

/* Two segments, the first of which has given its room back: its name and how long its file is. */
static struct rig *tight_segment(char name[16], size_t *size)
{
	static char bytes[RIG_SEGMENT];
	struct rig *rig = started();

	for (int i = 0; i < 2; i++) {
		rig_send_sized(rig, 2, 500);
		again(rig);
	}
	tend_all(rig);
	snprintf(name, 16, "%06u", (unsigned)rig->messages[0].stored.segment);
	*size = disk_memory_peek(rig->disk, "seg", name, bytes, sizeof bytes);
	assert_in_range(*size, 3 * SPOOL_BLOCK, RIG_SEGMENT / 2);
	return rig;
}

/* Not one length is taken for the one that it was given. */
static void a_file_that_gave_its_room_back_and_is_cut_again_is_damage(void **state)
{
	char name[16];
	size_t size = 2 * SPOOL_BLOCK;

	(void)state;
	for (size_t at = SEGMENT_DATA_AT; at < size; at += SPOOL_ALIGN / 2) {
		struct rig *rig = tight_segment(name, &size);
		assert_true(disk_memory_cut(rig->disk, "seg", name, at));
		again(rig);
		assert_true(rig->damage > 0);
		assert_int_equal(store_count(rig->store).segments[SEGMENT_DAMAGED], 1);
		rig_close(rig);
	}
}

static void what_ends_such_a_file_may_rot_and_no_mail_is_lost(void **state)
{
	char name[16];
	size_t size;

	(void)state;
	for (size_t byte = 0; byte < RECORD_HEADER; byte++) {
		struct rig *rig = tight_segment(name, &size);
		assert_true(disk_memory_flip(
			rig->disk, "seg", name, (size - SPOOL_BLOCK + byte) * 8 + byte % 8));
		again(rig);
		assert_true(rig->damage > 0);
		assert_int_equal(found_count(rig), 4);
		rig_judge(rig);
		rig_close(rig);
	}
}

static void its_headers_are_never_written_while_mail_is_in_it(void **state)
{
	static char before[RIG_SEGMENT], after[RIG_SEGMENT];
	struct rig *rig = started();

	(void)state;
	rig_send_sized(rig, 2, 500);
	again(rig);
	rig_send_sized(rig, 2, 500);
	again(rig);
	char name[16];
	snprintf(name, sizeof name, "%06u", (unsigned)rig->messages[0].stored.segment);
	size_t size = disk_memory_peek(rig->disk, "seg", name, before, sizeof before);
	tend_all(rig);
	assert_true(disk_memory_peek(rig->disk, "seg", name, after, sizeof after) < size);
	assert_memory_equal(before, after, SEGMENT_DATA_AT);
	rig_close(rig);
}

/* A disk on which nothing can be opened for a while. */
static int (*open_really)(struct disk *disk, int at, const char *name, int flags, mode_t mode);
static bool no_descriptors;

static int open_perhaps(struct disk *disk, int at, const char *name, int flags, mode_t mode)
{
	if (!no_descriptors)
		return open_really(disk, at, name, flags, mode);
	errno = EMFILE;
	return -1;
}

static void mail_that_cannot_be_read_when_it_is_told_keeps_its_segment(void **state)
{
	struct rig *rig = started();

	(void)state;
	open_really = rig->disk->open;
	rig->disk->open = open_perhaps;
	no_descriptors = true;
	rig_send_sized(rig, 1, 20000);
	rig_send_sized(rig, 1, 20000);
	rig_send_sized(rig, 1, 20000); /* the first segment is full and given back */
	assert_true(rig_acknowledged(rig) >= 2);
	assert_int_equal(found_count(rig), 0);
	no_descriptors = false;
	tend_all(rig);
	assert_int_equal(found_count(rig), rig_acknowledged(rig));
	rig_judge(rig);
	rig_close(rig);
}

static ssize_t (*read_really)(struct disk *disk, int fd, void *buffer, size_t size, off_t at);
static bool unreadable;

static ssize_t read_perhaps(struct disk *disk, int fd, void *buffer, size_t size, off_t at)
{
	if (!unreadable)
		return read_really(disk, fd, buffer, size, at);
	errno = EIO;
	return -1;
}

static void mail_that_the_disk_does_not_give_back_when_it_is_told_is_damage(void **state)
{
	struct rig *rig = started();

	(void)state;
	read_really = rig->disk->pread;
	rig->disk->pread = read_perhaps;
	unreadable = true;
	rig_send_sized(rig, 1, 500);
	unreadable = false;
	assert_int_equal(rig_acknowledged(rig), 1);
	assert_int_equal(rig->damage, 1);
	store_writer_died(rig->store, 1);
	tend_all(rig);
	assert_int_equal(store_count(rig->store).segments[SEGMENT_DAMAGED], 1);
	again(rig); /* the disk gives it again */
	assert_int_equal(found_count(rig), 1);
	rig_judge(rig);
	rig_close(rig);
}

enum {
	HELD = 5
}; /* at hand, the next one, the store's own, one that keeps its room, and headers */

static void a_spool_that_was_large_gives_its_files_back(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send_sized(rig, 40, 20000);
	assert_in_range(spool_size(rig), 20 * RIG_SEGMENT, 40 * RIG_SEGMENT);
	rig_deliver(rig, 1);
	tend_all(rig);
	assert_in_range(spool_size(rig), RIG_SPARE * RIG_SEGMENT, (RIG_SPARE + HELD) * RIG_SEGMENT);
	again(rig);
	tend_all(rig);
	assert_int_equal(found_count(rig), 0);
	rig_judge(rig);
	rig_close(rig);
}

/* What lies beside the spool could not be written any more, and a delivery there would wait for
 * ever: for one that ends it. */
static void a_disk_that_becomes_nearly_full_gets_its_spare_segments_back(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send_sized(rig, 20, 20000);
	rig_deliver(rig, 1);
	tend_all(rig);
	size_t before = spool_size(rig);
	disk_memory_limit(rig->disk, before + RIG_SEGMENT);
	tend_all(rig);
	assert_true(spool_size(rig) + 2 * RIG_SEGMENT <= before);
	rig_send_sized(rig, 1, 500);
	assert_int_equal(rig_acknowledged(rig), 21);
	again(rig);
	rig_judge(rig);
	rig_close(rig);
}

static void on_a_disk_that_is_nearly_full_what_is_spent_is_not_kept(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send_sized(rig, 20, 20000);
	size_t before = spool_size(rig);
	disk_memory_limit(rig->disk, before + 3 * RIG_SEGMENT);
	rig_deliver(rig, 1);
	tend_all(rig);
	assert_true(spool_size(rig) + 4 * RIG_SEGMENT <= before);
	again(rig);
	assert_int_equal(found_count(rig), 0);
	rig_judge(rig);
	rig_close(rig);
}

static void stragglers_move_a_few_at_a_time(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send_sized(rig, 10, 500);
	again(rig);
	rig_wait(rig, NS_PER_S);
	tend_all(rig);
	rig->now += INT64_C(61) * NS_PER_S;
	tend_all(rig);
	rig->now += INT64_C(3700) * NS_PER_S;
	uint64_t before = disk_memory_calls(rig->disk);
	assert_true(store_tend(rig->store, rig->now));
	assert_in_range(disk_memory_calls(rig->disk) - before, 4, 40);
	tend_all(rig);
	again(rig);
	tend_all(rig);
	assert_int_equal(found_count(rig), 10);
	for (size_t i = 0; i < rig->count; i++)
		assert_int_equal(rig->messages[i].stored.copy, 1);
	rig_judge(rig);
	rig_close(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_that_end_early_do_not_fill_the_disk),
		cmocka_unit_test(a_file_that_gave_its_room_back_and_is_cut_again_is_damage),
		cmocka_unit_test(what_ends_such_a_file_may_rot_and_no_mail_is_lost),
		cmocka_unit_test(its_headers_are_never_written_while_mail_is_in_it),
		cmocka_unit_test(mail_that_cannot_be_read_when_it_is_told_keeps_its_segment),
		cmocka_unit_test(mail_that_the_disk_does_not_give_back_when_it_is_told_is_damage),
		cmocka_unit_test(a_spool_that_was_large_gives_its_files_back),
		cmocka_unit_test(a_disk_that_becomes_nearly_full_gets_its_spare_segments_back),
		cmocka_unit_test(on_a_disk_that_is_nearly_full_what_is_spent_is_not_kept),
		cmocka_unit_test(stragglers_move_a_few_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
