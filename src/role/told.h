/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a role says to control, and hears from it (packets/report.h): lines of the journal one way,
 * which are kept while control is away and never waited for; questions the other, whose answers
 * leave in pieces (answers.h).
 *
 *	told_init(&told, loop, &(struct told_user){answer, NULL, owner});
 *	told_open(&told, fd);                    the peer control, again when it lives again
 *	told_record(&told, line);
 *	told_close(&told);
 */
#ifndef ROLE_TOLD_H
#define ROLE_TOLD_H

#include "role/answers.h"

struct told_user {
	/* Writes the answer to a question, JSON or lines of JSON. */
	void (*answer)(void *owner, struct slice question, struct text *out);
	/* NULL, or asked first: true, and its answer comes later by told_later(). */
	bool (*take)(void *owner, struct slice question, uint32_t request, uint64_t asker);
	void *owner;
};

struct told {
	struct loop *loop;
	struct told_user user;
	struct channel *control; /* NULL: away */
	uint64_t controls;       /* how many there have been */
	struct answers answers;
	struct text kept; /* lines while control is away, each behind its length */
	uint64_t dropped; /* lines since control was told how many */
};

void told_init(struct told *told, struct loop *loop, const struct told_user *user);
void told_open(struct told *told, int fd); /* owns `fd` */
/* Hands over what is on its way as far as it goes now, and forgets the rest. */
void told_close(struct told *told);
/* A line that can be neither sent nor kept is dropped and counted. */
void told_record(struct told *told, struct slice line);
/* The answer to a question that was taken; `asker` may have gone. */
void told_later(struct told *told, uint32_t request, uint64_t asker, struct slice words);

#endif
