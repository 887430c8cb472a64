/* SPDX-License-Identifier: Apache-2.0 */
/* Who comes to the edge's listeners (role/listening.h). Read edge_process.h first. */
#include "policy/door.h"
#include "smtpin/edge_process.h"
#include "smtpin/local.h"

enum { LOCAL_MOST = 200 }; /* sessions of programs of this host; more wait to be accepted */

static void welcome_local(struct task *task, struct edge_process *process, struct io *client)
{
	char name[LOCAL_USER_MAX];
	struct text user = TEXT_FIXED(name);

	if (local_user_find(task, process->pool, client, &user))
		edge_welcome_local(task, &process->edge, client, text_slice(&user));
	else
		io_close(client);
}

static void welcome(struct task *task, void *owner, const struct arrival_place *place,
	struct io *client, const struct address *from)
{
	struct edge_process *process = owner;

	if (place->is_local)
		welcome_local(task, process, client);
	else
		edge_welcome_at(task, &process->edge, client, from, place->service, &place->at);
}

/* One host's programs shall not take all that the edge has. */
static bool has_room(void *owner, const struct arrival_place *place)
{
	const struct edge_process *process = owner;

	return !place->is_local || process->edge.local_count < LOCAL_MOST;
}

void arrivals_init(struct edge_process *process)
{
	listening_init(&process->listening, process->role->loop,
		&(struct listening_user){policy_service, welcome, has_room, process});
}
