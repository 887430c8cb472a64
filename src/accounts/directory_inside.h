/* SPDX-License-Identifier: Apache-2.0 */
/* What directory.c (the store, changes, life), directory_answers.c (questions) and
 * directory_commands.c (`postern user`, `postern grant`) share. Nobody else includes it. */
#ifndef ACCOUNTS_DIRECTORY_INSIDE_H
#define ACCOUNTS_DIRECTORY_INSIDE_H

#include "accounts/directory.h"
#include "accounts/kept.h"

struct directory {
	struct role *role;
	struct offload *pool;
	struct store *store, *prepared; /* NULL: none */
	char *name, *prepared_name;     /* what the configuration says of it, to see a change */
	bool has_prepared;
	struct kept_answers *kept;
	struct leasing *leasing; /* NULL: none are kept */
	struct list peers;
	uint64_t last_peer;
	unsigned under_way;
	uint64_t changes; /* answers of before a change are not kept */
	uint64_t asked, busy;
	struct gate idle;
};

struct directory_peer {
	struct list link;
	struct directory *directory;
	struct channel *channel;
	uint64_t id;
};

#endif
