/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver role: the one process that parses DNS answers from outside (libunbound: cache,
 * DNSSEC), for every other role.
 *
 * It also tests the DNS lists that the configuration names (dns/health.h) and tells every role that
 * asks which of them can be believed.
 *
 * It may open: trust anchors and the host's resolv.conf, at start and reload; sockets to name
 * servers. It holds no mail and no secret.
 *
 * dns/ lies below policy/, so the maker of the role says how the `resolver` statement and the lists
 * are found in a bundle. The kind is a constant; cmd/ writes
 *
 *	static const struct resolver_role resolver = RESOLVER_ROLE(settings_of_bundle);
 *	role_main(&resolver.kind, &start);
 */
#ifndef DNS_RESOLVER_H
#define DNS_RESOLVER_H

#include "base/arena.h"
#include "dns/health.h"
#include "role/role.h"

struct resolver_settings {
	struct slice servers; /* "127.0.0.1@5353 ::1", empty for the host's own */
	const struct list_name *lists;
	size_t list_count;
};
/* Finds them in a bundle. They live in `arena`. False with words in `why`. */
typedef bool resolver_find(struct slice bundle, struct arena *arena,
	struct resolver_settings *settings, struct text *why);

struct resolver_role {
	struct role_kind kind;
	resolver_find *find;
};

#define RESOLVER_ROLE(settings_of_bundle)                                                          \
	{                                                                                          \
		.kind = {.name = ROLE_RESOLVER,                                                    \
			.start = resolver_start,                                                   \
			.prepare = resolver_prepare,                                               \
			.switch_over = resolver_switch_over,                                       \
			.peer = resolver_peer,                                                     \
			.grant = resolver_grant,                                                   \
			.go = resolver_go,                                                         \
			.stop = resolver_stop},                                                    \
		.find = (settings_of_bundle),                                                      \
	}

/* The kind's functions; not to be called otherwise. */
void *resolver_start(struct role *role);
bool resolver_prepare(void *state, struct slice bundle, struct text *why);
void resolver_switch_over(void *state);
void resolver_peer(void *state, enum role_name name, unsigned slot, int fd);
void resolver_grant(void *state, const struct setup_grant *what, int fd);
void resolver_go(void *state);
void resolver_stop(void *state);

#endif
