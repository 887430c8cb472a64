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
#include "run/channel.h"

struct role {
	struct loop *loop;
	const struct role_kind *kind;
	unsigned slot;    /* which edge; 0 for the others */
	unsigned id_slot; /* for struct id_source: unique among the processes of this start */
	void *state;      /* the kind's own, from start() */
	struct channel *supervisor;
};

struct role_kind {
	enum role_name name;
	void *(*start)(struct role *role);
	/* Parses the bundle and keeps the result aside. False with words for the administrator in
	 * `why`: nothing changes. `bundle` (its bytes, see policy/bundle.h) lives until replaced.
	 */
	bool (*prepare)(void *state, struct slice bundle, struct text *why);
	void (*switch_over)(
		void *state); /* what was prepared holds for every transaction from now on */
	/* A neighbour's channel end. The role opens it with its own channel_user. */
	void (*peer)(void *state, enum role_name name, unsigned slot, int fd);
	/* A descriptor of a kind that the role needs and may not open itself (listening socket,
	 * state folder, control socket); `what` says which. */
	void (*grant)(void *state, const struct setup_grant *what, int fd);
	void (*go)(
		void *state); /* everything of the start has come: role_is_ready() when at work */
	void (*stop)(void *state); /* orderly end: role_has_ended() when done, within the grace */
};

/* In its own process, over the descriptor the supervisor left in fd 3. Gives back the exit status.
 */
int role_main(const struct role_kind *kind, unsigned slot);
/* In one process: attaches the role to `loop` and to its end of the supervisor's channel. */
struct role *role_attach(struct loop *loop, const struct role_kind *kind, unsigned slot, int fd);

void role_is_ready(struct role *role);
void role_has_ended(struct role *role);
/* One line of the one log schema; to standard error, in the form the supervisor chose. */
enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };
void role_log(struct role *role, enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
