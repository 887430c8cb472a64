/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors. The contract is in cursor.h. Both directions stand side by side. */
#include "base/cursor.h"

#include <endian.h>
#include <string.h>

struct reader reader_of(struct slice bytes)
{
	return (struct reader){.left = bytes};
}

struct writer writer_over(char *buffer, size_t size)
{
	return (struct writer){.at = buffer, .size = size};
}

/* Inline, so that `bytes` is a constant in each: start-up reads a million headers. */
static inline uint64_t read_little(struct reader *in, size_t bytes)
{
	uint64_t value = 0;

	if (in->bad || bytes > in->left.len) {
		in->bad = true;
		return 0;
	}
	memcpy(&value, in->left.at, bytes);
	in->left.at += bytes;
	in->left.len -= bytes;
	return le64toh(value);
}

static inline void write_little(struct writer *out, uint64_t value, size_t bytes)
{
	uint64_t little = htole64(value);

	if (out->bad || bytes > out->size - out->len) {
		out->bad = true;
		return;
	}
	memcpy(out->at + out->len, &little, bytes);
	out->len += bytes;
}

uint8_t read_u8(struct reader *in)
{
	return (uint8_t)read_little(in, 1);
}

void write_u8(struct writer *out, uint8_t value)
{
	write_little(out, value, 1);
}

uint16_t read_u16(struct reader *in)
{
	return (uint16_t)read_little(in, 2);
}

void write_u16(struct writer *out, uint16_t value)
{
	write_little(out, value, 2);
}

uint32_t read_u32(struct reader *in)
{
	return (uint32_t)read_little(in, 4);
}

void write_u32(struct writer *out, uint32_t value)
{
	write_little(out, value, 4);
}

uint64_t read_u64(struct reader *in)
{
	return read_little(in, 8);
}

void write_u64(struct writer *out, uint64_t value)
{
	write_little(out, value, 8);
}

struct slice read_bytes(struct reader *in, size_t len)
{
	if (in->bad || len > in->left.len) {
		in->bad = true;
		return SLICE_NONE;
	}
	struct slice bytes = {in->left.at, len};
	if (len) { /* `at` may be NULL */
		in->left.at += len;
		in->left.len -= len;
	}
	return bytes;
}

void write_bytes(struct writer *out, struct slice bytes)
{
	if (out->bad || bytes.len > out->size - out->len) {
		out->bad = true;
		return;
	}
	if (bytes.len)
		memcpy(out->at + out->len, bytes.at, bytes.len);
	out->len += bytes.len;
}

struct slice read_counted(struct reader *in)
{
	return read_bytes(in, read_u16(in));
}

void write_counted(struct writer *out, struct slice bytes)
{
	if (bytes.len > UINT16_MAX)
		out->bad = true;
	write_u16(out, (uint16_t)bytes.len);
	write_bytes(out, bytes);
}

bool read_at_end(const struct reader *in)
{
	return !in->bad && in->left.len == 0;
}

struct slice writer_slice(const struct writer *out)
{
	return (struct slice){out->at, out->len};
}
