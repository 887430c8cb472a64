/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the files that a configuration names come from: while a bundle is gathered they are read
 * and put into it; afterwards they are only looked up in it. Private to this room.
 */
#ifndef POLICY_FILES_H
#define POLICY_FILES_H

#include "policy/bundle.h"

struct files {
	const struct bundle *bundle;
	struct bundle *growing; /* while it is gathered; else NULL */
	size_t size;            /* of the growing table */
	struct arena *arena;
	struct slice folder; /* relative paths start here */
};

/* The file, or NULL if the bundle does not have it. */
const struct bundle_file *files_want(struct files *files, enum bundle_kind kind, struct slice path);
/* The paths that a pattern of `include` means, one a line; itself if it has no * or ?. */
struct slice files_matching(struct files *files, struct slice pattern);

void files_gather(struct bundle *bundle, struct slice path, struct arena *arena);
void files_gather_text(
	struct bundle *bundle, struct slice name, struct slice text, struct arena *arena);

#endif
