/* SPDX-License-Identifier: Apache-2.0 */
/* The role's listening sockets, each with a task that accepts. Read process.h first. */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "pop3/process.h"

static const mono_ns accept_again_ns = 100 * NS_PER_MS; /* after a failure: no descriptors left */

struct listener {
	struct list link;
	struct pop_process *process;
	struct io *io;
	struct task *task; /* NULL until it has run first */
	bool started, ending;
	bool implicit_tls;
	size_t address_len;
	char address[];
};

static bool is_implicit(struct slice service)
{
	bool implicit = slice_is(service, slice_of(service_text(SERVICE_POP3S)));

	panic_if(!implicit && !slice_is(service, slice_of(service_text(SERVICE_POP3))),
		"pop was granted a listener for %.*s", SLICE_ARGS(service));
	return implicit;
}

static void listener_close(struct listener *listener)
{
	io_close(listener->io);
	list_remove(&listener->link);
	free(listener);
}

static void accept_run(struct task *task, void *arg)
{
	struct listener *listener = arg;
	struct io *client;
	struct address from;
	enum io_end end;

	listener->task = task;
	while (!listener->ending &&
		(end = io_accept(task, listener->io, &client, &from)) != IO_CANCELLED) {
		if (end == IO_DONE)
			pop_welcome(task, &listener->process->pop, client, &from,
				listener->implicit_tls);
		else if (task_sleep(task, accept_again_ns) == WAIT_CANCELLED)
			break;
	}
	listener_close(listener);
}

static void listener_start(struct listener *listener)
{
	listener->started = true;
	panic_if(!task_start(listener->process->role->loop, "accept", accept_run, listener),
		"no memory for a listener");
}

void pop_listener_add(struct pop_process *process, const struct setup_grant *grant, int fd)
{
	struct listener *listener = calloc(1, sizeof *listener + grant->address.len);

	panic_if(!listener, "no memory for a listener");
	listener->process = process;
	listener->io = io_open(process->role->loop, fd);
	listener->implicit_tls = is_implicit(grant->service);
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

/* Sessions that came through it go on. */
void pop_listener_end(struct pop_process *process, const struct setup_grant *grant)
{
	LIST_EACH (struct listener, listener, &process->listeners, link) {
		struct slice address = {listener->address, listener->address_len};
		if (listener->implicit_tls == is_implicit(grant->service) &&
			slice_is(address, grant->address))
			stop_listening(listener);
	}
}

void pop_listeners_start(struct pop_process *process)
{
	LIST_EACH (struct listener, listener, &process->listeners, link)
		listener_start(listener);
}

void pop_listeners_end(struct pop_process *process)
{
	LIST_EACH (struct listener, listener, &process->listeners, link)
		stop_listening(listener);
}
