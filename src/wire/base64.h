/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base 64 (RFC 4648 section 4), strictly: no white space, padded, unused bits zero. For AUTH and
 * for encoded words in the reports we write.
 */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"

void text_base64(struct text *text, struct slice bytes);
/* False if `s` is no base 64. *bytes lies in `arena`. */
bool base64_decode(struct slice s, struct arena *arena, struct slice *bytes) MUST_USE;

#endif
