/* SPDX-License-Identifier: Apache-2.0 */
/* The name under which an address is looked up backwards (RFC 1035 section 3.5, RFC 3596 2.5), and
 * the same digits in front of a zone, as blocklists want them (RFC 5782 section 2). */
#ifndef DNS_REVERSE_H
#define DNS_REVERSE_H

#include "base/address.h"
#include "base/text.h"

enum { REVERSE_NAME_MAX = 80 };

/* "1.2.0.192.in-addr.arpa", "1.0.….ip6.arpa" */
void text_reverse_name(struct text *text, const struct address *address);
/* "1.2.0.192." and the zone */
void text_reverse_in(struct text *text, const struct address *address, struct slice zone);

#endif
