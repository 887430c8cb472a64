/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses and networks, in one form (doc/policy.md, "Addresses"): an IPv4 address written
 * inside IPv6 is that IPv4 address. `bytes` holds IPv4 as ::ffff:a.b.c.d, so that all 16 bytes
 * compare.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <sys/socket.h>

#include "base/slice.h"

struct text;

struct address {
	uint8_t bytes[16];
	uint16_t port; /* 0 where it has none */
	bool is_v4;
};

void text_address(struct text *text, const struct address *address);      /* without the port */
void text_address_port(struct text *text, const struct address *address); /* 1.2.3.4:25 [::1]:25 */
bool address_parse(struct slice s, struct address *address);              /* without a port */
bool address_parse_port(struct slice s, struct address *address);  /* "1.2.3.4:25" "[::1]:25" */
bool address_is(const struct address *a, const struct address *b); /* ports aside */
bool address_is_loopback(const struct address *address);
/* `::`, which no client comes from: one that its proxy does not name. */
bool address_is_nobody(const struct address *address);
/* Loopback, private, link-local, unspecified, multicast: where `via mx` never leads
 * (doc/policy.md). */
bool address_is_special(const struct address *address);
socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *raw);
bool address_from_sockaddr(const struct sockaddr_storage *raw, struct address *address);

struct network {
	struct address base;
	uint8_t prefix; /* of the 128 bits: an IPv4 /24 is 120 here */
};
/* "192.0.2.0/24", "2001:db8::/32", a single address. Host bits set are NETWORK_HOST_BITS. */
enum network_fault { NETWORK_OK, NETWORK_SYNTAX, NETWORK_HOST_BITS };
enum network_fault network_parse(struct slice s, struct network *network);
struct address network_last(const struct network *network); /* its highest address */
bool network_contains(const struct network *network, const struct address *address);
void text_network(struct text *text, const struct network *network);

#endif
