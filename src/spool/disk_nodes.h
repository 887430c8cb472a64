/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the disk in memory share and nobody else includes. */
#ifndef SPOOL_DISK_NODES_H
#define SPOOL_DISK_NODES_H

#include "spool/disk_memory.h"

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

struct memory *disk_memory_of(struct disk *disk);
uint64_t disk_random(struct memory *memory);
bool disk_chance(struct memory *memory, unsigned one_in);
struct name *disk_name_find(struct memory *memory, int folder, const char *text);
void node_sector_save(struct node *node, size_t sector); /* it is on the disk now */

#endif
