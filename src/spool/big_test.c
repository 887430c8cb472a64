/* SPDX-License-Identifier: Apache-2.0 */
/* Big messages: their chunks read several at once, and sent to the disk while more of them come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "spool/reader.h"
#include "spool/rig.h"

enum { MEBIBYTE = 1 << 20, PIECE = 100000, SIZE = 3 * MEBIBYTE };

static char room[CHUNKS_ROOM];

/* One big message, found and open for reading. */
static struct rig *one_big(size_t size, struct spool_source *source)
{
	struct rig *rig = rig_open(1);
	enum segment_class kind;

	assert_int_equal(rig_start(rig), STORE_OPEN);
	rig_send_big(rig, size);
	*source = (struct spool_source){
		.disk = rig->disk, .segment = rig->messages[0].stored.segment};
	source->fd = store_open_segment(rig->store, source->segment, &source->epoch, &kind);
	assert_int_equal(kind, SEGMENT_BIG);
	return rig;
}

static void end(struct rig *rig, const struct spool_source *source)
{
	rig->disk->close(rig->disk, source->fd);
	rig_stop(rig);
	rig_close(rig);
}

static enum spool_read next(
	const struct rig *rig, const struct spool_source *source, struct chunks *chunks)
{
	return spool_read_chunks(source, 1, rig->messages[0].stored.parts, chunks);
}

/* What they are is the rig's to judge, in each of its tests. */
static void chunks_come_several_at_a_time_and_then_the_rest(void **state)
{
	struct chunks chunks = {.room = room, .at = SEGMENT_DATA_AT};
	struct spool_source source;
	struct rig *rig = one_big(4 * PIECE, &source);
	size_t size = 0, calls = 0;

	(void)state;
	while (chunks.part < rig->messages[0].stored.parts) {
		assert_int_equal(next(rig, &source, &chunks), SPOOL_READ_OK);
		assert_in_range(chunks.count, 1, CHUNKS_MOST);
		for (size_t i = 0; i < chunks.count; i++)
			size += chunks.of[i].len;
		calls++;
	}
	assert_int_equal(size, 4 * PIECE);
	assert_in_range(calls, 2, chunks.part - 1);
	assert_true(rig_read(rig, &rig->messages[0]));
	end(rig, &source);
}

static void of_chunks_that_were_altered_none_is_shown(void **state)
{
	struct chunks chunks = {.room = room, .at = SEGMENT_DATA_AT};
	struct spool_source source;
	struct rig *rig = one_big(2 * PIECE, &source);
	char name[16];

	(void)state;
	snprintf(name, sizeof name, "%06u", (unsigned)source.segment);
	assert_true(disk_memory_flip(rig->disk, "big", name, 8 * (SEGMENT_DATA_AT + PIECE)));
	assert_int_equal(next(rig, &source, &chunks), SPOOL_READ_DAMAGED);
	end(rig, &source);
}

static void a_file_that_was_cut_is_damaged_and_a_failed_read_is_not(void **state)
{
	struct chunks chunks = {.room = room, .at = SEGMENT_DATA_AT};
	struct spool_source source;
	struct rig *rig = one_big(2 * PIECE, &source);
	char name[16];

	(void)state;
	disk_memory_fail(rig->disk, DISK_PREAD, 1, EIO);
	assert_int_equal(next(rig, &source, &chunks), SPOOL_READ_FAILED);
	snprintf(name, sizeof name, "%06u", (unsigned)source.segment);
	assert_true(disk_memory_cut(rig->disk, "big", name, SEGMENT_DATA_AT + 1000));
	assert_int_equal(next(rig, &source, &chunks), SPOOL_READ_DAMAGED);
	end(rig, &source);
}

/* What the writer sent to the disk before the flush. */
static struct {
	off_t end;
	unsigned calls;
} early;

static int begin_flush_noted(struct disk *disk, int fd, off_t at, off_t size)
{
	(void)disk, (void)fd;
	assert_int_equal(at, early.end);
	assert_int_equal(size % SPOOL_BLOCK, 0);
	assert_true(size >= MEBIBYTE);
	early.end = at + size;
	early.calls++;
	return 0;
}

static void what_has_come_goes_to_the_disk_each_mebibyte_and_once(void **state)
{
	struct rig *rig = rig_open(1);

	(void)state;
	early.end = SEGMENT_DATA_AT;
	early.calls = 0;
	rig->disk->begin_flush = begin_flush_noted;
	assert_int_equal(rig_start(rig), STORE_OPEN);
	rig_send_big(rig, SIZE);
	assert_int_equal(rig->messages[0].answer, COMMIT_DURABLE);
	assert_int_equal(early.calls, 2); /* the last one's end is flushed with the MESSAGE */
	assert_true(rig_read(rig, &rig->messages[0]));
	rig_stop(rig);
	rig_close(rig);
}

static int begin_flush_failing(struct disk *disk, int fd, off_t at, off_t size)
{
	(void)at, (void)size;
	disk_memory_fail(disk, DISK_FDATASYNC, 1, EIO);
	return disk->fdatasync(disk, fd);
}

static void a_message_that_cannot_go_to_the_disk_is_not_acknowledged(void **state)
{
	struct rig *rig = rig_open(1);

	(void)state;
	rig->disk->begin_flush = begin_flush_failing;
	assert_int_equal(rig_start(rig), STORE_OPEN);
	rig_send_big(rig, SIZE);
	assert_int_equal(rig->messages[0].answer, COMMIT_FAILED);
	rig_stop(rig);
	rig_close(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_come_several_at_a_time_and_then_the_rest),
		cmocka_unit_test(of_chunks_that_were_altered_none_is_shown),
		cmocka_unit_test(a_file_that_was_cut_is_damaged_and_a_failed_read_is_not),
		cmocka_unit_test(what_has_come_goes_to_the_disk_each_mebibyte_and_once),
		cmocka_unit_test(a_message_that_cannot_go_to_the_disk_is_not_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
