/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that was read and proved, as the supervisor holds it. */
#ifndef SUPERVISOR_CONFIGURATION_H
#define SUPERVISOR_CONFIGURATION_H

#include "policy/policy.h"

/* What tells that a file has changed. */
struct stamp {
	int64_t seconds, nanoseconds, size;
	uint64_t inode;
};

/* A private key that `tls` names: opened here, where it may be root's alone, read by keys. */
struct key_file {
	struct slice path; /* as it is written */
	int fd;
	char name[65]; /* SHA-256 of its certificate's public key, hex */
	struct stamp stamp;
};

struct configuration {
	struct arena *arena;
	struct bundle bundle;
	struct policy *policy; /* NULL: `complaints` say why */
	struct complaints complaints;
	int fd;              /* sealed memory file with the bundle's bytes */
	struct slice folder; /* of the configuration, with its slash; relative names start here */
	uint32_t generation;
	unsigned edges;
	struct stamp *stamps; /* of each file of the bundle but the first */
	struct key_file *keys;
	size_t key_count;
};

/* `path` NULL: the built-in one. NULL with words in `why` if it cannot even be read and parsed. */
struct configuration *configuration_read(const char *path, struct text *why);
void configuration_free(struct configuration *configuration); /* NULL is fine */
/* All complaints, with the line and a caret. */
void configuration_show(const struct configuration *configuration, struct text *text);
/* The path from where the supervisor is; false: it is too long. */
bool configuration_path(
	const struct configuration *configuration, struct slice path, char *full, size_t size);
/* Whether a file that the configuration names is not what it was; the configuration itself does not
 * count, it may be half edited. The new state is remembered. */
bool configuration_has_changed(struct configuration *configuration);

#endif
