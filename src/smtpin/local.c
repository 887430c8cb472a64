/* SPDX-License-Identifier: Apache-2.0 */
/* Whose program it is. The contract is in local.h. */
#include "smtpin/local.h"

#include <pwd.h>

struct looking_up {
	unsigned uid;
	struct text *name;
};

static void look_up(void *arg)
{
	enum { ENTRY_MOST = 4096 };
	const struct looking_up *looking_up = arg;
	char buffer[ENTRY_MOST];
	struct passwd entry, *found = NULL;

	if (getpwuid_r(looking_up->uid, &entry, buffer, sizeof buffer, &found) == 0 && found)
		text_put(looking_up->name, slice_of(entry.pw_name));
}

bool local_user_find(
	struct task *task, struct offload *pool, const struct io *client, struct text *name)
{
	struct looking_up looking_up = {.name = name};

	if (!io_peer_user(client, &looking_up.uid))
		return false;
	offload_run(task, pool, look_up, &looking_up);
	if (name->len == 0 || name->cut) {
		text_clear(name);
		name->cut = false;
		text_format(name, "#%u", looking_up.uid);
	}
	return true;
}
