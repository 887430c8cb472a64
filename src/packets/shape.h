/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces that several decoders of this room share. A value that no encoder writes is bad. */
#ifndef PACKETS_SHAPE_H
#define PACKETS_SHAPE_H

#include "base/cursor.h"

static inline uint8_t read_u8_below(struct reader *in, unsigned limit)
{
	uint8_t value = read_u8(in);

	if (value >= limit)
		in->bad = true;
	return value;
}

static inline uint16_t read_u16_below(struct reader *in, unsigned limit)
{
	uint16_t value = read_u16(in);

	if (value >= limit)
		in->bad = true;
	return value;
}

static inline bool read_bool(struct reader *in)
{
	return read_u8_below(in, 2) != 0;
}

/* Everything that is left: the last field of a message that is nothing but bytes. */
static inline struct slice read_rest(struct reader *in)
{
	return read_bytes(in, in->left.len);
}

static inline struct slice read_counted_most(struct reader *in, size_t most)
{
	struct slice bytes = read_counted(in);

	if (bytes.len > most)
		in->bad = true;
	return bytes;
}

#endif
