/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xtext (RFC 3461 section 4): how ENVID, ORCPT and AUTH= carry any text in one parameter: printable
 * ASCII except "+" and "=" stands for itself, every other octet is "+" and two upper-case
 * hexadecimal digits. And the form of RFC 6533 for addresses beyond ASCII, \x{HEX}.
 */
#ifndef WIRE_XTEXT_H
#define WIRE_XTEXT_H

#include "base/arena.h"
#include "base/text.h"

void text_xtext(struct text *text, struct slice plain);
/* False if `s` is no xtext. *plain lies in `arena` and may hold any octet. */
bool xtext_decode(struct slice s, struct arena *arena, struct slice *plain);
/* utf-8-addr-unitext and utf-8-addr-xtext (RFC 6533 section 3): \x{2030} and raw UTF-8. */
bool utf8_xtext_decode(struct slice s, struct arena *arena, struct slice *plain);
/* utf-8-addr-xtext: pure ASCII. */
void text_utf8_xtext(struct text *text, struct slice plain);

#endif
