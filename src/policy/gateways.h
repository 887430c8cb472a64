/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's gateways. Whoever is behind one of them and is translated arrives from its
 * address, so a gateway belongs to no network that does not name that single address
 * (doc/policy.md, "Meaning" 2). Read with the configuration and kept in its bundle, like the host's
 * name.
 */
#ifndef POLICY_GATEWAYS_H
#define POLICY_GATEWAYS_H

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"

/* Blank-separated: ADDRESS of a default gateway, ADDRESS@INTERFACE of a container network's
 * (containers.h); empty where there are none or /proc is not there. */
struct slice gateways_find(struct arena *arena);
/* The same from the text of /proc/net/route and /proc/net/ipv6_route. */
struct slice gateways_of_routes(struct slice v4, struct slice v6, struct arena *arena);

/* For containers.c: so many bytes in hexadecimal; all of a small file of /proc. */
bool hex_read(struct slice hex, uint8_t *bytes, size_t count) MUST_USE;
void table_read(const char *path, struct text *table);

#endif
