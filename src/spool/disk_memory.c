/* SPDX-License-Identifier: Apache-2.0 */
/* The disk in memory: the calls. The contract is in disk_memory.h, crashes are in disk_faults.c. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "spool/disk_nodes.h"

/* Every call passes here: counted, stopped, made to fail. */
static bool call_fails(struct memory *memory, enum disk_call call)
{
	memory->calls++;
	if (memory->stop_at && memory->calls >= memory->stop_at)
		memory->stopped = true;
	if (memory->stopped) {
		errno = EIO;
		return true;
	}
	if (memory->fail_in[call] && --memory->fail_in[call] == 0) {
		memory->failures++;
		if (memory->fatal)
			memory->stop_at = memory->calls + 1;
		errno = memory->fail_with[call];
		return true;
	}
	if (memory->disturbed && call >= DISK_PREAD && call <= DISK_FSYNC &&
		disk_chance(memory, 16)) {
		errno = EINTR;
		return true;
	}
	return false;
}

static struct node *node_of(struct memory *memory, int fd)
{
	int place = fd - FD_BASE;

	if (place < 0 || place >= FILES || memory->files[place] == 0)
		return NULL;
	return &memory->nodes[memory->files[place] - 1];
}

static int node_number(const struct memory *memory, const struct node *node)
{
	return (int)(node - memory->nodes);
}

static int file_open(struct memory *memory, int node)
{
	for (int i = 0; i < FILES; i++)
		if (memory->files[i] == 0) {
			memory->files[i] = node + 1;
			return FD_BASE + i;
		}
	errno = EMFILE;
	return -1;
}

static int node_new(struct memory *memory, bool folder)
{
	for (int i = 0; i < NODES; i++)
		if (!memory->nodes[i].used) {
			memory->nodes[i] =
				(struct node){.used = true, .folder = folder, .lock = -1};
			return i;
		}
	panic("the disk in memory has no more files");
}

static struct name *name_new(struct memory *memory, int folder, const char *text, int node)
{
	for (size_t i = 0; i < NAMES; i++)
		if (!memory->names[i].used) {
			struct name *name = &memory->names[i];
			*name = (struct name){.used = true, .folder = folder, .node = node};
			panic_if(strlen(text) >= sizeof name->text, "a name too long: %s", text);
			strcpy(name->text, text);
			return name;
		}
	panic("the disk in memory has no more names");
}

static int memory_open(struct disk *disk, int at, const char *text, int flags, mode_t mode)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *folder = node_of(memory, at);

	(void)mode;
	if (call_fails(memory, DISK_OPEN))
		return -1;
	if (!folder || !folder->folder) {
		errno = ENOTDIR;
		return -1;
	}
	struct name *name = disk_name_find(memory, node_number(memory, folder), text);
	if (name && flags & O_CREAT && flags & O_EXCL) {
		errno = EEXIST;
		return -1;
	}
	if (!name && !(flags & O_CREAT)) {
		errno = ENOENT;
		return -1;
	}
	if (!name)
		name = name_new(memory, node_number(memory, folder), text, node_new(memory, false));
	return file_open(memory, name->node);
}

static int memory_close(struct disk *disk, int fd)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *node = node_of(memory, fd);

	if (!node) {
		errno = EBADF;
		return -1;
	}
	if (node->lock == fd)
		node->lock = -1;
	memory->files[fd - FD_BASE] = 0;
	return 0;
}

static ssize_t memory_pread(struct disk *disk, int fd, void *buffer, size_t size, off_t at)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *node = node_of(memory, fd);

	if (call_fails(memory, DISK_PREAD))
		return -1;
	panic_if(!node || at < 0, "a read from no file");
	if ((size_t)at >= node->size)
		return 0;
	if (size > node->size - (size_t)at)
		size = node->size - (size_t)at;
	if (memory->disturbed && size > 1 && disk_chance(memory, 16))
		size /= 2;
	memcpy(buffer, node->now + at, size);
	return (ssize_t)size;
}

/* A test may live through the panic: nothing is lost by it. */
static void *grown(void *bytes, size_t size)
{
	void *more = realloc(bytes, size);

	panic_if(!more, "out of memory");
	return more;
}

static void node_grow(struct node *node, size_t size)
{
	if (size > node->room) {
		size_t room = (size + BLOCK - 1) / BLOCK * BLOCK;
		if (room < node->room * 2)
			room = node->room * 2;
		node->now = grown(node->now, room);
		node->safe = grown(node->safe, room);
		node->dirty = grown(node->dirty, room / SECTOR);
		memset(node->now + node->room, 0, room - node->room);
		memset(node->safe + node->room, 0, room - node->room);
		memset(node->dirty + node->room / SECTOR, 0, (room - node->room) / SECTOR);
		node->room = room;
	}
	if (size > node->size)
		node->size = size;
}

static uint64_t memory_used(const struct memory *memory)
{
	uint64_t used = 0;

	for (int i = 0; i < NODES; i++)
		used += memory->nodes[i].used ? memory->nodes[i].size : 0;
	return used;
}

static uint64_t memory_left(struct disk *disk, int fd)
{
	struct memory *memory = disk_memory_of(disk);
	uint64_t used = memory_used(memory);

	(void)fd;
	if (!memory->limit)
		return UINT64_MAX;
	return memory->limit > used ? memory->limit - used : 0;
}

/* How many bytes the next write may take: fewer on a full or a disturbed disk. */
static size_t write_room(struct memory *memory, const struct node *node, size_t size, size_t at)
{
	if (memory->limit && at + size > node->size) {
		uint64_t left = memory_left(&memory->disk, 0);
		uint64_t most = node->size > at ? node->size - at + left : left;
		size = size < most ? size : (size_t)most;
	}
	if (memory->disturbed && size > 1 && disk_chance(memory, 16))
		size = 1 + disk_random(memory) % (size - 1);
	return size;
}

static ssize_t memory_pwritev(
	struct disk *disk, int fd, const struct iovec *parts, int count, off_t at)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *node = node_of(memory, fd);
	size_t total = 0, done = 0;

	if (call_fails(memory, DISK_PWRITEV))
		return -1;
	panic_if(!node || at < 0, "a write to no file");
	for (int i = 0; i < count; i++)
		total += parts[i].iov_len;
	size_t room = write_room(memory, node, total, (size_t)at);
	if (room == 0 && total > 0) {
		errno = ENOSPC;
		return -1;
	}
	node_grow(node, (size_t)at + room);
	for (int i = 0; i < count && done < room; i++) {
		size_t len = parts[i].iov_len < room - done ? parts[i].iov_len : room - done;
		memcpy(node->now + (size_t)at + done, parts[i].iov_base, len);
		done += len;
	}
	for (size_t sector = (size_t)at / SECTOR; sector * SECTOR < (size_t)at + room; sector++)
		node->dirty[sector] = 1;
	return (ssize_t)room;
}

static void node_save(struct node *node)
{
	for (size_t sector = 0; sector < node->room / SECTOR; sector++)
		if (node->dirty[sector]) {
			node_sector_save(node, sector);
			node->dirty[sector] = 0;
		}
	node->safe_size = node->size;
}

/* Linux marks the pages clean after a failed flush: the next one succeeds and writes nothing. */
static void node_save_in_part(struct memory *memory, struct node *node)
{
	for (size_t sector = 0; sector < node->room / SECTOR; sector++) {
		if (node->dirty[sector] && disk_chance(memory, 2))
			node_sector_save(node, sector);
		node->dirty[sector] = 0;
	}
	if (disk_chance(memory, 2))
		node->safe_size = node->size;
}

static int memory_fdatasync(struct disk *disk, int fd)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *node = node_of(memory, fd);

	panic_if(!node, "a flush of no file");
	if (call_fails(memory, DISK_FDATASYNC)) {
		if (!memory->stopped && errno != EINTR)
			node_save_in_part(memory, node);
		return -1;
	}
	node_save(node);
	return 0;
}

static int memory_fsync(struct disk *disk, int fd)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *node = node_of(memory, fd);

	if (call_fails(memory, DISK_FSYNC))
		return -1;
	panic_if(!node || !node->folder, "a folder's flush of no folder");
	for (size_t i = 0; i < NAMES; i++) {
		struct name *name = &memory->names[i];
		if (!name->used || name->folder != node_number(memory, node))
			continue;
		name->safe = true;
		if (name->gone)
			name->used = false;
	}
	return 0;
}

/* What lies beyond the new end is gone from the cache at once; a power cut may bring it back. */
static int memory_truncate(struct disk *disk, int fd, off_t size)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *node = node_of(memory, fd);

	panic_if(!node || size < 0 || size % BLOCK, "a file is not cut there");
	if (call_fails(memory, DISK_TRUNCATE))
		return -1;
	if ((size_t)size >= node->size)
		return 0;
	node->size = (size_t)size;
	memset(node->now + size, 0, node->room - (size_t)size);
	memset(node->dirty + (size_t)size / SECTOR, 0, (node->room - (size_t)size) / SECTOR);
	return 0;
}

static int memory_unlink(struct disk *disk, int at, const char *text)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *folder = node_of(memory, at);

	if (call_fails(memory, DISK_UNLINK))
		return -1;
	struct name *name =
		folder ? disk_name_find(memory, node_number(memory, folder), text) : NULL;
	if (!name) {
		errno = ENOENT;
		return -1;
	}
	if (name->safe)
		name->gone = true;
	else
		name->used = false;
	memory->nodes[name->node].size = 0; /* its space is free at once */
	return 0;
}

static int memory_mkdir(struct disk *disk, int at, const char *text, mode_t mode)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *folder = node_of(memory, at);

	(void)mode;
	if (call_fails(memory, DISK_MKDIR))
		return -1;
	if (!folder || disk_name_find(memory, node_number(memory, folder), text)) {
		errno = EEXIST;
		return -1;
	}
	name_new(memory, node_number(memory, folder), text, node_new(memory, true));
	return 0;
}

static off_t memory_size(struct disk *disk, int fd)
{
	struct node *node = node_of(disk_memory_of(disk), fd);

	if (!node || disk_memory_of(disk)->stopped) {
		errno = EIO;
		return -1;
	}
	return (off_t)node->size;
}

static int memory_lock(struct disk *disk, int fd)
{
	struct node *node = node_of(disk_memory_of(disk), fd);

	if (!node || node->lock >= 0) {
		errno = EWOULDBLOCK;
		return -1;
	}
	node->lock = fd;
	return 0;
}

static int memory_list(
	struct disk *disk, int at, void (*see)(void *owner, const char *name), void *owner)
{
	struct memory *memory = disk_memory_of(disk);
	struct node *folder = node_of(memory, at);

	if (call_fails(memory, DISK_LIST) || !folder)
		return -1;
	for (size_t i = 0; i < NAMES; i++)
		if (memory->names[i].used && !memory->names[i].gone &&
			memory->names[i].folder == node_number(memory, folder))
			see(owner, memory->names[i].text);
	return 0;
}

struct disk *disk_memory_open(uint64_t seed)
{
	struct memory *memory = calloc(1, sizeof *memory);

	panic_if(!memory, "out of memory");
	memory->disk = (struct disk){
		.open = memory_open,
		.close = memory_close,
		.pread = memory_pread,
		.pwritev = memory_pwritev,
		.fdatasync = memory_fdatasync,
		.fsync = memory_fsync,
		.truncate = memory_truncate,
		.unlink = memory_unlink,
		.mkdir = memory_mkdir,
		.size = memory_size,
		.lock = memory_lock,
		.list = memory_list,
		.left = memory_left,
	};
	memory->random = seed * 0x2545f4914f6cdd1du;
	node_new(memory, true); /* ROOT */
	return &memory->disk;
}

void disk_memory_close(struct disk *disk)
{
	struct memory *memory = disk_memory_of(disk);

	for (int i = 0; i < NODES; i++) {
		free(memory->nodes[i].now);
		free(memory->nodes[i].safe);
		free(memory->nodes[i].dirty);
	}
	free(memory);
}

int disk_memory_root(struct disk *disk)
{
	return file_open(disk_memory_of(disk), ROOT);
}
