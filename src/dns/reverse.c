/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse names. The contract is in reverse.h. */
#include "dns/reverse.h"

void text_reverse_in(struct text *text, const struct address *address, struct slice zone)
{
	for (size_t i = 16; i > (address->is_v4 ? 12 : 0); i--) {
		uint8_t byte = address->bytes[i - 1];
		if (address->is_v4) {
			text_number(text, byte);
		} else {
			text_hex(text, byte & 15u, 1);
			text_char(text, '.');
			text_hex(text, byte >> 4, 1);
		}
		text_char(text, '.');
	}
	text_put(text, zone);
}

void text_reverse_name(struct text *text, const struct address *address)
{
	text_reverse_in(text, address, address->is_v4 ? SLICE("in-addr.arpa") : SLICE("ip6.arpa"));
}
