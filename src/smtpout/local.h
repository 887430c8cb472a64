/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that end on this host: Maildirs. A few tasks take them in turn; each file is written on an
 * offload thread (deliver/maildir.h).
 */
#ifndef SMTPOUT_LOCAL_H
#define SMTPOUT_LOCAL_H

#include "run/offload.h"
#include "smtpout/dest.h"

enum { LOCAL_AT_ONCE = 4 };

struct local;

/* `link` as a pool's. What came before `began` may have been delivered by an earlier run. */
struct local *local_open(
	struct loop *loop, struct offload *threads, wall_ns began, struct pool_link link);
void local_close(struct local *local);                           /* it is empty */
void local_set_name(struct local *local, struct slice our_name); /* domain of <postmaster> */
/* The state folder, handed over open: Maildirs below it are reached through it. Both outlive us. */
void local_set_base(struct local *local, struct slice path, int fd);
void local_add(struct local *local, struct job *job); /* after local_stop(): ends at once */
void local_stop(struct local *local);
size_t local_count(const struct local *local); /* jobs waiting and at work */

#endif
