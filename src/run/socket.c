/* SPDX-License-Identifier: Apache-2.0 */
/* Listening, accepting, connecting. The contract is in io.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/panic.h"
#include "run/inside.h"

enum { BACKLOG = 4096 };
#define ACCEPT_PAUSE (100 * NS_PER_MS)
#define UNIX_PAUSE (10 * NS_PER_MS)

static void option_on(int fd, int level, int name)
{
	int on = 1;

	(void)setsockopt(fd, level, name, &on, sizeof on);
}

/* --- listening --- */

static int listen_on(int fd, const struct address *address, bool reuse_port)
{
	struct sockaddr_storage raw;
	socklen_t size = address_to_sockaddr(address, &raw);

	option_on(fd, SOL_SOCKET, SO_REUSEADDR);
	option_on(fd, IPPROTO_TCP, TCP_NODELAY); /* what is accepted inherits it */
	if (!address->is_v4)
		option_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (reuse_port)
		option_on(fd, SOL_SOCKET, SO_REUSEPORT);
	if (bind(fd, (struct sockaddr *)&raw, size) != 0)
		return -1;
	return listen(fd, BACKLOG);
}

static int socket_for(const struct address *address)
{
	return socket(
		address->is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void close_keeping_errno(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
}

int listen_open(const struct address *address, bool reuse_port)
{
	int fd = socket_for(address);

	if (fd >= 0 && listen_on(fd, address, reuse_port) != 0) {
		close_keeping_errno(fd);
		return -1;
	}
	return fd;
}

bool listen_address(int fd, struct address *address)
{
	struct sockaddr_storage raw;
	socklen_t size = sizeof raw;

	return getsockname(fd, (struct sockaddr *)&raw, &size) == 0 &&
	       address_from_sockaddr(&raw, address);
}

/* --- accepting --- */

/* Out of descriptors or memory: the connection stays in the backlog and is asked for again, but not
 * at once, or the loop would spin. */
static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Errors of one connection that was waiting (accept(2)): the next may be well. */
static bool is_the_connections(int error)
{
	static const int errors[] = {EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN,
		ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, ETIMEDOUT, EPERM};

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (error == errors[i])
			return true;
	return false;
}

/* Strangers never get the last descriptors: without one no segment of the spool could be taken. */
static bool is_crowded(struct io *listener)
{
	struct loop *loop = listener->watch.loop;

	if (!loop->crowded)
		return false;
	int next = fcntl(listener->watch.fd, F_DUPFD_CLOEXEC, 0);
	loop->crowded = next < 0 || next >= loop->fd_most;
	if (next >= 0)
		close(next);
	return loop->crowded;
}

static enum io_end pause_for_room(struct task *task, int error)
{
	loop_is_short(task_loop(task), error);
	return io_end_of(task_sleep(task, ACCEPT_PAUSE));
}

enum io_end io_accept(
	struct task *task, struct io *listener, struct io **client, struct address *from)
{
	for (;;) {
		enum io_end end = io_end_of(task_may_go_on(task));
		if (end == IO_DONE && task_has_run_long(task))
			end = io_end_of(task_yield(task));
		if (end == IO_DONE)
			end = io_wait_readable(task, listener);
		if (end == IO_DONE && is_crowded(listener)) {
			end = pause_for_room(task, EMFILE);
			if (end == IO_DONE)
				continue;
		}
		if (end != IO_DONE)
			return end;
		*client = listener->kind->accept(listener, from);
		if (*client)
			return IO_DONE;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			listener->watch.readable = false;
		else if (is_shortage(errno))
			end = pause_for_room(task, errno);
		else if (!is_the_connections(errno))
			return IO_FAILED;
		if (end != IO_DONE)
			return end;
	}
}

/* --- connecting --- */

static enum io_end await_connected(struct task *task, struct io *io)
{
	int error = 0;
	socklen_t size = sizeof error;

	io->watch.writable = false;
	enum io_end end = io_wait_writable(task, io);
	if (end != IO_DONE)
		return end;
	if (getsockopt(io->watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return IO_FAILED;
	errno = error;
	return error == 0 ? IO_DONE : IO_FAILED;
}

static enum io_end connect_io(struct task *task, struct io *io, const struct sockaddr_storage *raw,
	socklen_t size, struct io **server)
{
	enum io_end end = IO_DONE;

	io->watch.alone = true;
	if (connect(io->watch.fd, (const struct sockaddr *)raw, size) != 0)
		end = errno == EINPROGRESS || errno == EINTR ? await_connected(task, io)
							     : IO_FAILED;
	if (end == IO_DONE) {
		*server = io;
		return IO_DONE;
	}
	int error = errno;
	io_close(io);
	errno = error;
	return end;
}

enum io_end real_connect(struct task *task, const struct address *to, struct io **server)
{
	struct sockaddr_storage raw;
	socklen_t size = address_to_sockaddr(to, &raw);
	int fd = socket_for(to);

	if (fd < 0)
		return IO_FAILED;
	option_on(fd, IPPROTO_TCP, TCP_NODELAY);
	return connect_io(task, io_wrap(task_loop(task), fd), &raw, size, server);
}

/* A Unix socket whose backlog is full says EAGAIN and gives no notice of room. */
enum io_end real_connect_unix(struct task *task, const char *path, struct io **server)
{
	struct sockaddr_storage raw = {0};
	struct sockaddr_un *name = (struct sockaddr_un *)&raw;

	if (strlen(path) >= sizeof name->sun_path) {
		errno = ENAMETOOLONG;
		return IO_FAILED;
	}
	name->sun_family = AF_UNIX;
	memcpy(name->sun_path, path, strlen(path) + 1);
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return IO_FAILED;
		struct io *io = io_wrap(task_loop(task), fd);
		enum io_end end = connect_io(task, io, &raw, sizeof *name, server);
		if (end != IO_FAILED || errno != EAGAIN)
			return end;
		end = io_end_of(task_sleep(task, UNIX_PAUSE));
		if (end != IO_DONE)
			return end;
	}
}

enum io_end io_connect(struct task *task, const struct address *to, struct io **server)
{
	return task_loop(task)->host->connect(task, to, server);
}

enum io_end io_connect_unix(struct task *task, const char *path, struct io **server)
{
	return task_loop(task)->host->connect_unix(task, path, server);
}
