/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle: the configuration and every file it names, read once by the supervisor (or a command)
 * into one piece of memory that every role parses for itself. Roles open no file.
 *
 * A bundle is a sequence of (kind, path, bytes). Its hash (SHA-256, 16 hex digits shown) is what
 * every decision carries and what STATE/policy/ keeps it under.
 */
#ifndef POLICY_BUNDLE_H
#define POLICY_BUNDLE_H

#include "base/arena.h"
#include "base/status.h"

enum bundle_kind {
	BUNDLE_CONFIGURATION, /* the configuration or a file it includes */
	BUNDLE_LIST,          /* mailboxes "FILE", in "FILE" */
	BUNDLE_NAMES,         /* what an `include` with a pattern found: one path a line */
	BUNDLE_CERTIFICATE,   /* of `tls`: nothing but the certificates in it, never a key */
};
struct bundle_file {
	enum bundle_kind kind;
	struct slice path; /* as the configuration writes it; the configuration itself first */
	struct slice bytes;
	bool missing;
	struct slice why; /* missing: the system's words */
};
struct bundle {
	struct bundle_file *files;
	size_t count;
	struct slice nodename; /* the host's name, where `hostname` is not written */
	struct slice gateways; /* of the host, blank-separated (gateways.h) */
	struct slice bytes;    /* the encoded form */
	char hash[17];         /* 16 hex digits and a NUL */
};

/* Reads `path` ("-" is not special) and, by parsing, every file it names; relative ones start at
 * the folder of `path`. Missing files are in the bundle as missing; policy_load() complains about
 * them with line and column. */
void bundle_gather(const char *path, struct arena *arena, struct bundle *bundle);
/* The same for a configuration given as text, shown as `name`. */
void bundle_of_text(
	struct slice name, struct slice text, struct arena *arena, struct bundle *bundle);
/* What bundle->bytes holds; false if it is damaged or of a newer format. */
bool bundle_open(struct slice bytes, struct arena *arena, struct bundle *bundle) MUST_USE;
const struct bundle_file *bundle_find(const struct bundle *bundle, struct slice path);

#endif
