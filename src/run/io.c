/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing by tasks. The contract is in io.h; sockets are made in socket.c, fake ones in
 * sim.c. */
#include "run/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "run/inside.h"

enum { PARTS_MAX = 64 };

/* --- what is done to a socket --- */

static ssize_t socket_read(struct io *io, char *buffer, size_t size)
{
	return recv(io->watch.fd, buffer, size, MSG_DONTWAIT);
}

static ssize_t socket_write(struct io *io, const struct iovec *parts, int count)
{
	int how = MSG_DONTWAIT | MSG_NOSIGNAL | (io->close_follows ? MSG_MORE : 0);

	if (count == 1)
		return send(io->watch.fd, parts->iov_base, parts->iov_len, how);
	struct iovec copy[PARTS_MAX];
	for (int i = 0; i < count; i++)
		copy[i] = parts[i];
	struct msghdr message = {.msg_iov = copy, .msg_iovlen = (size_t)count};
	return sendmsg(io->watch.fd, &message, how);
}

static ssize_t socket_peek(struct io *io)
{
	char c;

	return recv(io->watch.fd, &c, 1, MSG_DONTWAIT | MSG_PEEK);
}

static struct io *socket_accept(struct io *io, struct address *from)
{
	struct sockaddr_storage raw;
	socklen_t size = sizeof raw;
	int fd =
		accept4(io->watch.fd, (struct sockaddr *)&raw, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (from && !address_from_sockaddr(&raw, from))
		*from = (struct address){0}; /* a Unix socket's peer has none */
	if (io->watch.loop->fd_most && fd >= io->watch.loop->fd_most)
		io->watch.loop->crowded = true;
	struct io *client = io_wrap(io->watch.loop, fd);
	client->watch.alone = true;
	return client;
}

static void descriptor_close(struct io *io)
{
	close(io->watch.fd);
}

/* --- and to a pipe --- */

static ssize_t pipe_read(struct io *io, char *buffer, size_t size)
{
	return read(io->watch.fd, buffer, size);
}

static ssize_t pipe_write(struct io *io, const struct iovec *parts, int count)
{
	return writev(io->watch.fd, parts, count);
}

static ssize_t pipe_peek(struct io *io)
{
	(void)io;
	errno = EAGAIN;
	return -1;
}

static struct io *pipe_accept(struct io *io, struct address *from)
{
	(void)io, (void)from;
	errno = ENOTSOCK;
	return NULL;
}

static const struct io_kind socket_kind = {.drains = true,
	.read = socket_read,
	.write = socket_write,
	.peek = socket_peek,
	.accept = socket_accept,
	.close = descriptor_close};
static const struct io_kind pipe_kind = {.read = pipe_read,
	.write = pipe_write,
	.peek = pipe_peek,
	.accept = pipe_accept,
	.close = descriptor_close};

/* --- opening --- */

void io_wake(struct io *io)
{
	if (io->reader && io->watch.readable)
		task_wake(io->reader);
	if (io->writer && io->watch.writable)
		task_wake(io->writer);
}

static void watch_ready(struct watch *watch)
{
	io_wake(LIST_OBJECT(struct io, watch, watch));
}

void io_init(struct io *io, struct loop *loop, int fd, const struct io_kind *kind)
{
	*io = (struct io){.kind = kind};
	watch_init(&io->watch, loop, fd, watch_ready);
}

struct io *io_wrap(struct loop *loop, int fd)
{
	struct io *io = malloc(sizeof *io);

	panic_if(!io, "no memory for a socket");
	io_init(io, loop, fd, &socket_kind);
	return io;
}

struct io *io_open(struct loop *loop, int fd)
{
	int type;
	socklen_t size = sizeof type;
	int flags = fcntl(fd, F_GETFL);

	panic_if(flags < 0, "descriptor %d is not open", fd);
	if (!(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	struct io *io = io_wrap(loop, fd);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0)
		io->kind = &pipe_kind;
	return io;
}

void io_close(struct io *io)
{
	if (!io)
		return;
	panic_if(io->reader || io->writer, "socket closed while a task waits in it");
	watch_end(&io->watch);
	io->kind->close(io);
	free(io);
}

void io_close_follows(struct io *io)
{
	io->close_follows = true;
}

/* --- waiting --- */

enum io_end io_end_of(enum wait wait)
{
	switch (wait) {
	case WAIT_READY: return IO_DONE;
	case WAIT_DEADLINE: return IO_DEADLINE;
	case WAIT_CANCELLED: return IO_CANCELLED;
	}
	panic("no such wait %d", (int)wait);
}

static enum wait wait_in(struct task *task, struct io *io, struct task **place, const char *why)
{
	struct loop *loop = io->watch.loop;

	panic_if(*place, "two tasks wait for one direction of a socket");
	*place = task;
	loop->wakers++;
	task_waits_for(task, &io->watch);
	enum wait end = task_park(task, why);
	task_waits_for(task, NULL);
	loop->wakers--;
	*place = NULL;
	return end;
}

void io_drained(struct io *io)
{
	io->watch.readable = false;
}

enum io_end io_wait_readable(struct task *task, struct io *io)
{
	while (!io->watch.readable) {
		watch_reading(&io->watch);
		enum wait end = wait_in(task, io, &io->reader, "read");
		if (end != WAIT_READY)
			return io_end_of(end);
	}
	return IO_DONE;
}

void io_look_first(struct task *task, struct io *io)
{
	if (io->kind->drains) {
		io->watch.readable = false;
		watch_reading(&io->watch);
	}
	enum wait end = task_yield(task);
	(void)end;
}

enum io_end io_wait_writable(struct task *task, struct io *io)
{
	while (!io->watch.writable) {
		watch_writing(&io->watch);
		enum wait end = wait_in(task, io, &io->writer, "write");
		if (end != WAIT_READY)
			return io_end_of(end);
	}
	return IO_DONE;
}

enum io_end io_may_go_on(struct task *task)
{
	enum wait wait = task_may_go_on(task);

	if (wait == WAIT_READY && task_has_run_long(task))
		wait = task_yield(task);
	return io_end_of(wait);
}

/* A short read is taken for "drained"; a reset that came with its bytes is told with them
 * (EPOLLERR), one that comes later has an edge of its own. Should one be lost all the same, no task
 * waits for ever: one that has waited for half a second looks once more. */
void io_recheck(struct watch *watch)
{
	struct io *io = LIST_OBJECT(struct io, watch, watch);

	if (io->reader && io_has_input(io)) {
		io->watch.readable = true;
		io_wake(io);
	}
}

static bool would_wait(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK;
}

static enum io_end failure(void)
{
	return errno == EPIPE || errno == ECONNRESET ? IO_CLOSED : IO_FAILED;
}

/* --- reading --- */

bool io_has_input(struct io *io)
{
	return io->kind->peek(io) >= 0 || !would_wait();
}

bool io_has_bytes(struct io *io)
{
	if (!io->watch.readable)
		return false;
	ssize_t there = io->kind->peek(io);
	if (there < 0 && would_wait() && io->kind->drains)
		io->watch.readable = false;
	return there > 0;
}

enum io_end io_read_now(struct io *io, char *buffer, size_t size, size_t *got)
{
	ssize_t n;

	*got = 0;
	if (!io->watch.readable)
		return IO_DONE;
	do
		n = io->kind->read(io, buffer, size);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return IO_CLOSED;
	if (n > 0) {
		*got = (size_t)n;
		io->watch.readable = *got == size || io->watch.ended || !io->kind->drains;
		return IO_DONE;
	}
	if (!would_wait())
		return failure();
	io->watch.readable = false;
	return IO_DONE;
}

enum io_end io_try_read(struct task *task, struct io *io, char *buffer, size_t size, size_t *got)
{
	enum io_end end = io_may_go_on(task);

	*got = 0;
	return end == IO_DONE ? io_read_now(io, buffer, size, got) : end;
}

enum io_end io_read(struct task *task, struct io *io, char *buffer, size_t size, size_t *got)
{
	for (;;) {
		enum io_end end = io_try_read(task, io, buffer, size, got);
		if (end != IO_DONE || *got != 0)
			return end;
		end = io_wait_readable(task, io);
		if (end != IO_DONE)
			return end;
	}
}

/* --- writing --- */

/* Takes `bytes` from the front of the parts; gives back how many parts are used up. */
static int parts_skip(struct iovec *parts, int count, size_t bytes)
{
	int done = 0;

	while (done < count && parts[done].iov_len <= bytes)
		bytes -= parts[done++].iov_len;
	if (done < count) {
		parts[done].iov_base = (char *)parts[done].iov_base + bytes;
		parts[done].iov_len -= bytes;
	}
	return done;
}

/* Changes `parts` on the way. */
static enum io_end write_all(struct task *task, struct io *io, struct iovec *parts, int count)
{
	int done = parts_skip(parts, count, 0);

	while (done < count) {
		enum io_end end = io_may_go_on(task);
		if (end != IO_DONE)
			return end;
		ssize_t n = io->kind->write(io, parts + done, count - done);
		if (n >= 0) {
			done += parts_skip(parts + done, count - done, (size_t)n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (!would_wait())
			return failure();
		io->watch.writable = false;
		end = io_wait_writable(task, io);
		if (end != IO_DONE)
			return end;
	}
	return IO_DONE;
}

enum io_end io_write_now(struct io *io, struct slice bytes, size_t *sent)
{
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes.at, .iov_len = bytes.len};
	ssize_t n = -1;

	*sent = 0;
	errno = EAGAIN;
	if (io->watch.writable) {
		do
			n = io->kind->write(io, &part, 1);
		while (n < 0 && errno == EINTR);
	}
	if (n >= 0) {
		*sent = (size_t)n;
		return IO_DONE;
	}
	if (!would_wait())
		return failure();
	io->watch.writable = false;
	return IO_DONE;
}

enum io_end io_write(struct task *task, struct io *io, struct slice bytes)
{
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes.at, .iov_len = bytes.len};

	return write_all(task, io, &part, 1);
}

enum io_end io_writev(struct task *task, struct io *io, const struct iovec *parts, int count)
{
	struct iovec copy[PARTS_MAX];

	panic_if(count < 0 || count > PARTS_MAX, "%d parts in one write", count);
	for (int i = 0; i < count; i++)
		copy[i] = parts[i];
	return write_all(task, io, copy, count);
}

bool io_peer_user(const struct io *io, unsigned *uid)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (io->watch.fd < 0 ||
		getsockopt(io->watch.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
		peer.uid == (uid_t)-1)
		return false;
	*uid = peer.uid;
	return true;
}
