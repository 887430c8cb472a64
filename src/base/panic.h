/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Panic: a bug was met; going on could lose or leak mail. Always on, in every build.
 *
 * The process says where and why on standard error and aborts. The supervisor starts it again over
 * a spool that survives a crash at any instruction, so aborting is the safe answer. It is never the
 * answer to input, a full disk or an unreachable host: those are outcomes or a `status`.
 */
#ifndef BASE_PANIC_H
#define BASE_PANIC_H

#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)
#define panic_if(condition, ...)                                                                   \
	do {                                                                                       \
		if (__builtin_expect(!!(condition), 0))                                            \
			panic_at(__FILE__, __LINE__, __VA_ARGS__);                                 \
	} while (0)

_Noreturn void panic_at(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
