/* SPDX-License-Identifier: Apache-2.0 */
/* Spools as released formats wrote them are read. With FIXTURES_WRITE set to a folder the files of
 * the present format are written there instead: done once per format, then never changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/panic.h"
#include "spool/batch.h"
#include "spool/disk_memory.h"
#include "spool/result.h"
#include "spool/store.h"

enum { FILE_MAX = 32 << 10, SEGMENT = 16 << 10 };

static const struct {
	const char *folder, *name, *fixture;
} files[] = {
	{"seg", "000005", SPOOL_FIXTURES "/format-1/seg-000005"},
	{"results", "00000007", SPOOL_FIXTURES "/format-1/results-00000007"},
};

/* Writing */

static const uint64_t epoch = UINT64_C(0x7777777777777777);

static void headers_write(struct disk *disk, int fd, uint8_t class, uint32_t number, uint64_t size)
{
	static char block[SPOOL_BLOCK];
	struct segment_header header = {.format = 1,
		.segment_class = class,
		.number = number,
		.generation = 3,
		.epoch = epoch,
		.size = size};

	segment_header_encode(&header, block);
	for (off_t at = 0; at < SEGMENT_DATA_AT; at += SPOOL_BLOCK)
		assert_int_equal(disk_write(disk, fd, (struct slice){block, sizeof block}, at), 0);
}

static void message_add(struct batch *batch, uint64_t id, struct slice body, struct text *head)
{
	static const struct envelope_recipient to[] = {{SLICE("anna@example.org"), SLICE(""), 0},
		{SLICE("bert@example.org"), SLICE(""), 4}};
	struct message message = {.envelope = {.received = 1800000000,
					  .sender = SLICE("sender@example.net"),
					  .recipients = to,
					  .recipient_count = 2},
		.trace = SLICE("Received: from fixture\r\n"),
		.body_size = body.len};

	assert_non_null(text_reserve(head, RECORD_HEADER));
	message_encode(head, &message, body.len);
	struct slice start = slice_from(text_slice(head), RECORD_HEADER);
	struct record record = {.type = RECORD_MESSAGE,
		.id = id,
		.origin = epoch,
		.length = (uint32_t)(start.len + body.len),
		.payload_crc = crc32c(crc32c(0, start), body)};
	batch_add(batch, record, text_slice(head), body);
}

static void result_add(struct batch *batch, uint8_t type, uint64_t id,
	const struct result_record *result, struct text *head)
{
	assert_non_null(text_reserve(head, RECORD_HEADER));
	result_encode(head, type, result);
	struct slice payload = slice_from(text_slice(head), RECORD_HEADER);
	struct record record = {.type = type,
		.id = id,
		.origin = epoch,
		.length = (uint32_t)payload.len,
		.payload_crc = crc32c(0, payload)};
	batch_add(batch, record, text_slice(head), SLICE_NONE);
}

static void fixture_save(struct disk *disk, size_t which)
{
	static char bytes[FILE_MAX];
	char path[512];
	size_t size =
		disk_memory_peek(disk, files[which].folder, files[which].name, bytes, sizeof bytes);

	snprintf(path, sizeof path, "%s/%s-%s", getenv("FIXTURES_WRITE"), files[which].folder,
		files[which].name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

static int file_new(struct disk *disk, const char *folder, const char *name)
{
	int root = disk_memory_root(disk);

	disk->mkdir(disk, root, folder, 0700);
	int at = disk->open(disk, root, folder, O_RDONLY | O_DIRECTORY, 0);
	return disk->open(disk, at, name, O_RDWR | O_CREAT, 0600);
}

static void fixtures_write(void)
{
	static struct batch batch;
	struct disk *disk = disk_memory_open(1);
	struct text heads[4] = {TEXT_GROWING, TEXT_GROWING, TEXT_GROWING, TEXT_GROWING};
	static const char zeros[SPOOL_BLOCK];

	int fd = file_new(disk, "seg", "000005");
	headers_write(disk, fd, SEGMENT_SMALL, 5, SEGMENT);
	batch_begin(&batch, 5, epoch, SEGMENT_DATA_AT, SEGMENT_DATA_AT);
	message_add(&batch, 1001, SLICE("Subject: one\r\n\r\nfirst\r\n"), &heads[0]);
	message_add(&batch, 1002, SLICE("Subject: two\r\n\r\nsecond\r\n"), &heads[1]);
	batch_seal(&batch);
	assert_int_equal(batch_write(&batch, disk, fd, true), 0);
	assert_int_equal(
		disk_write(disk, fd, (struct slice){zeros, sizeof zeros}, SEGMENT - SPOOL_BLOCK),
		0);
	fixture_save(disk, 0);

	fd = file_new(disk, "results", "00000007");
	headers_write(disk, fd, CLASS_RESULTS, 7, 0);
	batch_begin(&batch, 7, epoch, SEGMENT_DATA_AT, SEGMENT_DATA_AT);
	result_add(&batch, RECORD_RESULT, 1001,
		&(struct result_record){0, RESULT_DELIVERED, 0, 5, SLICE("250 ok")}, &heads[2]);
	result_add(&batch, RECORD_DEFER, 1002,
		&(struct result_record){1, 0, 4, 1800000777, SLICE("451 later")}, &heads[3]);
	batch_seal(&batch);
	assert_int_equal(batch_write(&batch, disk, fd, true), 0);
	fixture_save(disk, 1);
	for (size_t i = 0; i < 4; i++)
		text_free(&heads[i]);
	disk_memory_close(disk);
}

/* Reading */

static void fixture_load(struct disk *disk, size_t which)
{
	static char bytes[FILE_MAX];
	FILE *file = fopen(files[which].fixture, "rb");

	assert_non_null(file);
	size_t size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	int fd = file_new(disk, files[which].folder, files[which].name);
	assert_int_equal(disk_write(disk, fd, (struct slice){bytes, size}, 0), 0);
}

static size_t seen;

static void found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	(void)owner;
	seen++;
	assert_true(stored->id == 1001 || stored->id == 1002);
	assert_true(stored->origin == epoch && stored->segment == 5);
	assert_true(slice_is(message->envelope.sender, SLICE("sender@example.net")));
	assert_int_equal(message->envelope.recipient_count, 2);
	assert_true(recipients[0].done == (stored->id == 1001));
	assert_false(recipients[1].done);
	assert_int_equal(recipients[1].attempts, stored->id == 1002 ? 4 : 0);
	assert_true(recipients[1].next == (stored->id == 1002 ? 1800000777 : 0));
}

static void damage(void *owner, struct slice words)
{
	(void)owner;
	fail_msg("damage: %.*s", SLICE_ARGS(words));
}

static void a_spool_of_format_1_is_read(void **state)
{
	struct disk *disk = disk_memory_open(1);
	struct text why = TEXT_GROWING;
	struct store *store;
	struct store_events events = {found, damage, NULL};
	struct store_scale scale = {.segment = SEGMENT, .reserve = SPOOL_BLOCK, .free = 1};

	(void)state;
	int format = disk->open(disk, disk_memory_root(disk), "format", O_RDWR | O_CREAT, 0600);
	assert_int_equal(disk_write(disk, format, SLICE("postern-spool 1\n"), 0), 0);
	fixture_load(disk, 0);
	fixture_load(disk, 1);
	assert_int_equal(
		store_open_scaled(disk, disk_memory_root(disk), events, &scale, &why, &store),
		STORE_OPEN);
	assert_int_equal(seen, 2);
	store_close(store);
	text_free(&why);
	disk_memory_close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_spool_of_format_1_is_read)};

	if (getenv("FIXTURES_WRITE")) {
		fixtures_write();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
