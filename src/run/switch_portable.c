/* SPDX-License-Identifier: Apache-2.0 */
/* Switching stacks with POSIX's ucontext, where there is no assembly for the processor. */
#include "run/switch.h"

#include <stdint.h>

#include "base/panic.h"

/* makecontext() passes ints only. */
static void begin(unsigned entry_high, unsigned entry_low, unsigned arg_high, unsigned arg_low)
{
	uintptr_t entry = (uintptr_t)((uint64_t)entry_high << 32 | entry_low);
	uintptr_t arg = (uintptr_t)((uint64_t)arg_high << 32 | arg_low);

	((void (*)(void *))entry)((void *)arg);
}

void switch_make(
	struct switch_point *point, char *stack, size_t size, void (*entry)(void *arg), void *arg)
{
	uint64_t e = (uintptr_t)entry, a = (uintptr_t)arg;

	panic_if(getcontext(&point->context) != 0, "getcontext failed");
	point->context.uc_stack.ss_sp = stack;
	point->context.uc_stack.ss_size = size;
	point->context.uc_link = NULL;
	makecontext(&point->context, (void (*)(void))begin, 4, (unsigned)(e >> 32), (unsigned)e,
		(unsigned)(a >> 32), (unsigned)a);
}

void switch_to(struct switch_point *from, struct switch_point *to)
{
	panic_if(swapcontext(&from->context, &to->context) != 0, "swapcontext failed");
}

void *switch_lowest(const struct switch_point *point)
{
	(void)point;
	return NULL;
}
