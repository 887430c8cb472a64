/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where to: from a route's target to the addresses to try, best first; or to why there are none.
 */
#ifndef SMTPOUT_HOSTS_H
#define SMTPOUT_HOSTS_H

#include "dns/dns.h"
#include "smtpout/job.h"

enum { HOSTS_MAX = 8 }; /* addresses tried in one attempt */

struct host {
	struct slice name; /* as looked up, or the address itself */
	struct address address;
	struct slice path; /* of a Unix socket, instead of all that; empty: none */
};
struct hosts {
	struct host list[HOSTS_MAX];
	size_t count;
	struct settlement failure; /* where count is 0 */
	/* While looking: */
	bool cannot_tell; /* some answer did not come */
	bool forbidden;   /* some address may not be used */
	struct slice why;
};

struct hosts_ask {
	struct dns *dns;
	struct slice target;   /* delivery_job.target */
	struct slice our_name; /* `via mx` never leads to it (RFC 5321 section 5.1) */
	uint16_t port;
	bool private_too;
	uint64_t seed; /* chooses among hosts of equal preference */
};

/* The mail exchangers of a domain (RFC 5321 section 5, RFC 7505), or an address literal. Results
 * lie in `arena`. Not WAIT_READY: the task was ended. */
enum wait hosts_by_mx(struct task *task, const struct hosts_ask *ask, struct arena *arena,
	struct hosts *hosts) MUST_USE;
/* "host:port" in order, blank-separated, or the path of a socket of this host (LMTP): what the
 * configuration names is used as it is. */
enum wait hosts_by_name(struct task *task, const struct hosts_ask *ask, struct arena *arena,
	struct hosts *hosts) MUST_USE;

/* For both: the addresses of one name, IPv4 first. */
enum wait hosts_add_name(struct task *task, const struct hosts_ask *ask, struct slice name,
	uint16_t port, struct arena *arena, struct hosts *hosts) MUST_USE;
void hosts_add(const struct hosts_ask *ask, struct slice name, struct address address,
	struct hosts *hosts);

#endif
