/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stored message on its way to a POP3 client (RFC 1939 sections 3 and 5): lines end in CR LF, a
 * dot in front of a line gets another, and TOP ends after so many lines of the body. Pure.
 */
#ifndef POP3_CONTENT_H
#define POP3_CONTENT_H

#include "base/text.h"

#define CONTENT_WHOLE UINT64_MAX

struct content {
	uint64_t lines_left; /* of the body */
	bool in_body;
	bool inside_line;
	bool after_cr;
	bool line_is_blank; /* so far: nothing, or one CR */
};

void content_begin(struct content *content, uint64_t lines);
/* Appends `piece`; false when no more is wanted. */
bool content_put(struct content *content, struct slice piece, struct text *out);
void content_end(struct content *content, struct text *out); /* the last line, and the dot */

#endif
