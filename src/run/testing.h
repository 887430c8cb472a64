/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this room begin with. */
#ifndef RUN_TESTING_H
#define RUN_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/task.h"

#if HAVE_VALGRIND
#include <valgrind/valgrind.h>
#define UNDER_VALGRIND RUNNING_ON_VALGRIND
#else
#define UNDER_VALGRIND 0
#endif

static inline void start(
	struct loop *loop, const char *name, void (*run)(struct task *, void *), void *arg)
{
	assert_true(task_start(loop, name, run, arg));
}

#define assert_slice(seen, wanted)                                                                 \
	do {                                                                                       \
		struct slice seen_ = (seen), wanted_ = slice_of(wanted);                           \
		assert_int_equal(seen_.len, wanted_.len);                                          \
		assert_memory_equal(seen_.at, wanted_.at, wanted_.len);                            \
	} while (0)

#endif
