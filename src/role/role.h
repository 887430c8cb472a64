/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles: what every process of posternd has in common.
 *
 * posternd is one program started again by role. Each role is a `struct role_kind`: a name and what
 * it does when its configuration, its neighbours and its listeners come. The supervisor sends all
 * of these as packets (packets/setup.h); role_run() receives them and calls the kind. In the debug
 * mode several roles live in one process and loop, so a role keeps no state outside what start()
 * gives.
 *
 * The order of life: start → prepare + switch_over (first bundle) → peer and listener calls in any
 * order → go → … prepare + switch_over at each reload → stop. A peer that died is given again.
 */
#ifndef ROLE_ROLE_H
#define ROLE_ROLE_H

#include "base/text.h"
#include "packets/setup.h"
#include "role/log.h"
#include "role/start.h"
#include "run/channel.h"

struct role {
	struct loop *loop;
	const struct role_kind *kind;
	unsigned slot;    /* which edge; 0 for the others */
	unsigned edges;   /* how many edges this daemon has; at least 1 */
	unsigned id_slot; /* for struct id_source: unique among the processes of this start */
	void *state;      /* the kind's own, from start() */
	struct channel *supervisor;
	bool alone;      /* in its process, so that the loop is its own */
	mono_ns stop_by; /* when the grace ends; set before stop() is called, NEVER until then */
};

struct role_kind {
	enum role_name name;
	void *(*start)(struct role *role);
	/* Parses the bundle and keeps the result aside. False with words for the administrator in
	 * `why`: nothing changes. `bundle` (its bytes, see policy/bundle.h) lives until replaced.
	 */
	bool (*prepare)(void *state, struct slice bundle, struct text *why);
	/* What was prepared holds for every transaction from now on. */
	void (*switch_over)(void *state);
	/* A neighbour's channel end. The role opens it with its own channel_user. */
	void (*peer)(void *state, enum role_name name, unsigned slot, int fd);
	/* A descriptor of a kind that the role needs and may not open itself (listening socket,
	 * state folder, control socket); `what` says which. */
	void (*grant)(void *state, const struct setup_grant *what, int fd);
	/* A listener that was granted is to be closed: `service` and `address` as in its grant.
	 * Only kinds that get listeners need it. */
	void (*revoke)(void *state, const struct setup_grant *what);
	/* Any other message on the supervisor's channel: answers to what the kind asked there. May
	 * be NULL. */
	void (*message)(void *state, uint16_t type, struct slice body);
	/* Everything of the start has come: role_is_ready() when at work. */
	void (*go)(void *state);
	/* Orderly end: role_has_ended() when done, within the grace. */
	void (*stop)(void *state);
};

/* In its own process, over descriptor 3, which the supervisor left there. Gives back the exit
 * status. */
int role_main(const struct role_kind *kind, const struct role_start *start);
/* In one process: attaches the role to `loop` and to its end of the supervisor's channel. NULL and
 * errno where there is no memory or descriptor for it. */
struct role *role_attach(struct loop *loop, const struct role_kind *kind, unsigned slot, int fd);
/* Forgets a role that has ended (or whose supervisor has). Its state is the kind's business. */
void role_detach(struct role *role);

void role_is_ready(struct role *role);
void role_has_ended(struct role *role);
/* It cannot work at all and has said why in the log. 75 (another daemon holds the state) and 78 (a
 * format that is newer than known) end the whole program with that status; after any other the
 * role is started again. */
void role_has_failed(struct role *role, int exit_status);

/* One line of the one log schema (role/log.h); to standard error. */
void role_log(struct role *role, enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with more of the schema's fields; time and role are filled in here. */
void role_log_line(struct role *role, const struct log_line *line);

#endif
