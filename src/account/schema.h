/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the SQLite file, by format: made in a new file, added to in an older one. */
#ifndef ACCOUNT_SCHEMA_H
#define ACCOUNT_SCHEMA_H

#include <sqlite3.h>

#include "base/status.h"
#include "base/text.h"

enum schema {
	SCHEMA_GOOD,
	SCHEMA_REFUSED, /* a format newer than known, or somebody else's file */
	SCHEMA_CANNOT,  /* no way to read or change it now */
};
/* `path` is for the words. */
enum schema schema_settle(
	sqlite3 *sqlite, bool may_change, const char *path, struct text *why) MUST_USE;

#endif
