/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries loaded when needed. The contract is in library.h. */
#include "run/library.h"

#include <dlfcn.h>
#include <string.h>

static void *open_first(const char *const *names)
{
	void *library = NULL;

	for (size_t i = 0; names[i] && !library; i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	return library;
}

/* An address is written whole by one store: of two threads that load at once, both write the same.
 */
static bool find(void *library, const struct library_symbol *symbol)
{
	void *found = dlsym(library, symbol->name);

	if (found)
		__atomic_store_n((void **)symbol->at, found, __ATOMIC_RELEASE);
	return found != NULL;
}

bool library_load(const char *const *names, const struct library_symbol *symbols, size_t count,
	struct text *why)
{
	void *library = open_first(names);

	if (!library) {
		text_format(why, "the library %s is not installed on this machine", names[0]);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (find(library, &symbols[i]))
			continue;
		text_format(why, "the library %s has no %s()", names[0], symbols[i].name);
		return false;
	}
	return true;
}
