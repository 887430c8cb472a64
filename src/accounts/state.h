/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: the role's state. Nobody else includes it. */
#ifndef ACCOUNTS_STATE_H
#define ACCOUNTS_STATE_H

#include "accounts/directory.h"
#include "accounts/feed.h"
#include "accounts/counters_kept.h"
#include "accounts/leasing.h"
#include "accounts/signin.h"
#include "role/told.h"

struct accounts {
	struct role *role;
	struct offload *pool;
	struct counters *counters;
	struct keeper keeper;
	bool has_keeper;
	struct list edges; /* and pop */
	struct policy *policy, *prepared;
	struct directory *directory;
	struct signin *signin;
	struct token_setting tokens; /* of the prepared policy */
	struct leasing leasing;
	struct feed *feed;                      /* of `listen grants` */
	struct timer tick;                      /* sweeps and tends the file */
	uint64_t reserved, full, no_room, kept; /* since the start, for `status` */
	struct told told;
};

/* told.c: questions of control */
void accounts_told_begin(struct accounts *accounts);

#endif
