/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of `postern explain` share. */
#ifndef CMD_EXPLAIN_H
#define CMD_EXPLAIN_H

#include "cmd/cli.h"
#include "diagnose/tally.h"

enum { STDIN_MOST = 256 << 20 };

struct explaining {
	struct cli *cli;
	struct arena *arena; /* of one input, reset after it */
	struct tally *tally; /* of many; NULL: each is told */
	bool named;          /* several operands: each is told with its name */
	size_t shown;
	enum exit_status status;
};

/* A file's bytes, mapped. */
struct bytes {
	struct slice content;
	size_t mapped;
};
bool bytes_open(const char *path, struct bytes *bytes); /* false: errno says why */
void bytes_close(struct bytes *bytes);

void explain_input(struct explaining *explaining, struct slice input, struct slice name);
/* Several messages or many log lines in one file: false if it is not that. */
bool explain_mbox(struct explaining *explaining, struct slice content, struct slice name);
bool explain_log(struct explaining *explaining, struct slice content, struct slice name);
void explain_folder(struct explaining *explaining, const char *path); /* also a Maildir */
enum exit_status explain_follow(struct cli *cli, const char *path);

#endif
