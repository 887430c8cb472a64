/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A `struct dns` over a channel to the resolver role.
 *
 * While there is no resolver (it died, or has not been given yet) or its channel is full, every
 * question is DNS_CANNOT_TELL at once; so are those that were waiting when it died.
 *
 *	struct dns_client *names = dns_client_open(loop);
 *	dns_client_connect(names, fd);              at each `peer` call of the supervisor
 *	dns_ask(task, dns_client_dns(names), DNS_MX, domain, arena, &answer);
 */
#ifndef DNS_CLIENT_H
#define DNS_CLIENT_H

#include "dns/dns.h"

struct dns_client;

struct dns_client *dns_client_open(struct loop *loop);
void dns_client_close(struct dns_client *client); /* no task waits in it; NULL is fine */
/* A channel end to the (new) resolver, owned from here on. */
void dns_client_connect(struct dns_client *client, int fd);
struct dns *dns_client_dns(struct dns_client *client);
/* What the resolver's test of a list found; a list that it has not told of is believed. `why` lives
 * until the resolver tells again. */
bool dns_client_believes(
	const struct dns_client *client, struct slice zone, bool of_domains, struct slice *why);
size_t dns_client_waiting(const struct dns_client *client);

/* The answer that a packet holds, in `arena`; false if it is not well-formed. */
struct resolve_answer;
bool dns_answer_of(const struct resolve_answer *packet, enum dns_type type, struct arena *arena,
	struct dns_answer *answer);

#endif
