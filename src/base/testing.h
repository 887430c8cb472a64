/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Testing: where a test puts its files. In TMPDIR, which ./check sets, so that it sees what is left
 * behind; else in /tmp. A test removes what it made.
 */
#ifndef BASE_TESTING_H
#define BASE_TESTING_H

#include <stdio.h>
#include <stdlib.h>

static inline const char *testing_place(void)
{
	const char *place = getenv("TMPDIR");

	return place && *place ? place : "/tmp";
}

/* The pattern of mkdtemp() and mkstemp() for NAME. NULL: it does not fit. */
static inline char *testing_pattern(char *path, size_t size, const char *name)
{
	int len = snprintf(path, size, "%s/%s-XXXXXX", testing_place(), name);

	return len > 0 && (size_t)len < size ? path : NULL;
}

/* Makes an empty folder of its own; NULL as mkdtemp() gives it. */
static inline char *testing_folder(char *path, size_t size, const char *name)
{
	return testing_pattern(path, size, name) ? mkdtemp(path) : NULL;
}

#endif
