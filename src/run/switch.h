/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switching between stacks: the one thing in tasks that depends on the processor. Two versions,
 * chosen by the build: switch_x86_64.S, and switch_portable.c over ucontext.h, which costs two
 * system calls a switch.
 */
#ifndef RUN_SWITCH_H
#define RUN_SWITCH_H

#include <stddef.h>

#ifdef SWITCH_PORTABLE
#include <ucontext.h>
struct switch_point {
	ucontext_t context;
};
#else
struct switch_point {
	void *sp; /* what must survive lies on the stack, from here up */
};
#endif

/* Makes a point from which switch_to() calls entry(arg) on a fresh stack; entry never returns. */
void switch_make(
	struct switch_point *point, char *stack, size_t size, void (*entry)(void *arg), void *arg);
/* Goes on at `to`; comes back when somebody switches to `from`. */
void switch_to(struct switch_point *from, struct switch_point *to);
/* Below it nothing on a parked stack is needed; NULL where that is not known. */
void *switch_lowest(const struct switch_point *point);

#endif
