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
	enum log_form form;
	bool debug;
	bool own_process;
	bool going, ready, stopping, ended;
	int exit_status;
	char shown[16]; /* "edge/0" */
};

/* Opens the supervisor's channel over `fd`, says hello and starts the kind. NULL and errno. */
struct life *life_begin(struct loop *loop, const struct role_kind *kind,
	const struct role_start *start, int fd, bool own_process);

#endif
