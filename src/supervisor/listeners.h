/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets: one with SO_REUSEPORT for each edge and address, made and kept here, so that
 * the backlog of an edge that dies waits for the next.
 */
#ifndef SUPERVISOR_LISTENERS_H
#define SUPERVISOR_LISTENERS_H

#include "base/list.h"
#include "policy/policy.h"
#include "supervisor/supervisor.h"

struct listener {
	struct list link;
	enum service service;
	struct address wanted; /* as configured; port 0 is any */
	struct address bound;
	bool wanted_still; /* by the configuration that is being prepared */
	unsigned count;
	int fds[EDGES_MAX]; /* one for each edge; of POP3 one alone */
};

enum role_name service_role(enum service service); /* who accepts: the edges, or pop */

/* Opens what `settings` ask for and `have` does not hold, into `fresh`; marks those of `have` that
 * are asked for still. False with words in `why`: nothing was opened. */
bool listeners_open(struct list *fresh, struct list *have, const struct settings *settings,
	unsigned edges, struct text *why);
/* Moves `fresh` into `have`. */
void listeners_keep(struct list *have, struct list *fresh);
void listener_close(struct listener *listener);
void listeners_close(struct list *listeners);

#endif
