/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets and pipes that tasks read and write. At most one task reads and one writes at a time.
 *
 * Registered once, edge-triggered; a short read means drained. The simulated loop has the same
 * calls over fake sockets (sim.h).
 */
#ifndef RUN_IO_H
#define RUN_IO_H

#include <sys/uio.h>

#include "base/address.h"
#include "run/task.h"

struct io;

enum io_end {
	IO_DONE,
	IO_CLOSED, /* the other side ended it (end of file, reset) */
	IO_FAILED, /* errno, until the next wait */
	IO_DEADLINE,
	IO_CANCELLED,
};

/* Owns `fd` from here on and makes it non-blocking. */
struct io *io_open(struct loop *loop, int fd);
void io_close(struct io *io); /* no task waits in it; NULL is fine */
/* What is written from now on may wait for io_close(), which comes next: the last words and the end
 * of the connection are then one packet. */
void io_close_follows(struct io *io);

/* At least one byte; at most `size`. */
enum io_end io_read(
	struct task *task, struct io *io, char *buffer, size_t size, size_t *got) MUST_USE;
/* Everything, or not IO_DONE. */
enum io_end io_write(struct task *task, struct io *io, struct slice bytes) MUST_USE;
enum io_end io_writev(
	struct task *task, struct io *io, const struct iovec *parts, int count) MUST_USE;
/* What can be read or written without waiting: IO_DONE with 0 bytes where nothing can. For TLS,
 * whose library must not wait in the middle of a call. */
enum io_end io_read_now(struct io *io, char *buffer, size_t size, size_t *got) MUST_USE;
enum io_end io_write_now(struct io *io, struct slice bytes, size_t *sent) MUST_USE;
/* Waits for one direction without doing anything; for TLS and libraries that read the descriptor
 * themselves. Those say io_drained() when they met EAGAIN, so that the next wait waits. */
void io_drained(struct io *io);
enum io_end io_wait_readable(struct task *task, struct io *io) MUST_USE;
/* Waits for a turn of the loop, which tells what has come already: for a socket just accepted, so
 * that none is asked by a call of its own. Who is cancelled meanwhile hears it at the next wait. */
void io_look_first(struct task *task, struct io *io);
enum io_end io_wait_writable(struct task *task, struct io *io) MUST_USE;

/* A listening socket is opened by the supervisor (role/), or here in tests: port 0 takes any. */
int listen_open(const struct address *address, bool reuse_port); /* -1 and errno */
bool listen_address(int fd, struct address *address);            /* where it is bound */
enum io_end io_accept(
	struct task *task, struct io *listener, struct io **client, struct address *from) MUST_USE;
/* The user id of the program at the other end of a Unix socket. False: it is none. */
bool io_peer_user(const struct io *io, unsigned *uid);
enum io_end io_connect(struct task *task, const struct address *to, struct io **server) MUST_USE;
enum io_end io_connect_unix(struct task *task, const char *path, struct io **server) MUST_USE;

#endif
