/* SPDX-License-Identifier: Apache-2.0 */
/* The state folder: made, locked, and opened for those roles that may use parts of it. */
#ifndef SUPERVISOR_STATE_H
#define SUPERVISOR_STATE_H

#include "supervisor/owner.h"
#include "supervisor/supervisor.h"

struct state {
	char path[4096];                              /* absolute */
	int folder, spool, journal, policy, accounts; /* O_DIRECTORY; -1 until open */
	int secret;                                   /* of return paths; -1 until open */
	int self_key, self_certificate;               /* key_files.h; -1: none */
	char self_key_name[65];
	int lock;
};

/* Anything but EXIT_ENDED comes with words in `why`. */
enum exit_status state_open(
	struct state *state, struct slice path, const struct owner *owner, struct text *why);
void state_close(struct state *state);
/* The bundle under its hash in STATE/policy/, so that old decisions can be shown. */
bool state_keep_bundle(const struct state *state, const struct bundle *bundle,
	const struct owner *owner, struct text *why);
/* A listening Unix socket, 0660 or, for all users, 0666. `name` is inside STATE when it has no
 * slash. -1 and `why`. */
int state_listen(const struct state *state, const char *name, bool for_all,
	const struct owner *owner, struct text *why);

#endif
