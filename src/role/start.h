/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a role process is started: what the supervisor tells it on its command line, before any
 * packet. Everything else comes over descriptor 3.
 */
#ifndef ROLE_START_H
#define ROLE_START_H

#include <sys/types.h>

#include "packets/setup.h"

struct role_start {
	enum role_name name;
	unsigned slot;
	unsigned edges;   /* how many edges this daemon has */
	unsigned id_slot; /* below ID_SLOTS, unique among the processes that run */
	bool debug;       /* log lines of LEVEL_DEBUG too */
	bool drop;        /* started as root: become uid and gid before anything is read */
	uid_t uid;
	gid_t gid;
};

enum { ROLE_ARGUMENTS_MAX = 16, ROLE_ARGUMENT_SIZE = 32 };
struct role_arguments {
	char texts[ROLE_ARGUMENTS_MAX][ROLE_ARGUMENT_SIZE];
	const char *
		list[ROLE_ARGUMENTS_MAX + 1]; /* into `texts`, NULL-terminated; the program first */
};

/* The command line; `arguments` must not be moved. */
void role_start_write(struct role_arguments *arguments, const struct role_start *start);
/* Reads it again. False: not started by a supervisor. */
bool role_start_read(int count, const char *const *arguments, struct role_start *start);

#endif
