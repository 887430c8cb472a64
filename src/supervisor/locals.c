/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Unix sockets where programs of this host submit mail (postern-sendmail): any user may
 * connect, and the kernel tells the edge who it is. They are made at the start; every edge accepts
 * on each.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/inside.h"

static const char in_state[] = "sendmail.sock";

static bool local_listen(struct supervisor *supervisor, const char *name, struct text *why)
{
	size_t at = supervisor->local_count;

	if (at == LOCALS_MAX) {
		text_format(why, "more than %d `listen local`", LOCALS_MAX);
		return false;
	}
	int fd = state_listen(&supervisor->state, name, true, &supervisor->owner, why);
	if (fd < 0)
		return false;
	supervisor->local_sockets[at] = fd;
	supervisor->local_paths[at] =
		strchr(name, '/')
			? arena_slice(supervisor->arena, slice_of(name))
			: arena_format(supervisor->arena, "%s/%s", supervisor->state.path, name);
	supervisor->local_count++;
	return true;
}

/* Where none is written there is one in the state folder, which root and the daemon's user reach.
 */
bool locals_listen(struct supervisor *supervisor, struct text *why)
{
	const struct settings *settings = policy_settings(supervisor->configuration->policy);
	bool written = false;

	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen_line *line = &settings->listens[i];
		if (line->service != SERVICE_LOCAL)
			continue;
		written = true;
		if (!local_listen(supervisor, arena_string(supervisor->arena, line->path), why))
			return false;
	}
	return written || local_listen(supervisor, in_state, why);
}

void locals_grant(struct member *edge)
{
	const struct supervisor *supervisor = edge->supervisor;

	for (size_t i = 0; i < supervisor->local_count; i++)
		member_grant(edge, SETUP_GRANT,
			&(struct setup_grant){.what = GRANT_LISTENER,
				.service = slice_of(service_text(SERVICE_LOCAL)),
				.address = slice_part(
					supervisor->local_paths[i], 0, CHANNEL_BODY_MAX - 32)},
			supervisor->local_sockets[i]);
}

void locals_close(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->local_count; i++) {
		close(supervisor->local_sockets[i]);
		unlink(arena_string(supervisor->arena, supervisor->local_paths[i]));
	}
	supervisor->local_count = 0;
}
