/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a segment and as a results file: the whole start-up runs over them. */
#include <fcntl.h>

#include "base/panic.h"
#include "spool/disk_memory.h"
#include "spool/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static uint64_t epoch_of(void *owner)
{
	return ++*(uint64_t *)owner;
}

static void found(void *owner, const struct stored *stored, const struct message *message,
	const struct stored_recipient *recipients)
{
	(void)owner, (void)stored, (void)recipients;
	panic_if(message->envelope.recipient_count == 0, "a message for nobody");
}

static void damage(void *owner, struct slice words)
{
	(void)owner, (void)words;
}

static void file_put(struct disk *disk, const char *folder, const char *name, struct slice bytes)
{
	int root = disk_memory_root(disk);

	if (disk->mkdir(disk, root, folder, 0700) != 0)
		return;
	int at = disk->open(disk, root, folder, O_RDONLY | O_DIRECTORY, 0);
	int fd = disk->open(disk, at, name, O_RDWR | O_CREAT, 0600);
	panic_if(disk_write(disk, fd, bytes, 0) != STATUS_OK, "the disk in memory is full");
}

/* A whole header so that the records behind it are walked; the input follows. If it is whole blocks
 * the header speaks of one more, as where room was given back. */
static struct text file_of(uint8_t class, uint32_t number, struct slice records)
{
	struct text file = TEXT_GROWING;
	struct segment_header header = {.format = SPOOL_FORMAT,
		.segment_class = class,
		.number = number,
		.generation = 1,
		.epoch = UINT64_C(0x7777777777777777),
		.size = SEGMENT_DATA_AT + records.len +
			(records.len % SPOOL_BLOCK == 0 ? SPOOL_BLOCK : 0)};
	for (int copy = 0; copy < 2; copy++) {
		char *block = text_reserve(&file, SPOOL_BLOCK);
		panic_if(!block, "a growing text is full");
		segment_header_encode(&header, block);
	}
	text_put(&file, records);
	return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct {
		const char *folder, *name;
		uint8_t class;
	} places[] = {{"seg", "000005", SEGMENT_SMALL}, {"big", "000006", SEGMENT_BIG},
		{"results", "00000007", CLASS_RESULTS}};
	struct slice input = {(const char *)bytes, size};
	struct disk *disk = disk_memory_open(1);
	struct text why = TEXT_GROWING;
	struct store *store;
	uint64_t epoch = 0;
	struct store_scale scale = {.segment = 16 << 10,
		.reserve = 4096,
		.checkpoint = 1 << 20,
		.epoch = epoch_of,
		.epoch_owner = &epoch,
		.free = 1};
	struct store_events events = {found, damage, NULL};

	int format = disk->open(disk, disk_memory_root(disk), "format", O_RDWR | O_CREAT, 0600);
	panic_if(disk_write(disk, format, SLICE("postern-spool 1\n"), 0) != STATUS_OK, "no format");
	for (uint32_t i = 0; i < 3; i++) {
		struct text file = file_of(places[i].class, 5 + i, input);
		file_put(disk, places[i].folder, places[i].name, text_slice(&file));
		text_free(&file);
	}
	if (store_open_scaled(disk, disk_memory_root(disk), events, &scale, &why, &store) ==
		STORE_OPEN)
		store_close(store);
	text_free(&why);
	disk_memory_close(disk);
	return 0;
}
