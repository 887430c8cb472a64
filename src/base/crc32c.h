/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), the checksum of the spool: by the processor's instruction where it has
 * one (SSE4.2), else by a table. RFC 3720 appendix B.4 has the test values. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/slice.h"

/* Of `bytes`, going on from `crc`: 0 at first, so crc32c(crc32c(0, a), b) is that of a then b. */
uint32_t crc32c(uint32_t crc, struct slice bytes);

#endif
