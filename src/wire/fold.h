/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing header fields, folded (RFC 5322 section 2.2.3): a line ends before the word that would
 * pass 78 characters. Nothing put in can end the field: octets that are not printable ASCII become
 * "?" (UTF-8 stays where it is allowed). A word of more than 900 octets is cut.
 *
 *	struct folded field = fold_begin(text, SLICE("Remote-MTA:"));
 *	fold_word(&field, SLICE("dns;"));
 *	fold_words(&field, remote_text);
 *	fold_end(&field);
 */
#ifndef WIRE_FOLD_H
#define WIRE_FOLD_H

#include "base/text.h"

struct folded {
	struct text *text;
	size_t column;
	bool utf8; /* set it to let UTF-8 pass (RFC 6532) */
};

struct folded fold_begin(struct text *text, struct slice name); /* with its colon */
void fold_word(struct folded *field, struct slice word);        /* never broken at its blanks */
void fold_words(struct folded *field, struct slice words);      /* blanks, \n: may be broken */
void fold_end(struct folded *field);

#endif
