/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: the role's state. Nobody else includes it. */
#ifndef ACCOUNTS_STATE_H
#define ACCOUNTS_STATE_H

#include "accounts/keeper.h"
#include "role/answers.h"

struct accounts {
	struct role *role;
	struct offload *pool;
	struct counters *counters;
	struct keeper keeper;
	bool has_keeper;
	struct list edges;
	struct timer tick;                      /* sweeps and tends the file */
	uint64_t reserved, full, no_room, kept; /* since the start, for `status` */
	struct channel *control;
	struct answers answers; /* to control, on their way */
};

/* told.c: questions of control. Owns `fd`. */
void told_open(struct accounts *accounts, int fd);
void told_close(struct accounts *accounts);
/* JSON, or lines of JSON. */
void told_answer(struct accounts *accounts, struct slice question, struct text *out);

#endif
