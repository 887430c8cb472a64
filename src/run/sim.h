/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated loop: a virtual clock and fake sockets, for scenario tests and fuzzers.
 *
 * Time stands still while anything is ready and then jumps to the next timer. The same tasks,
 * streams and timers run in it; io_connect() reaches whoever listens at that fake address.
 *
 *	struct loop *loop = sim_open(wall);
 *	sim_pair(loop, &server_side, &client_side);
 *	task_start(loop, "session", …server_side…); task_start(loop, "client", …client_side…);
 *	loop_run(loop);                                     until nothing can happen any more
 */
#ifndef RUN_SIM_H
#define RUN_SIM_H

#include "run/io.h"

struct loop *sim_open(wall_ns now);
/* Two ends of one connection; reads see at most `chunk` bytes at a time (0: no limit), so that
 * every cut of the input can be tried. */
void sim_pair(struct loop *loop, struct io **a, struct io **b);
void sim_set_chunk(struct io *io, size_t chunk);
/* A fake listener that io_connect() reaches; io_accept() takes from it as usual. */
struct io *sim_listen(struct loop *loop, const struct address *address);
/* io_connect() to this address fails with `error`, or never ends where `error` is 0. */
void sim_refuse(struct loop *loop, const struct address *address, int error);
void sim_advance(struct loop *loop, mono_ns ns); /* steps the wall clock without the monotonic */

#endif
