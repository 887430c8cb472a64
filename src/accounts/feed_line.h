/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of `listen grants` (doc/recent-pop.md): one line each, blanks between. Pure.
 *
 *	GRANT 192.0.2.7 alice@example.org 1800      seconds; 1800 where none are said
 *	REVOKE 192.0.2.7 alice@example.org          without an account: all that are there
 *	QUIT
 */
#ifndef ACCOUNTS_FEED_LINE_H
#define ACCOUNTS_FEED_LINE_H

#include "base/address.h"

enum feed_verb { FEED_GRANT, FEED_REVOKE, FEED_QUIT, FEED_WRONG };
struct feed_line {
	enum feed_verb verb;
	struct address client;
	struct slice account; /* empty: none was said */
	uint64_t seconds;
	const char *right; /* FEED_WRONG: what would be */
};

/* `line` without its line end. */
struct feed_line feed_line_parse(struct slice line);

#endif
