/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared library that is loaded when it is first needed: what one role in ten uses, and only
 * where it is configured, the other processes neither map nor relocate, and whoever breaks into
 * one of them does not find it there.
 *
 * The room that uses the library defines the functions it calls itself, each forwarding to where
 * library_load() found it (LIBRARY_CALL); callers include the library's own header and see no
 * difference. A function that is missing from that table is missing when the program is linked.
 *
 *	LIBRARY_CALL(int, ldap_set_option, (LDAP *at, int option, const void *value), (at, option,
 *value))
 *
 *	static const struct library_symbol symbols[] = {LIBRARY_SYMBOL(ldap_set_option)};
 */
#ifndef RUN_LIBRARY_H
#define RUN_LIBRARY_H

#include <stddef.h>

#include "base/status.h"
#include "base/text.h"

struct library_symbol {
	const char *name;
	void *at; /* where the function's address goes */
};

#define LIBRARY_CALL(type, name, parameters, arguments)                                            \
	static __typeof__(name) *at_##name;                                                        \
	type name parameters                                                                       \
	{                                                                                          \
		return at_##name arguments;                                                        \
	}
#define LIBRARY_SYMBOL(name)                                                                       \
	{                                                                                          \
#name, &at_##name                                                                  \
	}

/* Loads the first of these names that is installed (a list that NULL ends) and finds every symbol.
 * Again and from several threads, harmless. False, and why: the library is not installed, or is one
 * that lacks a function; then nothing of it may be called. It stays loaded. */
MUST_USE bool library_load(const char *const *names, const struct library_symbol *symbols,
	size_t count, struct text *why);

#endif
