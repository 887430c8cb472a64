/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets of a role. The contract is in listening.h. */
#include "role/listening.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

static const mono_ns accept_again_ns = 100 * NS_PER_MS; /* after a failure: no descriptors left */

struct listener {
	struct list link;
	struct listening *listening;
	struct io *io;
	struct task *task; /* NULL until it has run first */
	bool started, ending;
	struct arrival_place place;
	size_t address_len;
	char address[];
};

void listening_init(
	struct listening *listening, struct loop *loop, const struct listening_user *user)
{
	*listening = (struct listening){.loop = loop, .user = *user};
	list_init(&listening->all);
}

static void listener_close(struct listener *listener)
{
	io_close(listener->io);
	list_remove(&listener->link);
	free(listener);
}

static enum wait wait_for_room(struct task *task, const struct listener *listener)
{
	const struct listening_user *user = &listener->listening->user;
	enum wait end = WAIT_READY;

	while (user->has_room && !listener->ending && end != WAIT_CANCELLED &&
		!user->has_room(user->owner, &listener->place))
		end = task_sleep(task, accept_again_ns);
	return end;
}

static void accept_run(struct task *task, void *arg)
{
	struct listener *listener = arg;
	const struct listening_user *user = &listener->listening->user;
	struct io *client;
	struct address from;
	enum io_end end;

	listener->task = task;
	while (!listener->ending && wait_for_room(task, listener) != WAIT_CANCELLED &&
		(end = io_accept(task, listener->io, &client, &from)) != IO_CANCELLED) {
		if (end == IO_DONE)
			user->welcome(task, user->owner, &listener->place, client, &from);
		else if (task_sleep(task, accept_again_ns) == WAIT_CANCELLED)
			break;
	}
	listener_close(listener);
}

static void listener_start(struct listener *listener)
{
	listener->started = true;
	panic_if(!task_start(listener->listening->loop, "accept", accept_run, listener),
		"no memory for a listener");
}

void listening_add(struct listening *listening, const struct setup_grant *grant, int fd)
{
	struct listener *listener = calloc(1, sizeof *listener + grant->address.len);

	panic_if(!listener, "no memory for a listener");
	listener->listening = listening;
	listener->io = io_open(listening->loop, fd);
	listener->place.service = listening->user.service(grant->service);
	listener->place.is_local = !address_parse_port(grant->address, &listener->place.at);
	panic_if(listener->place.is_local && !slice_starts(grant->address, SLICE("/")),
		"a listener without its address");
	listener->address_len = grant->address.len;
	memcpy(listener->address, grant->address.at, grant->address.len);
	list_append(&listening->all, &listener->link);
	if (listening->at_work)
		listener_start(listener);
}

static void stop_listening(struct listener *listener)
{
	listener->ending = true;
	if (listener->task)
		task_cancel(listener->task);
	else if (!listener->started)
		listener_close(listener);
}

static bool listener_is(const struct listener *listener, const struct setup_grant *grant)
{
	struct slice address = {listener->address, listener->address_len};

	return slice_is(listener->place.service, grant->service) &&
	       slice_is(address, grant->address);
}

void listening_remove(struct listening *listening, const struct setup_grant *grant)
{
	LIST_EACH (struct listener, listener, &listening->all, link)
		if (listener_is(listener, grant))
			stop_listening(listener);
}

void listening_begin(struct listening *listening)
{
	listening->at_work = true;
	LIST_EACH (struct listener, listener, &listening->all, link)
		listener_start(listener);
}

void listening_end(struct listening *listening)
{
	LIST_EACH (struct listener, listener, &listening->all, link)
		stop_listening(listener);
}

bool listening_is_over(const struct listening *listening)
{
	return list_is_empty(&listening->all);
}
