/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undoing what mail does to text on its way, leniently: for reading what others wrote. Whatever
 * comes in, what comes out is UTF-8 without NUL; what cannot be decoded becomes U+FFFD or stays as
 * it is. The strict base 64 of AUTH is in base64.h.
 */
#ifndef WIRE_DECODE_H
#define WIRE_DECODE_H

#include "base/arena.h"

/* RFC 2045 6.8: characters that are none of the alphabet are passed over. Octets, not text. */
struct slice base64_decode_leniently(struct slice s, struct arena *arena);
/* RFC 2045 6.7: a "=" that begins nothing stays. `words`: "_" is a blank (RFC 2047 4.2). */
struct slice quoted_printable_decode(struct slice s, bool words, struct arena *arena);
/* Octets of a charset as UTF-8. Without a charset, or with one nobody knows: UTF-8 if it is, else
 * Windows-1252. */
struct slice text_of_charset(struct slice octets, struct slice charset, struct arena *arena);
/* Encoded words (RFC 2047) of an unfolded field undone. */
struct slice words_decode(struct slice s, struct arena *arena);
struct text;
/* One character as UTF-8: a control as a blank, what is none as U+FFFD. */
void point_put(struct text *text, uint32_t point);
/* HTML as plain lines: markup dropped, references undone, blocks and <br> as line ends. */
struct slice html_text(struct slice html, struct arena *arena);

#endif
