/* SPDX-License-Identifier: Apache-2.0 */
/* The disk in memory: faults, crashes, rot. The contract is in disk_memory.h. */
#include <stdlib.h>
#include <string.h>

#include "spool/disk_nodes.h"

struct memory *disk_memory_of(struct disk *disk)
{
	return (struct memory *)(void *)disk;
}

uint64_t disk_random(struct memory *memory)
{
	memory->random += 0x9e3779b97f4a7c15u;
	uint64_t z = memory->random;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

bool disk_chance(struct memory *memory, unsigned one_in)
{
	return disk_random(memory) % one_in == 0;
}

struct name *disk_name_find(struct memory *memory, int folder, const char *text)
{
	for (size_t i = 0; i < NAMES; i++) {
		struct name *name = &memory->names[i];
		if (name->used && !name->gone && name->folder == folder &&
			strcmp(name->text, text) == 0)
			return name;
	}
	return NULL;
}

void node_sector_save(struct node *node, size_t sector)
{
	memcpy(node->safe + sector * SECTOR, node->now + sector * SECTOR, SECTOR);
}

void disk_memory_fail(struct disk *disk, enum disk_call call, unsigned nth, int error)
{
	disk_memory_of(disk)->fail_in[call] = nth;
	disk_memory_of(disk)->fail_with[call] = error;
}

void disk_memory_fatal(struct disk *disk, bool on)
{
	disk_memory_of(disk)->fatal = on;
}

uint64_t disk_memory_failures(const struct disk *disk)
{
	return ((const struct memory *)(const void *)disk)->failures;
}

void disk_memory_limit(struct disk *disk, uint64_t bytes)
{
	disk_memory_of(disk)->limit = bytes;
}

void disk_memory_disturb(struct disk *disk, bool on)
{
	disk_memory_of(disk)->disturbed = on;
}

void disk_memory_stop_at(struct disk *disk, uint64_t nth)
{
	struct memory *memory = disk_memory_of(disk);

	memory->stop_at = nth ? memory->calls + nth : 0;
}

bool disk_memory_is_stopped(const struct disk *disk)
{
	return ((const struct memory *)(const void *)disk)->stopped;
}

uint64_t disk_memory_calls(const struct disk *disk)
{
	return ((const struct memory *)(const void *)disk)->calls;
}

static void block_destroy(struct memory *memory, struct node *node, size_t block)
{
	for (size_t i = 0; i < BLOCK && block * BLOCK + i < node->room; i++)
		node->safe[block * BLOCK + i] = (char)disk_random(memory);
}

/* Each unflushed sector is the old or the new one; now and then the block it lies in is gone. */
static void node_crash(struct memory *memory, struct node *node)
{
	static const unsigned kept[] = {1, 2, 3, 1000000}, destroyed[] = {4, 40, 1000000};
	unsigned kept_one_in = kept[disk_random(memory) % 4];
	unsigned destroyed_one_in = destroyed[disk_random(memory) % 3];

	for (size_t sector = 0; sector < node->room / SECTOR; sector++) {
		if (!node->dirty[sector])
			continue;
		node->dirty[sector] = 0;
		if (disk_chance(memory, kept_one_in))
			node_sector_save(node, sector);
		if (disk_chance(memory, destroyed_one_in))
			block_destroy(memory, node, sector * SECTOR / BLOCK);
	}
	if (node->size != node->safe_size && disk_chance(memory, 2))
		node->safe_size = node->size;
	node->size = node->safe_size;
	if (node->room)
		memcpy(node->now, node->safe, node->room);
}

static void names_crash(struct memory *memory)
{
	for (size_t i = 0; i < NAMES; i++) {
		struct name *name = &memory->names[i];
		if (!name->used)
			continue;
		if (name->gone && disk_chance(memory, 2))
			name->used = false;
		if (!name->safe && disk_chance(memory, 2))
			name->used = false;
		name->gone = false;
		name->safe = true;
	}
}

void disk_memory_kill(struct disk *disk)
{
	struct memory *memory = disk_memory_of(disk);

	memset(memory->files, 0, sizeof memory->files);
	memset(memory->fail_in, 0, sizeof memory->fail_in);
	for (int i = 0; i < NODES; i++)
		memory->nodes[i].lock = -1;
	memory->stopped = memory->fatal = false;
	memory->stop_at = 0;
}

void disk_memory_crash(struct disk *disk)
{
	struct memory *memory = disk_memory_of(disk);

	names_crash(memory);
	for (int i = 0; i < NODES; i++)
		if (memory->nodes[i].used && !memory->nodes[i].folder)
			node_crash(memory, &memory->nodes[i]);
	disk_memory_kill(disk);
}

static struct node *node_named(struct memory *memory, const char *folder, const char *text)
{
	struct name *name = disk_name_find(memory, ROOT, folder);

	name = name ? disk_name_find(memory, name->node, text) : NULL;
	return name ? &memory->nodes[name->node] : NULL;
}

bool disk_memory_flip(struct disk *disk, const char *folder, const char *text, uint64_t bit)
{
	struct node *node = node_named(disk_memory_of(disk), folder, text);

	if (!node || bit / 8 >= node->size)
		return false;
	node->now[bit / 8] ^= (char)(1u << bit % 8);
	node->safe[bit / 8] = node->now[bit / 8];
	return true;
}

bool disk_memory_cut(struct disk *disk, const char *folder, const char *text, uint64_t size)
{
	struct node *node = node_named(disk_memory_of(disk), folder, text);

	if (!node || size > node->size)
		return false;
	memset(node->now + size, 0, node->room - size);
	memset(node->safe + size, 0, node->room - size);
	node->size = node->safe_size = size;
	return true;
}

size_t disk_memory_peek(
	struct disk *disk, const char *folder, const char *text, char *bytes, size_t size)
{
	struct node *node = node_named(disk_memory_of(disk), folder, text);

	if (!node)
		return 0;
	size = size < node->size ? size : node->size;
	memcpy(bytes, node->now, size);
	return size;
}
