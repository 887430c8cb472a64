/* SPDX-License-Identifier: Apache-2.0 */
/* The disk in memory. The contract is in disk_memory.h. */
#include "spool/disk_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

enum { NODES = 512, NAMES = 1024, FILES = 256, NAME_MAX_LEN = 40, SECTOR = 512, BLOCK = 4096 };

/* A file or a folder. `now` is the page cache, `safe` the disk. */
struct node {
	bool used, folder;
	char *now, *safe;
	size_t size, safe_size, room;
	uint8_t *dirty; /* per sector */
	int lock;       /* the descriptor that holds it; -1: none */
};
struct name {
	bool used;
	bool safe; /* on the disk too */
	bool gone; /* removed, but not on the disk */
	int folder, node;
	char text[NAME_MAX_LEN];
};
struct memory {
	struct disk disk; /* first */
	uint64_t random, calls, stop_at, limit;
	bool disturbed, stopped, fatal;
	uint64_t failures;
	unsigned fail_in[DISK_CALLS];
	int fail_with[DISK_CALLS];
	struct node nodes[NODES];
	struct name names[NAMES];
	int files[FILES]; /* node + 1; 0: free */
};

enum { FD_BASE = 1000, ROOT = 0 };

static struct memory *memory_of(struct disk *disk)
{
	return (struct memory *)(void *)disk;
}

static uint64_t random_next(struct memory *memory)
{
	memory->random += 0x9e3779b97f4a7c15u;
	uint64_t z = memory->random;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static bool chance(struct memory *memory, unsigned one_in)
{
	return random_next(memory) % one_in == 0;
}

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
	if (memory->disturbed && call >= DISK_PREAD && call <= DISK_FSYNC && chance(memory, 16)) {
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

static struct name *name_find(struct memory *memory, int folder, const char *text)
{
	for (size_t i = 0; i < NAMES; i++) {
		struct name *name = &memory->names[i];
		if (name->used && !name->gone && name->folder == folder &&
			strcmp(name->text, text) == 0)
			return name;
	}
	return NULL;
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
	struct memory *memory = memory_of(disk);
	struct node *folder = node_of(memory, at);

	(void)mode;
	if (call_fails(memory, DISK_OPEN))
		return -1;
	if (!folder || !folder->folder) {
		errno = ENOTDIR;
		return -1;
	}
	struct name *name = name_find(memory, node_number(memory, folder), text);
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
	struct memory *memory = memory_of(disk);
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
	struct memory *memory = memory_of(disk);
	struct node *node = node_of(memory, fd);

	if (call_fails(memory, DISK_PREAD))
		return -1;
	panic_if(!node || at < 0, "a read from no file");
	if ((size_t)at >= node->size)
		return 0;
	if (size > node->size - (size_t)at)
		size = node->size - (size_t)at;
	if (memory->disturbed && size > 1 && chance(memory, 16))
		size /= 2;
	memcpy(buffer, node->now + at, size);
	return (ssize_t)size;
}

static void node_grow(struct node *node, size_t size)
{
	if (size > node->room) {
		size_t room = (size + BLOCK - 1) / BLOCK * BLOCK;
		if (room < node->room * 2)
			room = node->room * 2;
		node->now = realloc(node->now, room);
		node->safe = realloc(node->safe, room);
		node->dirty = realloc(node->dirty, room / SECTOR);
		panic_if(!node->now || !node->safe || !node->dirty, "out of memory");
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

/* How many bytes the next write may take: fewer on a full or a disturbed disk. */
static size_t write_room(struct memory *memory, const struct node *node, size_t size, size_t at)
{
	if (memory->limit && at + size > node->size) {
		uint64_t used = memory_used(memory),
			 left = memory->limit > used ? memory->limit - used : 0;
		uint64_t most = node->size > at ? node->size - at + left : left;
		size = size < most ? size : (size_t)most;
	}
	if (memory->disturbed && size > 1 && chance(memory, 16))
		size = 1 + random_next(memory) % (size - 1);
	return size;
}

static ssize_t memory_pwritev(
	struct disk *disk, int fd, const struct iovec *parts, int count, off_t at)
{
	struct memory *memory = memory_of(disk);
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

static void sector_save(struct node *node, size_t sector)
{
	memcpy(node->safe + sector * SECTOR, node->now + sector * SECTOR, SECTOR);
}

static void node_save(struct node *node)
{
	for (size_t sector = 0; sector < node->room / SECTOR; sector++)
		if (node->dirty[sector]) {
			sector_save(node, sector);
			node->dirty[sector] = 0;
		}
	node->safe_size = node->size;
}

/* Linux marks the pages clean after a failed flush: the next one succeeds and writes nothing. */
static void node_save_in_part(struct memory *memory, struct node *node)
{
	for (size_t sector = 0; sector < node->room / SECTOR; sector++) {
		if (node->dirty[sector] && chance(memory, 2))
			sector_save(node, sector);
		node->dirty[sector] = 0;
	}
	if (chance(memory, 2))
		node->safe_size = node->size;
}

static int memory_fdatasync(struct disk *disk, int fd)
{
	struct memory *memory = memory_of(disk);
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
	struct memory *memory = memory_of(disk);
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

static int memory_unlink(struct disk *disk, int at, const char *text)
{
	struct memory *memory = memory_of(disk);
	struct node *folder = node_of(memory, at);

	if (call_fails(memory, DISK_UNLINK))
		return -1;
	struct name *name = folder ? name_find(memory, node_number(memory, folder), text) : NULL;
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
	struct memory *memory = memory_of(disk);
	struct node *folder = node_of(memory, at);

	(void)mode;
	if (call_fails(memory, DISK_MKDIR))
		return -1;
	if (!folder || name_find(memory, node_number(memory, folder), text)) {
		errno = EEXIST;
		return -1;
	}
	name_new(memory, node_number(memory, folder), text, node_new(memory, true));
	return 0;
}

static off_t memory_size(struct disk *disk, int fd)
{
	struct node *node = node_of(memory_of(disk), fd);

	if (!node || memory_of(disk)->stopped) {
		errno = EIO;
		return -1;
	}
	return (off_t)node->size;
}

static int memory_lock(struct disk *disk, int fd)
{
	struct node *node = node_of(memory_of(disk), fd);

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
	struct memory *memory = memory_of(disk);
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
		.unlink = memory_unlink,
		.mkdir = memory_mkdir,
		.size = memory_size,
		.lock = memory_lock,
		.list = memory_list,
	};
	memory->random = seed * 0x2545f4914f6cdd1du;
	node_new(memory, true); /* ROOT */
	return &memory->disk;
}

void disk_memory_close(struct disk *disk)
{
	struct memory *memory = memory_of(disk);

	for (int i = 0; i < NODES; i++) {
		free(memory->nodes[i].now);
		free(memory->nodes[i].safe);
		free(memory->nodes[i].dirty);
	}
	free(memory);
}

int disk_memory_root(struct disk *disk)
{
	return file_open(memory_of(disk), ROOT);
}

void disk_memory_fail(struct disk *disk, enum disk_call call, unsigned nth, int error)
{
	memory_of(disk)->fail_in[call] = nth;
	memory_of(disk)->fail_with[call] = error;
}

void disk_memory_fatal(struct disk *disk, bool on)
{
	memory_of(disk)->fatal = on;
}

uint64_t disk_memory_failures(const struct disk *disk)
{
	return ((const struct memory *)(const void *)disk)->failures;
}

void disk_memory_limit(struct disk *disk, uint64_t bytes)
{
	memory_of(disk)->limit = bytes;
}

void disk_memory_disturb(struct disk *disk, bool on)
{
	memory_of(disk)->disturbed = on;
}

void disk_memory_stop_at(struct disk *disk, uint64_t nth)
{
	struct memory *memory = memory_of(disk);

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
		node->safe[block * BLOCK + i] = (char)random_next(memory);
}

/* Each unflushed sector is the old or the new one; now and then the block it lies in is gone. */
static void node_crash(struct memory *memory, struct node *node)
{
	static const unsigned kept[] = {1, 2, 3, 1000000}, destroyed[] = {4, 40, 1000000};
	unsigned kept_one_in = kept[random_next(memory) % 4];
	unsigned destroyed_one_in = destroyed[random_next(memory) % 3];

	for (size_t sector = 0; sector < node->room / SECTOR; sector++) {
		if (!node->dirty[sector])
			continue;
		node->dirty[sector] = 0;
		if (chance(memory, kept_one_in))
			sector_save(node, sector);
		if (chance(memory, destroyed_one_in))
			block_destroy(memory, node, sector * SECTOR / BLOCK);
	}
	if (node->size > node->safe_size && chance(memory, 2))
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
		if (name->gone && chance(memory, 2))
			name->used = false;
		if (!name->safe && chance(memory, 2))
			name->used = false;
		name->gone = false;
		name->safe = true;
	}
}

void disk_memory_kill(struct disk *disk)
{
	struct memory *memory = memory_of(disk);

	memset(memory->files, 0, sizeof memory->files);
	memset(memory->fail_in, 0, sizeof memory->fail_in);
	for (int i = 0; i < NODES; i++)
		memory->nodes[i].lock = -1;
	memory->stopped = memory->fatal = false;
	memory->stop_at = 0;
}

void disk_memory_crash(struct disk *disk)
{
	struct memory *memory = memory_of(disk);

	names_crash(memory);
	for (int i = 0; i < NODES; i++)
		if (memory->nodes[i].used && !memory->nodes[i].folder)
			node_crash(memory, &memory->nodes[i]);
	disk_memory_kill(disk);
}

static struct node *node_named(struct memory *memory, const char *folder, const char *text)
{
	struct name *name = name_find(memory, ROOT, folder);

	name = name ? name_find(memory, name->node, text) : NULL;
	return name ? &memory->nodes[name->node] : NULL;
}

bool disk_memory_flip(struct disk *disk, const char *folder, const char *text, uint64_t bit)
{
	struct node *node = node_named(memory_of(disk), folder, text);

	if (!node || bit / 8 >= node->size)
		return false;
	node->now[bit / 8] ^= (char)(1u << bit % 8);
	node->safe[bit / 8] = node->now[bit / 8];
	return true;
}

size_t disk_memory_peek(
	struct disk *disk, const char *folder, const char *text, char *bytes, size_t size)
{
	struct node *node = node_named(memory_of(disk), folder, text);

	if (!node)
		return 0;
	size = size < node->size ? size : node->size;
	memcpy(bytes, node->now, size);
	return size;
}
