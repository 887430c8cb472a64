/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: bytes being put together, in a buffer that the caller gives or that grows.
 *
 * A text over a fixed buffer is cut when it is full and remembers that (`cut`); a growing one
 * doubles, and is given back with text_free(). The putters are the formatters of the hot path
 * (replies, journal lines); printf is for everything else.
 *
 *	struct text line = TEXT_FIXED(buffer);
 *	text_put(&line, SLICE("250 2.0.0 kept ["));
 *	text_number(&line, 17);
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <string.h>

#include "base/slice.h"

struct text {
	char *at;
	size_t len;
	size_t size;  /* of the buffer */
	bool growing; /* at is malloc'ed, size is its capacity */
	bool cut;     /* something did not fit a fixed buffer and was left out */
};

#define TEXT_FIXED(buffer) ((struct text){.at = (buffer), .size = sizeof(buffer)})
#define TEXT_GROWING ((struct text){.growing = true})

static inline void text_put(struct text *text, struct slice bytes);
static inline void text_char(struct text *text, char c);
void text_number(struct text *text, uint64_t number);                  /* decimal */
void text_padded(struct text *text, uint64_t number, unsigned digits); /* so many of its last */
void text_hex(struct text *text, uint64_t number, unsigned digits);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes from outside, made safe for logs and terminals: C0, DEL, C1, broken UTF-8 and backslash
 * become \xNN; everything else stays. */
void text_escaped(struct text *text, struct slice bytes);
/* A JSON string with its quotation marks (RFC 8259 section 7). Bytes that are not UTF-8 become
 * U+FFFD, so that the line can always be read; controls and characters that reorder are \uNNNN. */
void text_json(struct text *text, struct slice bytes);
/* So many bytes, uninitialised, added to the end; NULL if a fixed buffer is full. */
static inline char *text_reserve(struct text *text, size_t bytes);
void text_clear(struct text *text); /* keeps the buffer */
void text_free(struct text *text);  /* of a growing one; safe on any */

static inline struct slice text_slice(const struct text *text)
{
	return (struct slice){text->at, text->len};
}

void text_put_making_room(struct text *text, struct slice bytes); /* what does not fit yet */
char *text_reserve_making_room(struct text *text, size_t bytes);

/* A line of the journal is a hundred of these, most with a literal: where there is room they are a
 * few moves without a call. */
static inline void text_put(struct text *text, struct slice bytes)
{
	if (bytes.len > text->size - text->len) {
		text_put_making_room(text, bytes);
	} else if (bytes.len) {
		memcpy(text->at + text->len, bytes.at, bytes.len);
		text->len += bytes.len;
	}
}

static inline char *text_reserve(struct text *text, size_t bytes)
{
	if (bytes > text->size - text->len)
		return text_reserve_making_room(text, bytes);
	char *at = text->at + text->len;
	text->len += bytes;
	return at;
}

static inline void text_char(struct text *text, char c)
{
	text_put(text, (struct slice){&c, 1});
}

#endif
