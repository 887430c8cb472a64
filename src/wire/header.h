/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message headers (RFC 5322 section 2.2), scanned without being changed. There is one splitter of
 * header and body for the whole program: header_scan(). A body begins after the first empty line;
 * a line that is no field and no continuation ends the header too (there is no header then to
 * trust).
 */
#ifndef WIRE_HEADER_H
#define WIRE_HEADER_H

#include "base/arena.h"
#include "base/clock.h"

struct field {
	struct slice name; /* as written */
	struct slice raw;  /* value with folds, without the last CRLF */
};
struct headers {
	struct field *fields;
	size_t count;
	size_t body_at;    /* offset where the body begins */
	bool malformed;    /* it ended at a line that is no field */
	struct slice rest; /* from body_at on */
};
/* Fields point into `message`, the table lies in `arena`. */
void header_scan(struct slice message, struct arena *arena, struct headers *headers);
/* The n-th (from 0) field of that name, or NULL. */
const struct field *header_find(const struct headers *headers, struct slice name, size_t n);
size_t header_count(const struct headers *headers, struct slice name);
struct slice header_unfold(
	struct slice raw, struct arena *arena); /* CRLF before blanks removed, trimmed */
/* "Sat, 21 Nov 2026 09:30:00 +0000" (RFC 5322 section 3.3). */
void text_mail_date(struct text *text, wall_ns wall);

#endif
