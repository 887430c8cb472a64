/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that can be switched off, one at a time, to show that the crash test would see it. Only the
 * library that the crash test links is built with SPOOL_MUTATIONS; everywhere else MUTATED() is
 * the constant false and nothing of this is compiled.
 */
#ifndef SPOOL_MUTATION_H
#define SPOOL_MUTATION_H

#include <stdbool.h>

enum mutation {
	NO_MUTATION,
	HEADER_STANDS_ONCE,
	HEADER_IS_NOT_REPAIRED,
	UNSURE_HEADER_IS_TRUSTED,
	EPOCH_STAYS,
	BLOCK_IS_WRITTEN_AGAIN,
	FLUSH_IS_TRIED_AGAIN,
	SUSPECT_IS_WRITTEN_ON,
	NOTHING_IS_VOIDED,
	ACKNOWLEDGED_BEFORE_FLUSH,
	DURABLE_TOLD_TOO_HIGH,
	RECYCLED_WITHOUT_FLUSH,
	FAILED_HEADER_STAYS,
	RESULTS_FORGOTTEN_EARLY,
	REMOVED_WITHOUT_FLUSH,
	COPY_WITHOUT_FLUSH,
	COPIES_SHARE_BLOCKS,
	COPIES_GIVEN_UP_EARLY,
	FAILED_FLUSH_AT_START_IS_FORGOTTEN,
	START_WITHOUT_FLUSH,
	FOLDERS_BELIEVED_WITHOUT_FLUSH,
	NAME_WITHOUT_FLUSH,
	RESULTS_BLOCK_IS_WRITTEN_AGAIN,
	RESULTS_FLUSH_IS_TRIED_AGAIN,
	CHECKPOINT_WITHOUT_FLUSH,
	CHECKPOINT_FORGETS_EVENTS,
	RECYCLED_UNHEARD,
	MUTATIONS,
};

#ifdef SPOOL_MUTATIONS
extern enum mutation spool_mutation;
#define MUTATED(which) (spool_mutation == (which))
#else
#define MUTATED(which) false
#endif

#endif
