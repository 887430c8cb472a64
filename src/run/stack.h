/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks of tasks: 64 KiB with a guard page below, mapped, pooled last-used-first, and known to
 * AddressSanitizer, LeakSanitizer and valgrind.
 */
#ifndef RUN_STACK_H
#define RUN_STACK_H

#include <stddef.h>

struct loop;

#if defined(__SANITIZE_ADDRESS__)
#define STACK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACK_ASAN 1
#endif
#endif
#ifndef STACK_ASAN
#define STACK_ASAN 0
#endif

enum { STACK_SIZE = STACK_ASAN ? 256 * 1024 : 64 * 1024 };

/* The lowest byte of STACK_SIZE bytes, or NULL: the process has no mappings or memory left. */
char *stack_take(struct loop *loop);
void stack_give(struct loop *loop, char *base);
void stack_trim(char *base, void *lowest); /* gives back the pages below `lowest` */
void stack_pool_free(struct loop *loop);

/* What AddressSanitizer must be told before and after a switch; `save` keeps its own place. */
void stack_leaving(void **save, const void *to_base, size_t to_size);
void stack_arrived(void *save, const void **from_base, size_t *from_size);

#endif
