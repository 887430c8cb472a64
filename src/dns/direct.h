/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A `struct dns` without a resolver role: libunbound in this very process, for the commands, which
 * hold no mail and no secret. The daemon never uses it.
 */
#ifndef DNS_DIRECT_H
#define DNS_DIRECT_H

#include "base/text.h"
#include "dns/dns.h"

struct dns_direct;

/* `servers` as of lookups_open(); NULL with words in `why`. */
struct dns_direct *dns_direct_open(struct loop *loop, struct slice servers, struct text *why);
void dns_direct_close(struct dns_direct *direct); /* no task waits in it; NULL is fine */
struct dns *dns_direct_dns(struct dns_direct *direct);

#endif
