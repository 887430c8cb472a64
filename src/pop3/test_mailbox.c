/* SPDX-License-Identifier: Apache-2.0 */
/* A Maildir for tests. Read test_mailbox.h first. */
#include "pop3/test_mailbox.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/testing.h"

enum { PATH_ROOM = 500 };

static void path_of(char path[PATH_ROOM], const struct mailbox_folder *folder, const char *name)
{
	snprintf(path, PATH_ROOM, "%s/%s", folder->path, name);
}

static void folder_make(const char *path)
{
	panic_if(mkdir(path, 0700) != 0, "cannot make %s", path);
}

/* Every folder of `below`, then the Maildir's three. */
void mailbox_make(struct mailbox_folder *folder, const char *below)
{
	static const char *const inside[] = {"new", "cur", "tmp"};
	char path[PATH_ROOM];

	panic_if(!testing_folder(folder->top, sizeof folder->top, "postern-pop"),
		"no folder for a test");
	for (const char *at = below; *at; at++)
		if (*at == '/' && at != below) {
			snprintf(
				path, sizeof path, "%s%.*s", folder->top, (int)(at - below), below);
			folder_make(path);
		}
	snprintf(folder->path, sizeof folder->path, "%s%s", folder->top, below);
	if (*below)
		folder_make(folder->path);
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
		path_of(path, folder, inside[i]);
		folder_make(path);
	}
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

void mailbox_remove(struct mailbox_folder *folder)
{
	nftw(folder->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void mailbox_put(const struct mailbox_folder *folder, const char *name, const char *content)
{
	char path[PATH_ROOM];

	path_of(path, folder, name);
	FILE *file = fopen(path, "w");
	panic_if(!file || fputs(content, file) < 0 || fclose(file) != 0, "cannot write %s", path);
}

void mailbox_move(const struct mailbox_folder *folder, const char *from, const char *to)
{
	char old[PATH_ROOM], now[PATH_ROOM];

	path_of(old, folder, from);
	path_of(now, folder, to);
	panic_if(rename(old, now) != 0, "cannot move %s", old);
}

int mailbox_has(const struct mailbox_folder *folder, const char *name)
{
	char path[PATH_ROOM];

	path_of(path, folder, name);
	return access(path, F_OK) == 0;
}
