/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C. The contract is in crc32c.h. */
#include "base/crc32c.h"

#include <string.h>

/* Slice-by-8 over the reflected polynomial: table[k][b] is byte b followed by k zero bytes. */
static uint32_t table[8][256];

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
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, struct slice s)
{
	uint64_t wide = crc;

	while (s.len >= 8) {
		wide = __builtin_ia32_crc32di(wide, load_little(s.at));
		s = slice_from(s, 8);
	}
	crc = (uint32_t)wide;
	for (size_t i = 0; i < s.len; i++)
		crc = __builtin_ia32_crc32qi(crc, (uint8_t)s.at[i]);
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
