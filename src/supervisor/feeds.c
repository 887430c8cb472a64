/* SPDX-License-Identifier: Apache-2.0 */
/* The Unix sockets where other login servers say who has signed in (`listen grants`): the daemon's
 * user and its group may connect. Made at the start; the role accounts accepts. */
#include <unistd.h>

#include "supervisor/inside.h"

static bool feed_listen(struct supervisor *supervisor, struct slice path, struct text *why)
{
	size_t at = supervisor->feed_count;
	const char *name = arena_string(supervisor->arena, path);

	if (at == FEEDS_MAX) {
		text_format(why, "more than %d `listen grants`", FEEDS_MAX);
		return false;
	}
	int fd = state_listen(&supervisor->state, name, false, &supervisor->owner, why);
	if (fd < 0)
		return false;
	supervisor->feed_sockets[at] = fd;
	supervisor->feed_paths[at] = slice_of(name);
	supervisor->feed_count++;
	return true;
}

bool feeds_listen(struct supervisor *supervisor, struct text *why)
{
	const struct settings *settings = policy_settings(supervisor->configuration->policy);

	for (size_t i = 0; i < settings->listen_count; i++)
		if (settings->listens[i].service == SERVICE_GRANTS &&
			!feed_listen(supervisor, settings->listens[i].path, why))
			return false;
	return true;
}

void feeds_grant(struct member *accounts)
{
	const struct supervisor *supervisor = accounts->supervisor;

	for (size_t i = 0; i < supervisor->feed_count; i++)
		member_grant(accounts, SETUP_GRANT,
			&(struct setup_grant){.what = GRANT_FEED,
				.service = slice_of(service_text(SERVICE_GRANTS)),
				.address = slice_part(
					supervisor->feed_paths[i], 0, CHANNEL_BODY_MAX - 32)},
			supervisor->feed_sockets[i]);
}

void feeds_close(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->feed_count; i++) {
		close(supervisor->feed_sockets[i]);
		unlink(supervisor->feed_paths[i].at);
	}
	supervisor->feed_count = 0;
}
