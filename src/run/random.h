/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers that nobody can foresee, from the kernel. */
#ifndef RUN_RANDOM_H
#define RUN_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Blocks only while a machine that has just started has no randomness yet. */
void random_bytes(void *bytes, size_t size);
uint64_t random_u64(void);
uint64_t random_below(uint64_t limit); /* 0 to limit - 1, all alike; 0 where limit is 0 */

#endif
