/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of a file that the configuration names: one entry a line, `#` comments at the beginning
 * or behind a blank. Private to this room.
 *
 *	struct lines lines = lines_of(bytes);
 *	while (lines_next(&lines))
 *		keep(lines.entry);
 */
#ifndef POLICY_LINES_H
#define POLICY_LINES_H

#include "policy/lexer.h"

struct lines {
	struct slice left;
	unsigned number;
	struct slice whole; /* the line */
	struct slice entry; /* without blanks and comment */
	bool continues;     /* it begins with a blank */
};
struct lines lines_of(struct slice bytes);
bool lines_next(struct lines *lines); /* the next line that has an entry */
/* Its place, for a complaint; nothing of it points into the file's bytes. */
struct token lines_token(const struct lines *lines, struct arena *arena, struct slice path);

#endif
