/* SPDX-License-Identifier: Apache-2.0 */
/* The control role's life. Read control.h and role/role.h first.
 * May touch: STATE/journal and STATE/policy through the folders it is handed, the control socket,
 * its channels. Opens nothing by path. */
#include "control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "control/state.h"
#include "role/json_secret.h"
#include "role/shortage.h"

/* ---- the journal ---- */

static void journal_line(struct control *control, struct slice line)
{
	control->lines++;
	if (control->journal)
		journal_files_add(control->journal, line, loop_wall(control->role->loop));
	control_tell_followers(control, line);
}

static void journal_dropped(struct control *control, struct slice body)
{
	uint64_t count;

	if (!report_count_read(body, &count))
		return;
	control->dropped += count;
	if (control->journal)
		journal_files_count_dropped(control->journal, count);
}

/* It is acknowledged when its line is durable (keep.c). */
static void delivery_event(struct neighbour *from, struct slice body)
{
	struct report_event event;

	if (!report_event_read(body, &event))
		return;
	journal_line(from->control, event.line);
	from->heard = event.sequence;
}

/* ---- neighbours ---- */

/* Lines come in thousands a second and nobody waits for one, unless a command is at work. Short
 * enough for what a channel holds. */
static const mono_ns rest_between_lines = 4 * NS_PER_MS;

static void neighbour_receive(
	void *owner, struct channel *channel, uint16_t type, struct slice body, int fd)
{
	struct neighbour *from = owner;

	(void)channel;
	if (fd >= 0)
		close(fd);
	if (from->control->role->alone && list_is_empty(&from->control->sessions))
		loop_rest(from->control->role->loop, rest_between_lines);
	if (type == REPORT_LINE)
		journal_line(from->control, body);
	else if (type == REPORT_DROPPED)
		journal_dropped(from->control, body);
	else if (type == REPORT_EVENT)
		delivery_event(from, body);
	else if (type == REPORT_ANSWER)
		control_take_answer(from->control, body);
	else if (type == REPORT_SYNC)
		gate_open(&from->control->keep_now);
}

static void neighbour_gone(void *owner, struct channel *channel)
{
	struct neighbour *neighbour = owner;

	control_lose_neighbour(neighbour->control, neighbour);
	channel_close(channel);
	list_remove(&neighbour->link);
	free(neighbour);
}

struct neighbour *control_neighbour(struct control *control, enum role_name name)
{
	LIST_EACH (struct neighbour, neighbour, &control->neighbours, link)
		if (neighbour->name == name)
			return neighbour;
	return NULL;
}

static struct neighbour *neighbour_add(struct control *control, enum role_name name, unsigned slot)
{
	struct neighbour *neighbour = calloc(1, sizeof *neighbour);

	panic_if(!neighbour, "out of memory");
	*neighbour = (struct neighbour){.control = control, .name = name, .slot = slot};
	list_append(&control->neighbours, &neighbour->link);
	return neighbour;
}

static void control_peer(void *state, enum role_name name, unsigned slot, int fd)
{
	struct control *control = state;
	struct neighbour *neighbour = neighbour_add(control, name, slot);

	neighbour->channel = channel_open(control->role->loop, fd,
		(struct channel_user){neighbour_receive, neighbour_gone, NULL, neighbour});
}

static void control_message(void *state, uint16_t type, struct slice body)
{
	if (type == SETUP_RELOADED)
		control_take_reloaded(state, body);
	else if (type == REPORT_ANSWER)
		control_take_answer(state, body);
}

/* ---- the role's life ---- */

static void *control_start(struct role *role)
{
	struct control *control = calloc(1, sizeof *control);

	panic_if(!control, "out of memory");
	json_secret_begin();
	control->role = role;
	control->journal_folder = -1;
	list_init(&control->neighbours);
	list_init(&control->questions);
	list_init(&control->sessions);
	list_init(&control->followers);
	gate_init(&control->keep_now);
	control->pool = offload_open(role->loop, 1);
	control->syncs = offload_open(role->loop, 1);
	if (!control->pool || !control->syncs)
		role_is_short(role, "threads for the journal", errno);
	neighbour_add(control, ROLE_SUPERVISOR, 0);
	return control;
}

static bool control_prepare(void *state, struct slice bytes, struct text *why)
{
	struct control *control = state;
	struct policy *policy = policy_of_bundle(bytes, why);

	if (!policy)
		return false;
	policy_unref(control->prepared);
	control->prepared = policy;
	return true;
}

static void control_switch(void *state)
{
	struct control *control = state;

	policy_unref(control->policy);
	control->policy = control->prepared;
	control->prepared = NULL;
	if (control->journal)
		journal_files_set_keep(
			control->journal, policy_settings(control->policy)->journal_keep);
}

/* STATE/control.sock, and what `listen control` adds. */
static void socket_add(struct control *control, int fd)
{
	panic_if(control->socket_count == CONTROL_SOCKETS_MAX, "too many control sockets");
	control->sockets[control->socket_count++] =
		(struct control_socket){control, io_open(control->role->loop, fd)};
}

static void control_grant(void *state, const struct setup_grant *grant, int fd)
{
	struct control *control = state;

	switch ((enum grant_what)grant->what) {
	case GRANT_JOURNAL_FOLDER:
		control->journal_folder = fd;
		control->journal =
			journal_files_open(fd, policy_settings(control->policy)->journal_keep);
		return;
	case GRANT_CONTROL_SOCKET: socket_add(control, fd); return;
	case GRANT_LISTENER:
	case GRANT_SPOOL_FOLDER:
	case GRANT_POLICY_FOLDER:
	case GRANT_STATE_FOLDER:
	case GRANT_ACCOUNTS_FOLDER:
	case GRANT_SECRET:
	case GRANT_CENSUS:
	case GRANT_KEY:
	case GRANT_CERTIFICATE:
	case GRANT_PASSWORD:
	case GRANT_FEED:
	case GRANT_KINDS: break;
	}
	close(fd); /* of no use here yet */
}

static void control_go(void *state)
{
	struct control *control = state;

	control->keeping =
		task_start(control->role->loop, "journal", control_keep_journal, control);
	panic_if(!control->keeping, "no memory for the journal's task");
	for (size_t i = 0; i < control->socket_count; i++)
		if (!task_start(control->role->loop, "control socket", control_accept,
			    &control->sockets[i]))
			role_log(control->role, LEVEL_ERROR, "control",
				"no memory for a control socket");
	role_is_ready(control->role);
}

static void control_stop(void *state)
{
	struct control *control = state;

	control->stopping = true;
	control_keep_last(control);
	journal_files_close(control->journal, loop_wall(control->role->loop));
	control->journal = NULL;
	role_has_ended(control->role);
}

const struct role_kind control_role = {
	.name = ROLE_CONTROL,
	.start = control_start,
	.prepare = control_prepare,
	.switch_over = control_switch,
	.peer = control_peer,
	.grant = control_grant,
	.message = control_message,
	.go = control_go,
	.stop = control_stop,
};
