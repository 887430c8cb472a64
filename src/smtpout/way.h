/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways over a network: from what the policy says of one to a greeted connection. Mail leaves by
 * them, and mailboxes are asked about over them: the same hosts, the same TLS, the same login.
 *
 *	struct way way = way_of_job(&job->order, arena);                or way_of_route()
 *	if (way_find(task, &way, &means, arena, &hosts) == WAIT_READY)
 *		client = way_connect(task, &way, &means, &hosts, arena, &failure);
 */
#ifndef SMTPOUT_WAY_H
#define SMTPOUT_WAY_H

#include "smtpout/client.h"

struct way {
	enum route_kind kind; /* all but ROUTE_MAILDIR */
	enum route_tls tls;
	uint16_t port;
	bool private_too;
	struct slice target, login, password_file; /* as packets/delivery.h says */
};
/* Both copy into `arena`. */
struct way way_of_job(const struct delivery_job *order, struct arena *arena);
struct way way_of_route(const struct route *route, struct arena *arena);
/* False: this version cannot go it, and why. Such a way is never gone by other means. */
bool way_is_built(enum route_tls tls, struct slice *why);

/* What this process has for all ways. A reload may change it while a connection is being made,
 * which goes on with what it began with. */
struct means {
	struct dns *dns;
	struct slice our_name;
	struct trust *trust; /* NULL: no TLS can be had */
	const struct passwords *passwords;
	struct offload *threads;
	uint64_t seed; /* chooses among hosts of equal preference, otherwise each time */
};

/* The addresses to try, which refer to `way` and `arena`. Not WAIT_READY: the task was ended. */
enum wait way_find(struct task *task, const struct way *way, struct means *means,
	struct arena *arena, struct hosts *hosts) MUST_USE;
/* Each of them in turn. Where the task has a deadline they share the time, so that one that is
 * silent leaves some for the next. NULL: *failure is the one that tells most, in `arena`. */
struct client *way_connect(struct task *task, const struct way *way, const struct means *means,
	const struct hosts *hosts, struct arena *arena, struct settlement *failure);

#endif
