/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A role's listening sockets, as the supervisor grants and revokes them, each with a task that
 * accepts and welcomes.
 *
 *	listening_init(&listening, loop, &user);
 *	listening_add(&listening, grant, fd);      a grant
 *	listening_begin(&listening);               GO
 *	listening_remove(&listening, grant);       a revoke: its sessions go on
 *	listening_end(&listening);                 STOP; over when listening_is_over()
 */
#ifndef ROLE_LISTENING_H
#define ROLE_LISTENING_H

#include "base/address.h"
#include "packets/setup.h"
#include "run/io.h"

/* Where a client came in. */
struct arrival_place {
	struct slice service; /* "smtp", for ever: sessions outlive their listener */
	bool is_local;        /* a Unix socket */
	struct address at;    /* else */
};

struct listening_user {
	/* The same name, in memory that outlives every session. */
	struct slice (*service)(struct slice name);
	/* Owns `client`. */
	void (*welcome)(struct task *task, void *owner, const struct arrival_place *place,
		struct io *client, const struct address *from);
	/* False: who comes there waits to be accepted. NULL: there always is room. */
	bool (*has_room)(void *owner, const struct arrival_place *place);
	void *owner;
};

struct listening {
	struct loop *loop;
	struct listening_user user;
	struct list all;
	bool at_work;
};

void listening_init(
	struct listening *listening, struct loop *loop, const struct listening_user *user);
void listening_add(struct listening *listening, const struct setup_grant *grant, int fd);
void listening_remove(struct listening *listening, const struct setup_grant *grant);
void listening_begin(struct listening *listening);
void listening_end(struct listening *listening);
bool listening_is_over(const struct listening *listening);

#endif
