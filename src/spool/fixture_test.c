/* SPDX-License-Identifier: Apache-2.0 */
/* Spools as released formats wrote them are read. With FIXTURES_WRITE set to a folder the files of
 * the present format are written there instead: done once per format (and file), then never
 * changed. */
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
#include "spool/reader.h"
#include "spool/result.h"
#include "spool/store.h"

enum { FILE_MAX = 32 << 10, SEGMENT = 16 << 10, PART = 1000, PARTS = 3 };

static const struct {
	const char *folder, *name, *fixture;
} files[] = {
	{"seg", "000005", SPOOL_FIXTURES "/format-1/seg-000005"},
	{"results", "00000007", SPOOL_FIXTURES "/format-1/results-00000007"},
	{"big", "000006", SPOOL_FIXTURES "/format-1/big-000006"},
	{"results", "00000008", SPOOL_FIXTURES "/format-1/results-00000008"},
	{"seg", "000009", SPOOL_FIXTURES "/format-1/seg-000009"},
	{"seg", "000010", SPOOL_FIXTURES "/format-1/seg-000010"},
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

/* A message of three chunks. */
static char part_byte(unsigned part)
{
	return (char)('a' + part);
}

static void big_add(struct batch *batch, char parts[PARTS][RECORD_HEADER + PART], struct text *head)
{
	static const struct envelope_recipient to = {SLICE("anna@example.org"), SLICE(""), 0};
	struct message message = {.envelope = {.received = 1800000000,
					  .sender = SLICE("sender@example.net"),
					  .recipients = &to,
					  .recipient_count = 1},
		.body_size = PARTS * PART};

	for (unsigned i = 0; i < PARTS; i++) {
		struct slice bytes = {parts[i] + RECORD_HEADER, PART};
		memset(parts[i] + RECORD_HEADER, part_byte(i), PART);
		batch_add(batch,
			(struct record){.type = RECORD_CHUNK,
				.id = 1003,
				.origin = epoch,
				.length = PART,
				.part = i,
				.payload_crc = crc32c(0, bytes)},
			(struct slice){parts[i], RECORD_HEADER + PART}, SLICE_NONE);
	}
	assert_non_null(text_reserve(head, RECORD_HEADER));
	message_encode(head, &message, 0);
	struct slice payload = slice_from(text_slice(head), RECORD_HEADER);
	batch_add(batch,
		(struct record){.type = RECORD_MESSAGE,
			.id = 1003,
			.origin = epoch,
			.length = (uint32_t)payload.len,
			.part = PARTS,
			.payload_crc = crc32c(0, payload)},
		text_slice(head), SLICE_NONE);
}

/* RESULT with an event, ATTEMPT and HEARD. */
static void events_add(struct batch *batch, struct text heads[3])
{
	const struct result_record said = {0, RESULT_BOUNCED, 0, 9, SLICE("550 no")};
	static const char heard[8] = {41};

	for (size_t i = 0; i < 3; i++)
		assert_non_null(text_reserve(&heads[i], RECORD_HEADER));
	result_encode(&heads[0], RECORD_RESULT, &said);
	text_put(&heads[2], (struct slice){heard, sizeof heard});
	static const uint8_t types[] = {RECORD_RESULT, RECORD_ATTEMPT, RECORD_HEARD};
	for (size_t i = 0; i < 3; i++) {
		struct slice payload = slice_from(text_slice(&heads[i]), RECORD_HEADER);
		batch_add(batch,
			(struct record){.type = types[i],
				.id = types[i] == RECORD_HEARD ? 0 : 1002,
				.origin = types[i] == RECORD_HEARD ? 0 : epoch,
				.flags = types[i] == RECORD_RESULT ? 42 : 0,
				.length = (uint32_t)payload.len,
				.payload_crc = crc32c(0, payload)},
			text_slice(&heads[i]), SLICE_NONE);
	}
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

static void big_fixture_write(struct disk *disk, struct batch *batch)
{
	static char parts[PARTS][RECORD_HEADER + PART];
	struct text head = TEXT_GROWING;
	int fd = file_new(disk, "big", "000006");

	headers_write(disk, fd, SEGMENT_BIG, 6, SEGMENT_DATA_AT);
	batch_begin(batch, 6, epoch, SEGMENT_DATA_AT, SEGMENT_DATA_AT);
	big_add(batch, parts, &head);
	batch_seal(batch);
	assert_int_equal(batch_write(batch, disk, fd, true), 0);
	fixture_save(disk, 2);
	text_free(&head);
}

static void events_fixture_write(struct disk *disk, struct batch *batch)
{
	struct text heads[3] = {TEXT_GROWING, TEXT_GROWING, TEXT_GROWING};
	int fd = file_new(disk, "results", "00000008");

	headers_write(disk, fd, CLASS_RESULTS, 8, 0);
	batch_begin(batch, 8, epoch, SEGMENT_DATA_AT, SEGMENT_DATA_AT);
	events_add(batch, heads);
	batch_seal(batch);
	assert_int_equal(batch_write(batch, disk, fd, true), 0);
	fixture_save(disk, 3);
	for (size_t i = 0; i < 3; i++)
		text_free(&heads[i]);
}

/* A message that was split: one recipient is refused, one is forwarded. */
static void split_add(struct batch *batch, struct text *head)
{
	static const struct envelope_recipient to[] = {{SLICE("anna@example.org"), SLICE(""), 0},
		{SLICE("all@example.org"), SLICE("rfc822;all@example.org"), 0,
			ENVELOPE_RECIPIENT_REFUSED, SLICE("550 5.7.1 No [why 7K3Q-9MZD-2C4T]"),
			SLICE("refused-recipient")},
		{SLICE("carl@example.com"), SLICE(""), 4, ENVELOPE_RECIPIENT_FORWARDED}};
	struct slice body = SLICE("Subject: three\r\n\r\nthird\r\n");
	struct message message = {.envelope = {.received = 1800000000,
					  .sender = SLICE("sender@example.net"),
					  .return_path = SLICE("SRS0=x@example.org"),
					  .recipients = to,
					  .recipient_count = 3},
		.trace = SLICE("Received: from fixture\r\n"),
		.body_size = body.len};

	assert_non_null(text_reserve(head, RECORD_HEADER));
	message_encode(head, &message, body.len);
	struct slice start = slice_from(text_slice(head), RECORD_HEADER);
	batch_add(batch,
		(struct record){.type = RECORD_MESSAGE,
			.id = 1004,
			.origin = epoch,
			.length = (uint32_t)(start.len + body.len),
			.payload_crc = crc32c(crc32c(0, start), body)},
		text_slice(head), body);
}

static void split_fixture_write(struct disk *disk, struct batch *batch)
{
	static const char zeros[SPOOL_BLOCK];
	struct text head = TEXT_GROWING;
	int fd = file_new(disk, "seg", "000009");

	headers_write(disk, fd, SEGMENT_SMALL, 9, SEGMENT);
	batch_begin(batch, 9, epoch, SEGMENT_DATA_AT, SEGMENT_DATA_AT);
	split_add(batch, &head);
	batch_seal(batch);
	assert_int_equal(batch_write(batch, disk, fd, true), 0);
	assert_int_equal(
		disk_write(disk, fd, (struct slice){zeros, sizeof zeros}, SEGMENT - SPOOL_BLOCK),
		0);
	fixture_save(disk, 4);
	text_free(&head);
}

/* One that gave its room back: it is smaller than its header says, and a record ends it. */
static void room_fixture_write(struct disk *disk, struct batch *batch)
{
	static char end[SPOOL_BLOCK];
	struct text head = TEXT_GROWING;
	struct record record = {.type = RECORD_END,
		.version = RECORD_VERSION,
		.epoch = epoch,
		.length = SPOOL_BLOCK - RECORD_HEADER};
	int fd = file_new(disk, "seg", "000010");

	headers_write(disk, fd, SEGMENT_SMALL, 10, 2 * SEGMENT);
	batch_begin(batch, 10, epoch, SEGMENT_DATA_AT, SEGMENT_DATA_AT);
	message_add(batch, 1005, SLICE("Subject: four\r\n\r\nfourth\r\n"), &head);
	batch_seal(batch);
	assert_int_equal(batch_write(batch, disk, fd, true), 0);
	record.payload_crc = crc32c(0, (struct slice){end, record.length});
	record_encode(&record, 10, batch->end, end);
	assert_int_equal(
		disk_write(disk, fd, (struct slice){end, sizeof end}, (off_t)batch->end), 0);
	fixture_save(disk, 5);
	text_free(&head);
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
	big_fixture_write(disk, &batch);
	events_fixture_write(disk, &batch);
	split_fixture_write(disk, &batch);
	room_fixture_write(disk, &batch);
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
static struct stored big_seen;
static uint64_t event_seen;

static void split_seen(const struct envelope *envelope)
{
	const struct envelope_recipient *refused = &envelope->recipients[1];

	assert_int_equal(envelope->recipient_count, 3);
	assert_int_equal(envelope->recipients[0].flags, 0);
	assert_int_equal(refused->flags, ENVELOPE_RECIPIENT_REFUSED);
	assert_true(slice_is(refused->reply, SLICE("550 5.7.1 No [why 7K3Q-9MZD-2C4T]")));
	assert_true(slice_is(refused->reason, SLICE("refused-recipient")));
	assert_int_equal(envelope->recipients[2].flags, ENVELOPE_RECIPIENT_FORWARDED);
	assert_true(slice_is(envelope->recipients[2].address, SLICE("carl@example.com")));
	assert_true(slice_is(envelope->return_path, SLICE("SRS0=x@example.org")));
}

static void found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	(void)owner;
	seen++;
	if (stored->id == 1003) {
		big_seen = *stored;
		return;
	}
	if (stored->id == 1004) {
		split_seen(&message->envelope);
		return;
	}
	if (stored->id == 1005) {
		assert_int_equal(stored->segment, 10);
		return;
	}
	assert_true(stored->id == 1001 || stored->id == 1002);
	assert_true(stored->origin == epoch && stored->segment == 5);
	assert_true(slice_is(message->envelope.sender, SLICE("sender@example.net")));
	assert_int_equal(message->envelope.recipient_count, 2);
	assert_true(recipients[0].done);
	assert_false(recipients[1].done);
	assert_int_equal(recipients[1].attempts, stored->id == 1002 ? 4 : 0);
	assert_true(recipients[1].next == (stored->id == 1002 ? 1800000777 : 0));
}

static void unheard(void *owner, const struct unheard_result *result)
{
	(void)owner;
	assert_int_equal(event_seen, 0);
	event_seen = result->event;
	assert_true(result->id == 1002 && result->origin == epoch && result->recipient == 0);
	assert_int_equal(result->result, RESULT_BOUNCED);
	assert_true(slice_is(result->words, SLICE("550 no")));
}

static void big_read(struct disk *disk, struct store *store)
{
	static char chunk[CHUNK_MAX];
	struct spool_source source = {.disk = disk, .segment = 6};
	enum segment_class kind;
	uint64_t at = SEGMENT_DATA_AT;
	size_t got;

	assert_int_equal(big_seen.segment, 6);
	assert_int_equal(big_seen.parts, PARTS);
	source.fd = store_open_segment(store, 6, &source.epoch, &kind);
	assert_int_equal(kind, SEGMENT_BIG);
	for (unsigned i = 0; i < PARTS; i++) {
		assert_int_equal(
			spool_read_chunk(&source, 1003, i, &at, chunk, &got), SPOOL_READ_OK);
		assert_int_equal(got, PART);
		assert_true(chunk[0] == part_byte(i) && chunk[PART - 1] == part_byte(i));
	}
	disk->close(disk, source.fd);
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
	struct store_events events = {found, damage, NULL, unheard};
	struct store_scale scale = {.segment = SEGMENT, .reserve = SPOOL_BLOCK, .free = 1};

	(void)state;
	int format = disk->open(disk, disk_memory_root(disk), "format", O_RDWR | O_CREAT, 0600);
	assert_int_equal(disk_write(disk, format, SLICE("postern-spool 1\n"), 0), 0);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		fixture_load(disk, i);
	assert_int_equal(
		store_open_scaled(disk, disk_memory_root(disk), events, &scale, &why, &store),
		STORE_OPEN);
	assert_int_equal(seen, 5);
	assert_int_equal(event_seen, 42);
	big_read(disk, store);
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
