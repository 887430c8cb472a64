/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of this host, at a Unix socket: the kernel says which user's they are, and nobody else
 * is believed about it. What they speak is SMTP, as everywhere.
 */
#ifndef SMTPIN_LOCAL_H
#define SMTPIN_LOCAL_H

#include "run/io.h"
#include "run/offload.h"
#include "smtpin/session.h"

/* The user's name; "#1234" where the host knows none for that id. False: the other end is gone, or
 * no program of this host. `name` has room for LOCAL_USER_MAX octets; looking it up may block, so
 * it is done on a thread. */
bool local_user_find(struct task *task, struct offload *pool, const struct io *client,
	struct text *name) MUST_USE;

#endif
