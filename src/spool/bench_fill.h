/* SPDX-License-Identifier: Apache-2.0 */
/* Mail for the benches: a spool filled as writers would fill it. */
#ifndef SPOOL_BENCH_FILL_H
#define SPOOL_BENCH_FILL_H

#include "spool/store.h"

struct bench_mail {
	size_t messages, recipients, bytes; /* recipients and bytes of each */
};

/* Gives the longest time that store_give() took, in seconds. */
double bench_fill(struct store *store, const struct bench_mail *mail);
double bench_seconds(void);

#endif
