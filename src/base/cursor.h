/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursors over binary formats (spool records, packets between processes), little-endian.
 *
 * Both directions have a sticky error: once a read goes past the end or a write does not fit, every
 * later one does nothing and gives zeros, and `bad` stays true. So a reader reads the whole shape
 * and asks once at the end. Sizes come from the cursor, never from what was read.
 *
 *	struct reader in = reader_of(packet);
 *	uint64_t id = read_u64(&in);
 *	struct slice name = read_bytes(&in, read_u16(&in));
 *	if (in.bad) …
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/slice.h"

struct reader {
	struct slice left;
	bool bad;
};

struct reader reader_of(struct slice bytes);
uint8_t read_u8(struct reader *in);
uint16_t read_u16(struct reader *in);
uint32_t read_u32(struct reader *in);
uint64_t read_u64(struct reader *in);
struct slice read_bytes(struct reader *in, size_t len);
struct slice read_counted(struct reader *in); /* u16 length, then the bytes */
bool read_at_end(const struct reader *in);    /* all read, and nothing was bad */

struct writer {
	char *at;
	size_t len, size;
	bool bad;
};

struct writer writer_over(char *buffer, size_t size);
void write_u8(struct writer *out, uint8_t value);
void write_u16(struct writer *out, uint16_t value);
void write_u32(struct writer *out, uint32_t value);
void write_u64(struct writer *out, uint64_t value);
void write_bytes(struct writer *out, struct slice bytes);
void write_counted(struct writer *out, struct slice bytes); /* bad above 65,535 bytes */
struct slice writer_slice(const struct writer *out);

#endif
