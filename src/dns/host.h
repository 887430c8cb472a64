/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What DNS says about a host that connects and about a domain that sends: its confirmed names, and
 * whether the domain can receive mail.
 */
#ifndef DNS_HOST_H
#define DNS_HOST_H

#include "dns/dns.h"

enum { CONFIRM_MOST = 10 }; /* PTR records that are looked at; a host has one or two */

struct host_names {
	bool unknown;              /* none is confirmed, and DNS did not tell of all */
	const struct slice *names; /* confirmed, in byte order; none: the host is unnamed */
	size_t count;
	struct slice because;
};
/* RFC 1912 section 2.1, both ways: each PTR record of the address whose name has that address. In
 * parallel, within the task's deadline: what is not known by then is unknown. */
enum wait host_confirm(struct task *task, struct dns *dns, const struct address *address,
	struct arena *arena, struct host_names *names);

enum reach { REACH_YES, REACH_NO, REACH_CANNOT_TELL };
#define NULL_MX_WORDS "a null MX record" /* `because` of a domain that has one */

/* RFC 5321 section 5.1: an MX that is no null MX (RFC 7505), or an address. */
enum wait domain_reach(struct task *task, struct dns *dns, struct slice domain, struct arena *arena,
	enum reach *reach, struct slice *because);

#endif
