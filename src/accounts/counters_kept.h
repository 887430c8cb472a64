/* SPDX-License-Identifier: Apache-2.0 */
/* Counters in a file of their own: STATE/accounts/limits (keeper.h, counters_file.h). */
#ifndef ACCOUNTS_COUNTERS_KEPT_H
#define ACCOUNTS_COUNTERS_KEPT_H

#include "accounts/counters.h"
#include "accounts/keeper.h"

/* The keeper's owner is a struct counters. */
extern const struct keeper_kind counters_kept;

/* For kinds of the same shape under another name. */
bool counters_take(struct keeper *keeper, struct slice bytes, struct text *why);
void counters_put_all(struct keeper *keeper, int64_t offset, struct text *out);

/* These places were accepted now. */
void counters_note(struct keeper *keeper, const struct counting_counter *kept);

#endif
