/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, each until some time: from where nobody may sign in for a while, or somebody has of
 * late. An address is one IPv4 address or one IPv6 /64. Pure: time is given.
 *
 * There is room for ADDRESSES_MOST: above it the one put longest ago is forgotten.
 */
#ifndef ACCOUNT_ADDRESSES_H
#define ACCOUNT_ADDRESSES_H

#include "base/address.h"
#include "base/clock.h"

enum { ADDRESSES_MOST = 20000 };

struct addresses;
/* `seed`: random, since clients choose their addresses. */
struct addresses *addresses_new(uint64_t seed);
void addresses_free(struct addresses *addresses); /* NULL is fine */
/* In place of what it had; a time that is over takes it out. */
void addresses_put(
	struct addresses *addresses, const struct address *address, mono_ns until, mono_ns now);
/* 0: it is not there, or its time is over. */
mono_ns addresses_until(
	const struct addresses *addresses, const struct address *address, mono_ns now);
/* Those whose time is not over. */
size_t addresses_count(const struct addresses *addresses, mono_ns now);
/* All of them, also some whose time is over, in no order; *at starts at 0. False at the end. */
bool addresses_next(
	const struct addresses *addresses, size_t *at, struct address *address, mono_ns *until);

#endif
