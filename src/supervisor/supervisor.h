/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: opens ports, starts the roles, starts again what dies, reloads, stops.
 *
 *	static const struct role_kind *const kinds[] = {&resolver.kind, &control_role, …};
 *	return supervisor_run(&(struct supervisor_options){.config = path, .kinds = kinds, …});
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "role/role.h"

/* posternd(8), EXIT STATUS. */
enum exit_status {
	EXIT_ENDED = 0,    /* as asked */
	EXIT_FAILED = 1,   /* while running */
	EXIT_USAGE = 2,    /* of the command line */
	EXIT_HELD = 75,    /* another daemon holds the state folder */
	EXIT_REFUSED = 78, /* the configuration */
};

struct supervisor_options {
	const char *config; /* NULL: the built-in configuration */
	bool one_process;   /* all roles in this process: for tests and debugging, not for mail */
	bool debug;         /* log lines of LEVEL_DEBUG too */
	/* The roles there are, each once, in the order in which they are started. */
	const struct role_kind *const *kinds;
	size_t kind_count;
};

/* Runs until told to stop by SIGTERM or SIGINT, or until it cannot go on; the exit status. */
int supervisor_run(const struct supervisor_options *options);
/* Checks the configuration, says on standard error what is wrong with it, and what not. */
int supervisor_check(const char *config);
/* How many edges suit a machine: with two processors one, since out and queue need a processor too
 * and two edges split the groups that share a flush; from four on, half of them. */
unsigned edges_suiting(unsigned processors);

#endif
