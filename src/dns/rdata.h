/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record data (RFC 1035 section 3.3, uncompressed as libunbound gives it) into the normalised form
 * of packets/resolve.h. The bytes come from anywhere: whatever is not exactly right is refused.
 */
#ifndef DNS_RDATA_H
#define DNS_RDATA_H

#include "dns/dns.h"
#include "packets/resolve.h"

enum {
	RDATA_TEXT_MAX = 3500, /* a TXT record's strings joined; longer ones are left out */
	DNS_NAME_MAX = 254,    /* shown, without the last dot */
};

enum rdata {
	RDATA_OK,
	RDATA_MALFORMED, /* not what the type's format says */
	RDATA_NO_HOST,   /* MX, PTR: a name with other bytes than letters, digits, - and _ */
	RDATA_TOO_LONG,
};

/* `record->data` points into `rdata` or `scratch`. A null MX (RFC 7505) has an empty name. */
enum rdata rdata_normalise(enum dns_type type, struct slice rdata, struct text *scratch,
	struct resolve_record *record) MUST_USE;
/* Back from what a packet held to what a task sees, copied into `arena`; false if it does not fit
 * the type. */
bool record_from_packet(enum dns_type type, const struct resolve_record *packet,
	struct arena *arena, struct dns_record *record) MUST_USE;

#endif
