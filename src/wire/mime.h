/* SPDX-License-Identifier: Apache-2.0 */
/* What a message of ours needs of MIME: quoted-printable (RFC 2045 section 6.7) and encoded words
 * (RFC 2047). */
#ifndef WIRE_MIME_H
#define WIRE_MIME_H

#include "base/text.h"

/* Lines of `words` end in '\n' or CRLF; those written in CRLF, with at most 76 characters. */
void text_quoted_printable(struct text *text, struct slice words);
/* The value of an unstructured field: ASCII words, or encoded words where it must be; folded.
 * `name` is the field's, with its colon. Broken UTF-8 becomes U+FFFD. */
void text_unstructured(struct text *text, struct slice name, struct slice words);

#endif
