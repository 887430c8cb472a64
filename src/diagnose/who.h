/* SPDX-License-Identifier: Apache-2.0 */
/* The policy asked backwards: who may relay, who may use an address, what a client may do. For
 * people, or (json) as one object a line. */
#ifndef DIAGNOSE_WHO_H
#define DIAGNOSE_WHO_H

#include "policy/policy.h"

void who_relays(const struct policy *policy, wall_ns now, bool json, struct text *out);
/* The accounts that may use it, as whoever keeps them says. */
struct who_account {
	struct slice name;
	bool disabled;              /* it cannot sign in */
	const struct slice *limits; /* its own (policy/account_limits.h) */
	size_t limit_count;
};
struct who_accounts {
	bool known;
	struct slice why; /* not */
	const struct who_account *list;
	size_t count;
};
/* False: nobody may use it. */
bool who_sends_as(const struct policy *policy, const struct mailbox *address,
	const struct who_accounts *accounts, bool json, struct text *out);
/* False: the client may not relay, whatever else it says. */
bool who_is_client(const struct policy *policy, const struct address *client, wall_ns now,
	bool json, struct text *out);

#endif
