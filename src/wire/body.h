/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message data on the wire (RFC 5321 sections 4.1.1.4 and 4.5.2).
 *
 * In: a table-driven recogniser that sees the data in pieces of any size. Only CRLF "." CRLF ends
 * it; bare CR, bare LF and NUL never do, and are noted so that the message can be refused after its
 * true end has been read. It takes the dot-stuffing off on the way.
 * In chunks (BDAT, RFC 3030) nothing is stuffed and nothing ends the data but a count of octets:
 * all else is noted alike, so that a message means the same whichever way it came. Out: stuffing.
 */
#ifndef WIRE_BODY_H
#define WIRE_BODY_H

#include "base/text.h"

struct body_reader {
	uint8_t state; /* the recogniser's */
	bool bare_cr, bare_lf, nul;
	bool ended;
	bool has_8bit;
	bool has_dot_line; /* some line begins with a dot (after unstuffing): must be stuffed out */
	uint64_t size;     /* octets of the message so far, unstuffed, CRLF counted */
};

void body_begin(struct body_reader *reader);
/* Reads from the front of *in up to the end of data or of the piece, appending unstuffed octets to
 * `out` (NULL: thrown away). Takes from *in what it has used; when reader->ended, what is left in
 * *in belongs to the next command. */
void body_read(struct body_reader *reader, struct slice *in, struct text *out);
/* The piece may also stand in the buffer of `out` itself, so many octets behind its end: then
 * nothing is copied but what stands behind a dot that was taken off. */
size_t body_gap(const struct body_reader *reader);

/* Takes all of `chunk` as it stands. */
void body_take(struct body_reader *reader, struct slice chunk, struct text *out);
/* The last chunk has been taken. A last line without its end gets one, for it leaves by DATA: that
 * is what RFC 6376 section 3.4 signs as well. */
void body_complete(struct body_reader *reader, struct text *out);

/* Appends `piece` stuffed; *at_line_start is true before the first piece and kept between pieces.
 * A bare LF, which no message of ours holds, counts as a line end: too many dots are harmless. */
void body_stuff(struct text *out, struct slice piece, bool *at_line_start);

#endif
