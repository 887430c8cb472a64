/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C. The contract is in crc32c.h. */
#include "base/crc32c.h"

#include <string.h>

/* Slice-by-8 over the reflected polynomial: table[k][b] is byte b followed by k zero bytes. */
static uint32_t table[8][256];

/* A lane: what is read beside two others, since the instruction waits for its own last answer.
 * behind_lane[k][b] is byte k of a CRC, b, followed by a lane of zero bytes. */
enum { LANE = 512 };
static uint32_t behind_lane[4][256];

static uint32_t by_table(uint32_t crc, struct slice s);

/* Linear in its bits: each bit alone is followed, and a byte is the sum of its bits. */
static void behind_lane_fill(void)
{
	static const char zeros[LANE];

	for (int k = 0; k < 4; k++)
		for (unsigned b = 1; b < 256; b++) {
			unsigned low = b & -b;
			behind_lane[k][b] = low == b
						    ? by_table((uint32_t)b << (8 * k),
							      (struct slice){zeros, LANE})
						    : behind_lane[k][low] ^ behind_lane[k][b ^ low];
		}
}

__attribute__((constructor)) static void table_fill(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
		table[0][b] = crc;
	}
	for (uint32_t b = 0; b < 256; b++)
		for (int k = 1; k < 8; k++)
			table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
	behind_lane_fill();
}

static uint64_t load_little(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static uint32_t by_table(uint32_t crc, struct slice s)
{
	while (s.len >= 8) {
		uint64_t word = load_little(s.at) ^ crc;
		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= table[7 - k][word >> (8 * k) & 255];
		s = slice_from(s, 8);
	}
	for (size_t i = 0; i < s.len; i++)
		crc = crc >> 8 ^ table[0][(crc ^ (uint8_t)s.at[i]) & 255];
	return crc;
}

#ifdef __x86_64__
static uint32_t followed_by_lane(uint32_t crc)
{
	return behind_lane[0][crc & 255] ^ behind_lane[1][crc >> 8 & 255] ^
	       behind_lane[2][crc >> 16 & 255] ^ behind_lane[3][crc >> 24];
}

/* Three lanes side by side, put together at the end. */
__attribute__((target("sse4.2"))) static uint32_t by_three(uint32_t crc, const char *at)
{
	uint64_t first = crc, second = 0, third = 0;

	for (size_t i = 0; i < LANE; i += 8) {
		first = __builtin_ia32_crc32di(first, load_little(at + i));
		second = __builtin_ia32_crc32di(second, load_little(at + LANE + i));
		third = __builtin_ia32_crc32di(third, load_little(at + 2 * LANE + i));
	}
	crc = followed_by_lane((uint32_t)first) ^ (uint32_t)second;
	return followed_by_lane(crc) ^ (uint32_t)third;
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, struct slice s)
{
	const char *at = s.at, *end = s.at + s.len;

	for (; end - at >= 3 * LANE; at += 3 * LANE)
		crc = by_three(crc, at);
	uint64_t wide = crc;
	for (; end - at >= 8; at += 8)
		wide = __builtin_ia32_crc32di(wide, load_little(at));
	crc = (uint32_t)wide;
	for (; at < end; at++)
		crc = __builtin_ia32_crc32qi(crc, (uint8_t)*at);
	return crc;
}
#endif

uint32_t crc32c(uint32_t crc, struct slice bytes)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~by_instruction(~crc, bytes);
#endif
	return ~by_table(~crc, bytes);
}
