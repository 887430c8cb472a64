/* SPDX-License-Identifier: Apache-2.0 */
/* What role.c and main.c share and nobody else needs. */
#ifndef ROLE_INSIDE_H
#define ROLE_INSIDE_H

#include "role/role.h"

/* A configuration as it came: a sealed memory file, mapped. */
struct mapped {
	struct slice bytes;
	uint32_t generation;
};

struct life {
	struct role role;
	struct mapped current, prepared;
	struct timer grace;
	struct log_lines log;   /* what was said in this turn */
	struct turn_end saying; /* and when it leaves */
	bool debug;
	bool own_process;
	bool going, ready, stopping, ended;
	int exit_status;
	mono_ns short_said; /* when a shortage was logged last; NEVER: not yet */
	char shown[16];     /* "edge/0" */
};

/* Opens the supervisor's channel over `fd`, says hello and starts the kind. NULL and errno. */
struct life *life_begin(struct loop *loop, const struct role_kind *kind,
	const struct role_start *start, int fd, bool own_process);
/* Says what waits for the end of a turn that does not come any more. */
void life_log_end(struct life *life);

#endif
