/* SPDX-License-Identifier: Apache-2.0 */
/* The store and the writer together, in the simulated loop over a disk in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

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
	assert_int_equal(rig_start(rig), STORE_OPEN);
}

static size_t found_count(const struct rig *rig)
{
	size_t count = 0;

	for (size_t i = 0; i < rig->count; i++)
		count += rig->messages[i].found;
	return count;
}

static void segment_name(const struct rig *rig, size_t message, char name[16])
{
	snprintf(name, 16, "%06u", (unsigned)rig->messages[message].stored.segment);
}

static void mail_is_found_live_and_again_after_a_power_cut(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send(rig, 40);
	assert_int_equal(rig_acknowledged(rig), 40);
	assert_int_equal(found_count(rig), 40);
	rig_judge(rig);
	rig_power_cut(rig);
	again(rig);
	assert_int_equal(found_count(rig), 40);
	assert_int_equal(store_count(rig->store).messages, 40);
	rig_judge(rig);
	assert_int_equal(rig->damage, 0);
	rig_close(rig);
}

static void one_group_is_one_write_and_one_flush(void **state)
{
	struct rig *rig = started();
	uint64_t before;

	(void)state;
	rig_send(rig, 1);
	before = disk_memory_calls(rig->disk);
	for (int i = 0; i < 2; i++)
		rig_send(rig, 1);
	/* Each: pwritev, fdatasync, pread by the store, and a second later a PAD with its flush. */
	assert_int_equal(disk_memory_calls(rig->disk) - before, 2 * (3 + 2));
	rig_close(rig);
}

static void delivered_mail_is_forgotten_and_its_segments_are_used_again(void **state)
{
	struct rig *rig = started();

	(void)state;
	for (int round = 0; round < 30; round++) {
		rig_send(rig, 10);
		rig_deliver(rig, 1);
		rig_tend(rig);
	}
	struct store_counts counts = store_count(rig->store);
	assert_int_equal(counts.messages, 0);
	assert_int_equal(counts.bytes, 0);
	assert_true(counts.segments[SEGMENT_FREE] >= 2);
	assert_true(counts.segments[SEGMENT_FREE] + counts.segments[SEGMENT_ACTIVE] +
			    counts.segments[SEGMENT_SEALED] <
		    10);
	rig_power_cut(rig);
	again(rig);
	assert_int_equal(found_count(rig), 0);
	rig_close(rig);
}

static void results_survive_checkpoints(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send(rig, 20);
	const struct rig_message *first = &rig->messages[1], *second = &rig->messages[2];
	store_result(rig->store, first->id, first->stored.origin, 0, RESULT_BOUNCED, rig->now, 0,
		SLICE("550 no"));
	for (uint32_t i = 1; i < 400; i++) /* past the checkpoint's size several times */
		store_defer(rig->store, second->id, second->stored.origin, 1, i, rig->now + i,
			SLICE("a long reply that makes the file grow, again and again and again"));
	assert_int_equal(store_flush(rig->store), STATUS_OK);
	rig_tend(rig);
	for (int i = 0; i < 3; i++) {
		rig_power_cut(rig);
		again(rig);
	}
	assert_int_equal(found_count(rig), 20);
	assert_int_equal(rig->messages[0].left, 2);
	assert_int_equal(first->left, 2); /* of three */
	rig_close(rig);
}

static void a_failed_flush_is_never_a_250_and_the_next_segment_takes_over(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send(rig, 3);
	disk_memory_fail(rig->disk, DISK_FDATASYNC, 1, EIO);
	rig_send(rig, 1);
	assert_int_equal(rig->messages[3].answer, COMMIT_FAILED);
	assert_int_equal(store_count(rig->store).segments[SEGMENT_SUSPECT], 1);
	assert_false(rig->messages[3].found);
	rig_send(rig, 5);
	assert_int_equal(rig_acknowledged(rig), 8);
	rig_kill(rig); /* the page cache stays: VOID is what is seen there */
	again(rig);
	assert_int_equal(found_count(rig), 8);
	assert_false(rig->messages[3].found);
	rig_judge(rig);
	rig_close(rig);
}

static void a_write_that_finds_the_disk_full_is_said_to_be_that(void **state)
{
	struct rig *rig = started();

	(void)state;
	disk_memory_fail(rig->disk, DISK_PWRITEV, 1, ENOSPC);
	rig_send(rig, 1);
	assert_int_equal(rig->messages[0].answer, COMMIT_FULL);
	rig_close(rig);
}

static void a_full_disk_refuses_mail_keeps_room_for_reports_and_comes_back_by_itself(void **state)
{
	struct rig *rig = started();

	(void)state;
	disk_memory_limit(rig->disk, 600 << 10);
	for (int i = 0;
		i < 20 && rig->messages[rig->count ? rig->count - 1 : 0].answer == COMMIT_DURABLE;
		i++)
		rig_send(rig, 10);
	assert_int_equal(rig->messages[rig->count - 1].answer, COMMIT_FULL);

	struct envelope_recipient to[RIG_RECIPIENTS];
	for (size_t i = 0; i < RIG_RECIPIENTS; i++)
		to[i] = (struct envelope_recipient){.address = SLICE("sender@example.net")};
	struct rig_message *report = &rig->messages[rig->count++];
	*report = (struct rig_message){.id = rig->count, .asked = true};
	struct message message = {.envelope = {.recipients = to,
					  .received = (wall_ns)rig->count,
					  .recipient_count = 1 + rig->count % RIG_RECIPIENTS}};
	assert_int_equal(store_add(rig->store, &message, SLICE_NONE, rig->count), STATUS_OK);
	assert_true(report->found);

	rig_deliver(rig, 1);
	rig_tend(rig);
	rig_wait(rig, 2 * NS_PER_S);
	assert_int_not_equal(writer_ready(rig->writer), COMMIT_FAILED);
	rig_send(rig, 1);
	assert_int_equal(rig->messages[rig->count - 1].answer, COMMIT_DURABLE);
	rig_close(rig);
}

static void two_stores_never_share_a_folder(void **state)
{
	struct rig *rig = started();
	struct text why = TEXT_GROWING;
	struct store *second = NULL;

	(void)state;
	assert_int_equal(store_open(rig->disk, disk_memory_root(rig->disk),
				 (struct store_events){0}, &why, &second),
		STORE_LOCKED);
	assert_true(why.len > 0);
	text_free(&why);
	rig_close(rig);
}

static void a_newer_format_is_refused_with_both_numbers(void **state)
{
	struct rig *rig = rig_open(1);
	int root = disk_memory_root(rig->disk);
	int fd = rig->disk->open(rig->disk, root, "format", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(disk_write(rig->disk, fd, SLICE("postern-spool 2\n"), 0), STATUS_OK);
	assert_int_equal(rig_start(rig), STORE_NEWER);
	text_char(&rig->why, 0);
	assert_non_null(strstr(rig->why.at, "format 2"));
	assert_non_null(strstr(rig->why.at, "format 1"));
	rig_close(rig);
}

static void a_big_message_streams_and_comes_back(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send_big(rig, 300000);
	rig_send_big(rig, CHUNK_MAX * 2);
	rig_send_big(rig, 0);
	assert_int_equal(rig_acknowledged(rig), 3);
	rig_judge(rig);
	rig_power_cut(rig);
	again(rig);
	assert_int_equal(found_count(rig), 3);
	rig_judge(rig);
	rig_deliver(rig, 1);
	rig_tend(rig);
	assert_int_equal(store_count(rig->store).messages, 0);
	rig_close(rig);
}

static void damage_to_acknowledged_mail_is_reported_and_the_rest_is_found(void **state)
{
	(void)state;
	for (uint64_t bit = 0; bit < 64 * 8; bit += 37) {
		struct rig *rig = started();
		rig_send(rig, 4);
		uint64_t at = rig->messages[1].stored.at;
		char name[16];
		segment_name(rig, 1, name);
		rig_stop(rig);
		disk_memory_kill(rig->disk);
		assert_true(disk_memory_flip(rig->disk, "seg", name, at * 8 + bit));
		again(rig);
		assert_true(rig->damage >= 1);
		assert_int_equal(found_count(rig), 3);
		assert_false(rig->messages[1].found);
		assert_int_equal(store_count(rig->store).segments[SEGMENT_DAMAGED], 1);
		rig_close(rig);
	}
}

static void a_damaged_body_never_leaves_and_is_kept(void **state)
{
	struct rig *rig = started();
	struct arena *arena = arena_new();
	struct message message;
	struct slice payload;
	char name[16];

	(void)state;
	rig_send(rig, 1);
	const struct stored *stored = &rig->messages[0].stored;
	segment_name(rig, 0, name);
	assert_true(disk_memory_flip(
		rig->disk, "seg", name, (stored->at + RECORD_HEADER + stored->length - 1) * 8));
	rig_kill(rig);
	again(rig);
	assert_false(rig->messages[0].found);
	assert_int_equal(
		store_read(rig->store, &rig->messages[0].stored, arena, &message, &payload),
		READ_DAMAGED);
	assert_int_equal(rig->damage, 1);
	assert_int_equal(store_count(rig->store).segments[SEGMENT_DAMAGED], 1);
	arena_free(arena);
	rig_close(rig);
}

static void a_dead_writers_mail_is_found(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send(rig, 5);
	store_writer_died(rig->store, 1);
	assert_int_equal(store_count(rig->store).segments[SEGMENT_ACTIVE], 0);
	assert_int_equal(store_count(rig->store).messages, 5);
	rig_judge(rig);
	spool_writer_lost(rig->writer);
	assert_int_equal(writer_ready(rig->writer), COMMIT_FAILED);
	rig_close(rig);
}

static void stragglers_move_and_their_segment_is_used_again(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send(rig, 60);
	rig_deliver(rig, 1);
	rig_send(rig, 1); /* left in a segment of its own */
	store_writer_died(rig->store, 1);
	uint32_t before = rig->messages[60].stored.segment;
	for (int i = 0; i < 30; i++)
		rig_tend(rig);
	rig_kill(rig);
	again(rig);
	rig_judge(rig);
	assert_int_equal(found_count(rig), 1);
	assert_int_not_equal(rig->messages[60].stored.segment, before);
	assert_int_equal(rig->messages[60].stored.copy, 1);
	rig_close(rig);
}

static void a_held_segment_is_not_recycled(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send(rig, 1);
	uint32_t number = rig->messages[0].stored.segment;
	uint64_t epoch, later;
	enum segment_class kind;
	int fd = store_open_segment(rig->store, number, &epoch, &kind);
	assert_true(fd >= 0);
	store_hold(rig->store, number);
	store_writer_died(rig->store, 1);
	rig_deliver(rig, 1);
	rig_tend(rig);
	rig->disk->close(rig->disk, fd);
	fd = store_open_segment(rig->store, number, &later, &kind);
	assert_true(later == epoch);
	store_release(rig->store, number);
	rig_tend(rig);
	rig->disk->close(rig->disk, fd);
	fd = store_open_segment(rig->store, number, &later, &kind);
	assert_true(later != epoch);
	rig->disk->close(rig->disk, fd);
	rig_close(rig);
}

static void failing_results_stop_delivery_until_they_can_be_written(void **state)
{
	struct rig *rig = started();

	(void)state;
	rig_send(rig, 3);
	store_result(rig->store, rig->messages[0].id, rig->messages[0].stored.origin, 0,
		RESULT_DELIVERED, rig->now, 0, SLICE_NONE);
	disk_memory_fail(rig->disk, DISK_FDATASYNC, 1, EIO);
	disk_memory_fail(rig->disk, DISK_FSYNC, 1, EIO); /* the checkpoint at once fails too */
	assert_int_equal(store_flush(rig->store), STATUS_FAILED);
	assert_false(store_may_deliver(rig->store));
	rig_tend(rig);
	assert_true(store_may_deliver(rig->store));
	rig_power_cut(rig);
	again(rig);
	assert_int_equal(rig->messages[0].left, 1); /* of two */
	rig_close(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_is_found_live_and_again_after_a_power_cut),
		cmocka_unit_test(one_group_is_one_write_and_one_flush),
		cmocka_unit_test(delivered_mail_is_forgotten_and_its_segments_are_used_again),
		cmocka_unit_test(results_survive_checkpoints),
		cmocka_unit_test(a_failed_flush_is_never_a_250_and_the_next_segment_takes_over),
		cmocka_unit_test(a_write_that_finds_the_disk_full_is_said_to_be_that),
		cmocka_unit_test(
			a_full_disk_refuses_mail_keeps_room_for_reports_and_comes_back_by_itself),
		cmocka_unit_test(two_stores_never_share_a_folder),
		cmocka_unit_test(a_newer_format_is_refused_with_both_numbers),
		cmocka_unit_test(a_big_message_streams_and_comes_back),
		cmocka_unit_test(damage_to_acknowledged_mail_is_reported_and_the_rest_is_found),
		cmocka_unit_test(a_damaged_body_never_leaves_and_is_kept),
		cmocka_unit_test(a_dead_writers_mail_is_found),
		cmocka_unit_test(stragglers_move_and_their_segment_is_used_again),
		cmocka_unit_test(a_held_segment_is_not_recycled),
		cmocka_unit_test(failing_results_stop_delivery_until_they_can_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
