/* SPDX-License-Identifier: Apache-2.0 */
/* The first frame of a stack, as switch_x86_64.S expects it. */
#include <stdint.h>

#include "run/switch.h"

void switch_begin(void); /* switch_x86_64.S */

void switch_make(
	struct switch_point *point, char *stack, size_t size, void (*entry)(void *arg), void *arg)
{
	uintptr_t top = ((uintptr_t)stack + size) & ~(uintptr_t)15;
	uint64_t *frame = (uint64_t *)top - 10; /* leaves the stack aligned where begin calls */
	uint32_t mxcsr;
	uint16_t x87;

	__asm__("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(x87));
	frame[0] = mxcsr | (uint64_t)x87 << 32;
	frame[1] = frame[2] = frame[3] = 0; /* r15 r14 r13 */
	frame[4] = (uintptr_t)arg;          /* r12 */
	frame[5] = (uintptr_t)entry;        /* rbx */
	frame[6] = 0;                       /* rbp: the end of the chain of frames */
	frame[7] = (uintptr_t)switch_begin;
	point->sp = frame;
}

void *switch_lowest(const struct switch_point *point)
{
	return point->sp;
}
