/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `listen grants`: a Unix socket on which other login servers say who has signed in
 * (feed_line.h, doc/recent-pop.md). Who may connect is the file system's to say; what is said is
 * checked like a sign-in: the account must stand.
 */
#ifndef ACCOUNTS_FEED_H
#define ACCOUNTS_FEED_H

#include "accounts/directory.h"
#include "accounts/leasing.h"

enum { FEED_SESSIONS_MOST = 64 }; /* at once; above it clients wait in the kernel's queue */

struct feed;
struct feed *feed_open(struct role *role, struct directory *directory, struct leasing *leasing);
void feed_listen(struct feed *feed, int fd); /* theirs from here on */
void feed_start(struct feed *feed);
/* Every session has ended when it comes back. */
void feed_close(struct task *task, struct feed *feed);

#endif
