/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, strictly (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/slice.h"

/* Length in bytes (1–4) of the first character and its code point; 0 if it is broken or the slice
 * is empty, and then *point is U+FFFD. */
size_t utf8_decode(struct slice s, uint32_t *point);
bool utf8_is_valid(struct slice s);
bool utf8_is_ascii(struct slice s);
/* Characters that make a terminal show text in another order than it has: never passed on raw. */
bool utf8_reorders(uint32_t point);

#endif
