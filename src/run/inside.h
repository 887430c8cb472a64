/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share and nobody else includes: the loop's insides, the back end
 * behind it, watched descriptors, and how a task is parked and woken.
 */
#ifndef RUN_INSIDE_H
#define RUN_INSIDE_H

#include <sys/uio.h>

#include "run/io.h"

/* A descriptor that the loop watches, edge-triggered. The flags say "may be": they are true from
 * the start, cleared by whoever met EAGAIN (or a short read) and set again by the back end. */
struct watch {
	struct loop *loop;
	int fd;
	bool readable, writable;
	bool ended;            /* the other side has hung up: an end of file follows the bytes */
	bool reading, writing; /* the back end has been told */
	bool alone;            /* no other process has it: closed, it is watched no more */
	void (*ready)(struct watch *watch); /* flags were set; runs in the loop */
	struct list link;                   /* the simulated back end's: these two */
	bool noticed;
};

void watch_init(struct watch *watch, struct loop *loop, int fd, void (*ready)(struct watch *));
/* To be called before waiting for that direction; registers once, later calls cost nothing. */
void watch_reading(struct watch *watch);
void watch_writing(struct watch *watch);
void watch_end(struct watch *watch); /* before the descriptor is closed */

/* The host: what differs between the real and the simulated loop. */
struct host {
	void (*begin_reading)(struct watch *watch);
	void (*begin_writing)(struct watch *watch);
	void (*end)(struct watch *watch);
	/* Waits until a watch is ready or `until`, not at all where it is in the past, and sets
	 * the clocks. False: nothing will ever happen (simulated only). */
	bool (*wait)(struct loop *loop, mono_ns until);
	enum io_end (*connect)(struct task *task, const struct address *to, struct io **server);
	enum io_end (*connect_unix)(struct task *task, const char *path, struct io **server);
	mono_ns (*exact)(struct loop *loop);
	void (*close)(struct loop *loop);
	bool simulated; /* a task that waits for a socket cannot be woken from outside */
};

struct epoll_event;
struct sim;
struct stack;
struct watched;

struct loop {
	const struct host *host;
	mono_ns mono;
	wall_ns wall;
	bool stopped;

	struct timer **heap; /* four children to a node, the earliest at 0 */
	size_t timers, heap_size;
	size_t wakers; /* whatever else may wake something: waits in sockets, watches, threads */

	struct list ready;   /* tasks to run in this turn */
	struct list yielded; /* and in the next */
	struct list hooks;
	struct list parked;  /* waiting tasks, the longest first, whose stacks are not trimmed */
	struct list resting; /* those that are */
	mono_ns sweep_at;
	size_t tasks;
	struct list all;
	struct switch_point *main; /* where loop_run() is while a task runs */
	struct task *running;
	const void *main_stack; /* as AddressSanitizer told */
	size_t main_stack_size;

	struct stack *stacks; /* free ones, the last used first */
	size_t stack_count;
	void *buffers; /* free stream buffers, each begins with a pointer to the next */
	size_t buffer_count;
	char *packets; /* what a channel receives into; one channel at a time */
	void *packet;  /* what one sent last, whole and free again; NULL: none */

	int poll_fd; /* the real back end: epoll, and by descriptor what it was told */
	struct watched *watched;
	size_t watched_size;
	struct epoll_event *events; /* that one wait brings */
	mono_ns rest;               /* before the next wait; 0: none */

	struct sim *sim; /* the simulated one */

	int fd_most;  /* a connection accepted at this descriptor is one of the last; 0: no limit */
	bool crowded; /* one was */
	void (*short_of)(void *owner, int error); /* or NULL */
	void *short_owner;
};

/* Descriptors or memory of the kernel; whoever says this waits, and tries again. */
void loop_is_short(struct loop *loop, int error);

struct loop *loop_new(const struct host *host);

/* task.c, for the loop */
void task_run_ready(struct loop *loop);
void task_sweep(struct loop *loop);
void task_pool_free(struct loop *loop);

/* Parks the running task until task_wake(), its deadline or its cancellation. At once where one of
 * the last two is there already. */
enum wait task_park(struct task *task, const char *why);
/* Parks it until task_wake(), whatever happens. */
void task_park_firmly(struct task *task, const char *why);
/* As task_park(), in the queue `waiting` while it waits. */
enum wait task_park_in(struct task *task, struct list *waiting, const char *why);
void task_wake(struct task *task); /* nothing if it does not wait */
/* WAIT_READY, or why the task may not even begin to wait. */
enum wait task_may_go_on(const struct task *task);
/* Counts a call that did not have to wait; true when others should get their turn. */
bool task_has_run_long(struct task *task);
/* The descriptor that is looked at again when the task has waited long (see io.c), or NULL. */
void task_waits_for(struct task *task, struct watch *watch);

/* What an io does to its socket; errno as usual. */
struct io_kind {
	bool drains; /* a read shorter than asked for has taken all there is */
	ssize_t (*read)(struct io *io, char *buffer, size_t size);
	ssize_t (*write)(struct io *io, const struct iovec *parts, int count);
	ssize_t (*peek)(struct io *io); /* how much is there, up to 1; 0 at end of file */
	struct io *(*accept)(struct io *io, struct address *from);
	void (*close)(struct io *io);
};

struct io {
	struct watch watch;
	struct task *reader, *writer;
	const struct io_kind *kind;
	bool close_follows; /* what is written may wait for it */
};

/* A socket that is non-blocking already. */
struct io *io_wrap(struct loop *loop, int fd);
void io_init(struct io *io, struct loop *loop, int fd, const struct io_kind *kind);
void io_wake(struct io *io); /* its flags were set */
void io_recheck(struct watch *watch);
/* One attempt; IO_DONE with *got == 0 where it would have to wait. */
enum io_end io_try_read(struct task *task, struct io *io, char *buffer, size_t size, size_t *got);
/* A peer that always has something ready gets no further than its deadline and its share. */
enum io_end io_may_go_on(struct task *task);
/* Whether a read would not wait; asks the socket. */
bool io_has_input(struct io *io);
/* Whether bytes are there, as far as is known: a socket that the last read drained is not asked. */
bool io_has_bytes(struct io *io);
enum io_end io_end_of(enum wait wait);
enum io_end real_connect(struct task *task, const struct address *to, struct io **server);
enum io_end real_connect_unix(struct task *task, const char *path, struct io **server);

/* Buffers that streams hold while something is in them. */
enum { LOOP_BUFFER = 16 * 1024 };
char *loop_buffer_take(struct loop *loop);
void loop_buffer_give(struct loop *loop, char *buffer);

#endif
