/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: this program, started again.
 *
 * A child gets a fresh address space, its arguments, standard input, output and error, one
 * descriptor as number 3, no signal blocked or ignored, and nothing else of ours. Its end is an
 * event of the loop (real back end only).
 *
 *	const char *argv[] = {"postern: edge", NULL};
 *	struct process *edge = process_start(loop, argv, fds[1], edge_ended, supervisor);
 */
#ifndef RUN_PROCESS_H
#define RUN_PROCESS_H

#include "run/loop.h"

struct process;
struct text;

enum { PROCESS_FD = 3 };

struct process_end {
	bool killed; /* by signal `number`; otherwise it left with status `number` */
	int number;
};

/* `ended` is called once, in the loop; it may close the process. The caller keeps `fd` (-1: the
 * child gets none). NULL and errno. */
struct process *process_start(struct loop *loop, const char *const *argv, int fd,
	void (*ended)(void *owner, struct process *process, struct process_end end), void *owner);
pid_t process_pid(const struct process *process);
void process_kill(struct process *process, int signo); /* nothing if it has ended */
/* A child that still runs is killed and waited for. NULL is fine. */
void process_close(struct process *process);
/* "left with status 1", "was killed by signal 11 (Segmentation fault)". */
void text_process_end(struct text *text, struct process_end end);

#endif
