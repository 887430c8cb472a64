/* SPDX-License-Identifier: Apache-2.0 */
/* The edge's listening sockets, each with a task that accepts. Read edge_process.h first. */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "smtpin/edge_process.h"
#include "smtpin/local.h"

enum { LOCAL_MOST = 200 }; /* sessions of programs of this host; more wait to be accepted */
static const mono_ns accept_again_ns = 100 * NS_PER_MS; /* after a failure: no descriptors left */

struct listener {
	struct list link;
	struct edge_process *process;
	struct io *io;
	struct task *task; /* NULL until it has run first */
	bool started, ending;
	struct slice service; /* for ever: sessions outlive their listener */
	bool is_local;        /* a Unix socket */
	struct address at;    /* else */
	size_t address_len;
	char address[];
};

static struct slice service_for_ever(struct slice name)
{
	for (int i = 0; i < SERVICES; i++)
		if (slice_is(name, slice_of(service_text((enum service)i))))
			return slice_of(service_text((enum service)i));
	panic("a listener for %.*s", SLICE_ARGS(name));
}

static void listener_close(struct listener *listener)
{
	io_close(listener->io);
	list_remove(&listener->link);
	free(listener);
}

static void welcome_local(struct task *task, struct listener *listener, struct io *client)
{
	char name[LOCAL_USER_MAX];
	struct text user = TEXT_FIXED(name);

	if (local_user_find(task, listener->process->pool, client, &user))
		edge_welcome_local(task, &listener->process->edge, client, text_slice(&user));
	else
		io_close(client);
}

static void welcome(
	struct task *task, struct listener *listener, struct io *client, const struct address *from)
{
	if (listener->is_local)
		welcome_local(task, listener, client);
	else
		edge_welcome_at(task, &listener->process->edge, client, from, listener->service,
			&listener->at);
}

/* One host's programs shall not take all that the edge has. */
static enum wait wait_for_room(struct task *task, const struct listener *listener)
{
	enum wait end = WAIT_READY;

	while (listener->is_local && !listener->ending && end != WAIT_CANCELLED &&
		listener->process->edge.local_count >= LOCAL_MOST)
		end = task_sleep(task, accept_again_ns);
	return end;
}

static void accept_run(struct task *task, void *arg)
{
	struct listener *listener = arg;
	struct io *client;
	struct address from;
	enum io_end end;

	listener->task = task;
	while (!listener->ending && wait_for_room(task, listener) != WAIT_CANCELLED &&
		(end = io_accept(task, listener->io, &client, &from)) != IO_CANCELLED) {
		if (end == IO_DONE)
			welcome(task, listener, client, &from);
		else if (task_sleep(task, accept_again_ns) == WAIT_CANCELLED)
			break;
	}
	listener_close(listener);
}

static void listener_start(struct listener *listener)
{
	struct loop *loop = listener->process->edge.loop;

	listener->started = true;
	panic_if(!task_start(loop, "accept", accept_run, listener), "no memory for a listener");
}

void listener_add(struct edge_process *process, const struct setup_grant *grant, int fd)
{
	struct listener *listener = calloc(1, sizeof *listener + grant->address.len);

	panic_if(!listener, "no memory for a listener");
	listener->process = process;
	listener->io = io_open(process->edge.loop, fd);
	listener->service = service_for_ever(grant->service);
	listener->is_local = slice_is(listener->service, slice_of(service_text(SERVICE_LOCAL)));
	panic_if(!listener->is_local && !address_parse_port(grant->address, &listener->at),
		"a listener without its address");
	listener->address_len = grant->address.len;
	memcpy(listener->address, grant->address.at, grant->address.len);
	list_append(&process->listeners, &listener->link);
	if (process->at_work)
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

	return slice_is(listener->service, grant->service) && slice_is(address, grant->address);
}

/* Sessions that came through it go on. */
void listener_end(struct edge_process *process, const struct setup_grant *grant)
{
	LIST_EACH (struct listener, listener, &process->listeners, link)
		if (listener_is(listener, grant))
			stop_listening(listener);
}

void listeners_start(struct edge_process *process)
{
	LIST_EACH (struct listener, listener, &process->listeners, link)
		listener_start(listener);
}

void listeners_end(struct edge_process *process)
{
	LIST_EACH (struct listener, listener, &process->listeners, link)
		stop_listening(listener);
}
