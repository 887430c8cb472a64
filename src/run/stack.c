/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks of tasks. The contract is in stack.h. */
#include "run/stack.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/panic.h"
#include "run/inside.h"

#if STACK_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

enum {
	PAGE = 4096,
	GUARD = PAGE,
	STACKS_KEPT = 1024,
	RED_ZONE = 128, /* below the stack pointer, in use: System V ABI of AMD64, 3.2.2 */
};

/* A free stack; it lies at the top, in the page that was used last. */
struct stack {
	struct stack *next;
	char *base;
};

static struct stack *top_of(char *base)
{
	return (struct stack *)(void *)(base + STACK_SIZE) - 1;
}

static char *stack_map(void)
{
	char *map = mmap(NULL, GUARD + STACK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	if (mprotect(map, GUARD, PROT_NONE) != 0) {
		munmap(map, GUARD + STACK_SIZE);
		return NULL;
	}
#if STACK_ASAN
	__lsan_register_root_region(map + GUARD, STACK_SIZE);
#endif
#if HAVE_VALGRIND
	(void)VALGRIND_STACK_REGISTER(map + GUARD, map + GUARD + STACK_SIZE);
#endif
	return map + GUARD;
}

static void stack_unmap(char *base)
{
#if STACK_ASAN
	__lsan_unregister_root_region(base, STACK_SIZE);
#endif
	munmap(base - GUARD, GUARD + STACK_SIZE);
}

char *stack_take(struct loop *loop)
{
	struct stack *stack = loop->stacks;

	if (!stack)
		return stack_map();
	char *base = stack->base;
	loop->stacks = stack->next;
	loop->stack_count--;
	return base;
}

void stack_give(struct loop *loop, char *base)
{
#if STACK_ASAN
	__asan_unpoison_memory_region(base, STACK_SIZE);
#endif
	if (loop->stack_count >= STACKS_KEPT) {
		stack_unmap(base);
		return;
	}
	struct stack *stack = top_of(base);
	*stack = (struct stack){.next = loop->stacks, .base = base};
	loop->stacks = stack;
	loop->stack_count++;
}

void stack_trim(char *base, void *lowest)
{
	char *end = (char *)(((uintptr_t)lowest - RED_ZONE) & ~(uintptr_t)(PAGE - 1));

	if (!STACK_ASAN && lowest && end > base)
		madvise(base, (size_t)(end - base), MADV_DONTNEED);
}

void stack_pool_free(struct loop *loop)
{
	while (loop->stacks)
		stack_unmap(stack_take(loop));
}

void stack_leaving(void **save, const void *to_base, size_t to_size)
{
#if STACK_ASAN
	__sanitizer_start_switch_fiber(save, to_base, to_size);
#else
	(void)save, (void)to_base, (void)to_size;
#endif
}

void stack_arrived(void *save, const void **from_base, size_t *from_size)
{
#if STACK_ASAN
	__sanitizer_finish_switch_fiber(save, from_base, from_size);
#else
	(void)save, (void)from_base, (void)from_size;
#endif
}
