/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offload: a few threads for what must block (fdatasync, password hashing, SQLite).
 *
 * The function runs on a thread with only `arg`: it touches nothing the loop owns. The task waits
 * until it has run, whatever happens to the task meanwhile: `arg` usually lies on its stack.
 */
#ifndef RUN_OFFLOAD_H
#define RUN_OFFLOAD_H

#include "run/task.h"

struct offload;

struct offload *offload_open(struct loop *loop, unsigned threads); /* NULL and errno */
/* The same, of threads that give way to all others on a busy processor (nice 10): for work that
 * strangers can ask for in any amount. */
struct offload *offload_open_nice(struct loop *loop, unsigned threads);
void offload_close(struct offload *pool); /* nothing runs in it */
/* Back when `run(arg)` has run. In the simulated loop it runs at once, in the loop. */
void offload_run(struct task *task, struct offload *pool, void (*run)(void *arg), void *arg);

#endif
