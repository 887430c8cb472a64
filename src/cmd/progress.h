/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error for work that lasts; nothing where that is no terminal. */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "base/clock.h"

struct progress {
	const char *what; /* "reading the journal" */
	mono_ns last;     /* when it was drawn */
	bool drawn;
};
/* Cheap: drawn at most ten times a second, and not in the first half. `total` 0: unknown. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total);
void progress_end(struct progress *progress); /* takes the bar away */

#endif
