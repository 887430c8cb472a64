/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY header, versions 1 and 2 (https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt):
 * what a load balancer says in front of a connection about the client that it speaks for. Read
 * strictly: what is not exactly as the text says is no header.
 *
 *	while ((wants = proxy_wants(read_so_far)) > 0)
 *		… read at most so many more octets …
 *	proxy_read(read_so_far, &header, &why)
 */
#ifndef WIRE_PROXY_H
#define WIRE_PROXY_H

#include "base/address.h"
#include "base/status.h"

enum { PROXY_HEADER_MAX = 2048 }; /* octets of one, with its TLVs */

/* How many octets more belong to the header for certain; 0: it is whole, or none. Whoever reads no
 * more than that at a time takes nothing of what follows it. */
size_t proxy_wants(struct slice so_far);

enum proxy_verdict {
	PROXY_BAD,    /* no header, or a broken one; `why` says what */
	PROXY_CLIENT, /* `client` is on whose behalf, with its port */
	PROXY_NOBODY  /* LOCAL, UNKNOWN, or no kind of address that a client of ours has */
};
enum proxy_verdict proxy_read(
	struct slice whole, struct address *client, const char **why) MUST_USE;

#endif
