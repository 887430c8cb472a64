/* SPDX-License-Identifier: Apache-2.0 */
/* What leasing.c, granting.c and feed.c share. Nobody else includes it. */
#ifndef ACCOUNTS_LENDING_H
#define ACCOUNTS_LENDING_H

#include "accounts/leasing.h"

/* Made and written down; false as leases_put(). */
bool lease_make(struct leasing *leasing, const struct lease_view *lease);
/* `account` empty: all of the address. How many ended. */
size_t lease_revoke(struct leasing *leasing, const struct address *client, struct slice account);
/* Grants it, if lease->account (any spelling) stands; else `words` say what is wrong. */
bool lease_grant(struct task *task, struct leasing *leasing, struct store *store, mono_ns span,
	struct arena *arena, struct lease_view *lease, struct text *words);
/* lease_revoke() of any spelling. */
size_t lease_take_back(struct leasing *leasing, const struct address *client, struct slice account,
	struct arena *arena);
wall_ns lease_wall(const struct leasing *leasing, mono_ns at);

#endif
