/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: which account has signed in to read its mail, from which address, when (doc/policy.md,
 * "Signing in"). A lease is of exactly one address, IPv6 too, and of one account; several accounts
 * may hold one at an address (NAT), and an account at several. Pure: time is given, and monotonic.
 *
 * Whether a lease is young enough is for the clause that asks (`within`); here it ends by its own
 * end, and never lives longer than LEASE_LONGEST.
 */
#ifndef ACCOUNTS_LEASES_H
#define ACCOUNTS_LEASES_H

#include "base/address.h"
#include "base/clock.h"

enum {
	LEASES_MOST = 100000,     /* in all; above it the oldest ends */
	LEASES_OF_ADDRESS = 64,   /* likewise: a great NAT */
	LEASES_OF_ACCOUNT = 64,   /* likewise: who has one password must not end those of others */
	LEASE_ACCOUNT_MOST = 512, /* octets of an account's name */
};
#define LEASE_LONGEST (24 * 60 * 60 * NS_PER_S)

enum lease_by { LEASE_BY_POP, LEASE_BY_GRANT, LEASE_BYS };
const char *lease_by_text(enum lease_by by); /* "pop" */

struct lease_view {
	struct address client; /* without a port */
	struct slice account;  /* lives until the leases are changed */
	enum lease_by by;
	mono_ns since, until;
};

struct leases;
struct leases *leases_new(uint64_t seed);
void leases_free(struct leases *leases);

/* A new one, or a newer one in the old one's place. `until` is cut to LEASE_LONGEST from `since`.
 * False: over already, or no name an account could have. */
bool leases_put(struct leases *leases, const struct lease_view *lease, mono_ns now);
/* Each gives how many it ended. */
size_t leases_end(struct leases *leases, const struct address *client, struct slice account);
size_t leases_end_address(struct leases *leases, const struct address *client);
size_t leases_end_account(struct leases *leases, struct slice account);
size_t leases_end_all(struct leases *leases);
void leases_sweep(struct leases *leases, mono_ns now); /* forgets those that are over */

size_t leases_count(const struct leases *leases);
uint64_t leases_forgotten(const struct leases *leases); /* for want of room */
/* Those that are not over, at most `most`, the newest first. */
size_t leases_at(const struct leases *leases, const struct address *client, mono_ns now,
	struct lease_view *views, size_t most);
/* All, the oldest first; *at is NULL before the first. False at the end. Nothing changes between.
 */
bool leases_next(const struct leases *leases, const void **at, struct lease_view *view);

#endif
