/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated back end. The contract is in sim.h. Sockets are two buffers that point at each
 * other; real descriptors (channels between roles in one process) are looked at with poll() and
 * never waited for, since only this process could make them ready. */
#include "run/sim.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "run/inside.h"

enum { ROOM = 64 * 1024 }; /* what one direction of a connection holds */

struct fake {
	struct io io;
	struct fake *peer; /* NULL: the other side has closed */
	size_t chunk;
	char *bytes; /* ROOM bytes on their way to this side, once there was one */
	size_t start, end;
	struct list pending; /* in its listener, until accepted */
	struct address from;
};

struct listener {
	struct io io;
	struct list link; /* in sim->listeners */
	struct list pending;
	struct address address;
};

struct refusal {
	struct list link;
	struct address address;
	int error;
};

struct sim {
	struct list listeners, refusals, watches;
	uint16_t next_port;
};

/* --- connections --- */

static struct fake *fake_of(struct io *io)
{
	return LIST_OBJECT(struct fake, io, io);
}

static ssize_t fake_peek(struct io *io)
{
	struct fake *fake = fake_of(io);

	if (fake->end > fake->start)
		return 1;
	errno = EAGAIN;
	return fake->peer ? -1 : 0;
}

static ssize_t fake_read(struct io *io, char *buffer, size_t size)
{
	struct fake *fake = fake_of(io);
	size_t n = fake->end - fake->start;

	if (n == 0)
		return fake_peek(io);
	if (n > size)
		n = size;
	if (fake->chunk != 0 && n > fake->chunk)
		n = fake->chunk;
	memcpy(buffer, fake->bytes + fake->start, n);
	fake->start += n;
	if (fake->start == fake->end)
		fake->start = fake->end = 0;
	if (fake->peer && !fake->peer->io.watch.writable) {
		fake->peer->io.watch.writable = true;
		io_wake(&fake->peer->io);
	}
	return (ssize_t)n;
}

static size_t fake_take(struct fake *fake, const char *bytes, size_t size)
{
	if (!fake->bytes)
		fake->bytes = malloc(ROOM);
	panic_if(!fake->bytes, "no memory for a fake socket");
	memmove(fake->bytes, fake->bytes + fake->start, fake->end - fake->start);
	fake->end -= fake->start;
	fake->start = 0;
	if (size > ROOM - fake->end)
		size = ROOM - fake->end;
	memcpy(fake->bytes + fake->end, bytes, size);
	fake->end += size;
	return size;
}

static ssize_t fake_write(struct io *io, const struct iovec *parts, int count)
{
	struct fake *peer = fake_of(io)->peer;
	size_t written = 0;

	if (!peer) {
		errno = EPIPE;
		return -1;
	}
	for (int i = 0; i < count; i++)
		written += fake_take(peer, parts[i].iov_base, parts[i].iov_len);
	if (written == 0) {
		errno = EAGAIN;
		return -1;
	}
	peer->io.watch.readable = true;
	io_wake(&peer->io);
	return (ssize_t)written;
}

static struct io *fake_accept(struct io *io, struct address *from)
{
	(void)io, (void)from;
	errno = EINVAL;
	return NULL;
}

static void fake_close(struct io *io)
{
	struct fake *fake = fake_of(io);

	if (fake->peer) {
		fake->peer->peer = NULL;
		fake->peer->io.watch.readable = fake->peer->io.watch.writable = true;
		io_wake(&fake->peer->io);
	}
	free(fake->bytes);
}

static const struct io_kind fake_kind = {.read = fake_read,
	.write = fake_write,
	.peek = fake_peek,
	.accept = fake_accept,
	.close = fake_close};

static struct fake *fake_new(struct loop *loop)
{
	struct fake *fake = calloc(1, sizeof *fake);

	panic_if(!fake, "no memory for a fake socket");
	io_init(&fake->io, loop, -1, &fake_kind);
	fake->io.watch.reading = fake->io.watch.writing = true; /* nothing to register */
	return fake;
}

void sim_pair(struct loop *loop, struct io **a, struct io **b)
{
	struct fake *one = fake_new(loop), *other = fake_new(loop);

	one->peer = other;
	other->peer = one;
	*a = &one->io;
	*b = &other->io;
}

void sim_set_chunk(struct io *io, size_t chunk)
{
	panic_if(io->kind != &fake_kind, "not a fake socket");
	fake_of(io)->chunk = chunk;
}

/* --- listeners --- */

static ssize_t listener_read(struct io *io, char *buffer, size_t size)
{
	(void)io, (void)buffer, (void)size;
	errno = ENOTCONN;
	return -1;
}

static ssize_t listener_write(struct io *io, const struct iovec *parts, int count)
{
	(void)io, (void)parts, (void)count;
	errno = ENOTCONN;
	return -1;
}

static ssize_t listener_peek(struct io *io)
{
	(void)io;
	errno = EAGAIN;
	return -1;
}

static struct io *listener_accept(struct io *io, struct address *from)
{
	struct listener *listener = LIST_OBJECT(struct listener, io, io);
	struct list *link = list_take(&listener->pending);

	if (!link) {
		errno = EAGAIN;
		return NULL;
	}
	struct fake *fake = LIST_OBJECT(struct fake, link, pending);
	if (from)
		*from = fake->from;
	return &fake->io;
}

static void listener_close(struct io *io)
{
	struct listener *listener = LIST_OBJECT(struct listener, io, io);

	for (struct list *link; (link = list_take(&listener->pending));)
		io_close(&LIST_OBJECT(struct fake, link, pending)->io);
	list_remove(&listener->link);
}

static const struct io_kind listener_kind = {.read = listener_read,
	.write = listener_write,
	.peek = listener_peek,
	.accept = listener_accept,
	.close = listener_close};

static bool is_at(const struct address *a, const struct address *b)
{
	return address_is(a, b) && a->port == b->port;
}

static struct listener *listener_find(struct sim *sim, const struct address *address)
{
	LIST_EACH (struct listener, listener, &sim->listeners, link)
		if (is_at(&listener->address, address))
			return listener;
	return NULL;
}

struct io *sim_listen(struct loop *loop, const struct address *address)
{
	struct listener *listener = calloc(1, sizeof *listener);

	panic_if(!listener, "no memory for a fake listener");
	panic_if(listener_find(loop->sim, address), "two fake listeners at one address");
	io_init(&listener->io, loop, -1, &listener_kind);
	listener->io.watch.reading = listener->io.watch.writing = true;
	listener->address = *address;
	list_init(&listener->pending);
	list_append(&loop->sim->listeners, &listener->link);
	return &listener->io;
}

/* --- connecting --- */

static struct refusal *refusal_find(struct sim *sim, const struct address *address)
{
	LIST_EACH (struct refusal, refusal, &sim->refusals, link)
		if (is_at(&refusal->address, address))
			return refusal;
	return NULL;
}

void sim_refuse(struct loop *loop, const struct address *address, int error)
{
	struct refusal *refusal = refusal_find(loop->sim, address);

	if (!refusal) {
		refusal = calloc(1, sizeof *refusal);
		panic_if(!refusal, "no memory for a refusal");
		refusal->address = *address;
		list_append(&loop->sim->refusals, &refusal->link);
	}
	refusal->error = error;
}

static enum io_end connect_nobody(struct task *task, const struct refusal *refusal)
{
	if (refusal && refusal->error == 0)
		return io_end_of(task_park(task, "connect"));
	errno = refusal ? refusal->error : ECONNREFUSED;
	return IO_FAILED;
}

static enum io_end sim_connect(struct task *task, const struct address *to, struct io **server)
{
	struct loop *loop = task_loop(task);
	enum io_end end = io_end_of(task_yield(task)); /* a real one waits too */

	if (end != IO_DONE)
		return end;
	struct refusal *refusal = refusal_find(loop->sim, to);
	struct listener *listener = listener_find(loop->sim, to);
	if (refusal || !listener)
		return connect_nobody(task, refusal);
	struct io *ours, *theirs;
	sim_pair(loop, &ours, &theirs);
	struct fake *fake = fake_of(theirs);
	(void)address_parse(SLICE("127.0.0.1"), &fake->from);
	fake->from.port = ++loop->sim->next_port;
	list_append(&listener->pending, &fake->pending);
	listener->io.watch.readable = true;
	io_wake(&listener->io);
	*server = ours;
	return IO_DONE;
}

/* --- real descriptors --- */

static void sim_begin(struct watch *watch)
{
	if (!list_is_linked(&watch->link))
		list_append(&watch->loop->sim->watches, &watch->link);
}

static void sim_end(struct watch *watch)
{
	if (list_is_linked(&watch->link))
		list_remove(&watch->link);
}

static short wanted(const struct watch *watch)
{
	return (short)((watch->reading && !watch->readable ? POLLIN : 0) |
		       (watch->writing && !watch->writable ? POLLOUT : 0));
}

static void look_at(struct watch *watch)
{
	struct pollfd one = {.fd = watch->fd, .events = wanted(watch)};

	if (one.events == 0 || watch->ended || poll(&one, 1, 0) <= 0)
		return;
	watch->noticed = true;
	watch->ended = one.revents & (POLLHUP | POLLERR);
	if (watch->ended || (one.revents & POLLIN))
		watch->readable = true;
	if (watch->ended || (one.revents & POLLOUT))
		watch->writable = true;
}

static struct watch *first_noticed(struct sim *sim)
{
	LIST_EACH (struct watch, watch, &sim->watches, link)
		if (watch->noticed)
			return watch;
	return NULL;
}

/* Marks all that are ready, then tells them one by one, since one may end another. */
static bool poll_watches(struct sim *sim)
{
	bool any = false;

	LIST_EACH (struct watch, watch, &sim->watches, link)
		look_at(watch);
	for (struct watch *watch; (watch = first_noticed(sim)); any = true) {
		watch->noticed = false;
		watch->ready(watch);
	}
	return any;
}

/* --- the loop --- */

static bool sim_wait(struct loop *loop, mono_ns until)
{
	if (poll_watches(loop->sim) || until <= loop->mono)
		return true;
	if (until == NEVER)
		return false;
	loop->wall += until - loop->mono;
	loop->mono = until;
	return true;
}

static void sim_close(struct loop *loop)
{
	struct sim *sim = loop->sim;

	panic_if(!list_is_empty(&sim->listeners), "simulated loop closed with listeners open");
	LIST_EACH (struct refusal, refusal, &sim->refusals, link)
		free(refusal);
	free(sim);
}

static const struct host sim_host = {
	.begin_reading = sim_begin,
	.begin_writing = sim_begin,
	.end = sim_end,
	.wait = sim_wait,
	.connect = sim_connect,
	.connect_unix = real_connect_unix,
	.exact = loop_mono,
	.close = sim_close,
	.simulated = true,
};

struct loop *sim_open(wall_ns now)
{
	struct loop *loop = loop_new(&sim_host);
	struct sim *sim = calloc(1, sizeof *sim);

	panic_if(!sim, "no memory for a simulated loop");
	list_init(&sim->listeners);
	list_init(&sim->refusals);
	list_init(&sim->watches);
	loop->sim = sim;
	loop->mono = NS_PER_S;
	loop->wall = now;
	return loop;
}

void sim_advance(struct loop *loop, mono_ns ns)
{
	loop->wall += ns;
}
