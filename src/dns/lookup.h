/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookups: libunbound behind our loop. Only the resolver role has these.
 *
 * libunbound works in a thread of its own (ub_ctx_async); a task of ours waits for its pipe and
 * collects results. The event interface (ub_resolve_event) was left alone: it needs an event base
 * of libunbound's own kind built around our loop, and would parse hostile packets on the thread
 * that also talks to the other roles.
 */
#ifndef DNS_LOOKUP_H
#define DNS_LOOKUP_H

#include "base/text.h"
#include "dns/dns.h"
#include "packets/resolve.h"

enum { LOOKUPS_MAX = 4096 }; /* at work at one time */

struct lookups;

/* One question, inside an object of the caller's. */
struct lookup {
	/* Called once, in the loop; *answer and what it points to live until it returns. */
	void (*done)(struct lookup *lookup, const struct resolve_answer *answer);
	/* The rest belongs to lookup.c. */
	struct lookups *of;
	struct list link;
	struct timer patience;
	enum dns_type type;
	int async_id;
};

/* `servers`: "127.0.0.1@5353 ::1", blank-separated; empty: those of the host's resolv.conf. NULL
 * with words in `why`. */
struct lookups *lookups_open(struct loop *loop, struct slice servers, struct text *why);
/* Lookups still at work are answered DNS_CANNOT_TELL; what remains is torn down by a task. */
void lookups_close(struct lookups *lookups);
bool lookups_validate(const struct lookups *lookups); /* there is a trust anchor */
size_t lookups_running(const struct lookups *lookups);

/* `done` may be called before this returns (too many, no memory). */
void lookup_start(
	struct lookups *lookups, struct lookup *lookup, enum dns_type type, struct slice name);
/* What libunbound found, in the normalised form; for tests as well. */
struct ub_result;
struct lookup_buffers {
	char records[3600];
	char scratch[3600];
	char why[300];
};
void answer_of_result(const struct ub_result *result, enum dns_type type,
	struct lookup_buffers *buffers, struct resolve_answer *answer);

#endif
