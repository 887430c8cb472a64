/* SPDX-License-Identifier: Apache-2.0 */
/* What maildrop.c and scan.c share. Nobody else includes it. */
#ifndef POP3_DROP_H
#define POP3_DROP_H

#include "pop3/maildrop.h"

struct drop_message {
	uint64_t seconds; /* when it came, as its name says */
	uint64_t size;    /* as sent */
	uint32_t name;    /* where in `names` */
	uint8_t name_len, base_len;
	bool in_cur, measured, deleted, gone, seen;
};

struct maildrop {
	struct maildir_base base;
	char *path;
	int folder, lock; /* -1: not open, or not there */
	struct text names;
	struct drop_message *messages; /* in the order in which they came */
	size_t count, room, deleted, measured;
	char words[200];
};

static inline struct slice drop_name(const struct maildrop *drop, const struct drop_message *m)
{
	return (struct slice){drop->names.at + m->name, m->name_len};
}
/* What stays the same when another reader moves the file or sets its marks. */
static inline struct slice drop_base(const struct maildrop *drop, const struct drop_message *m)
{
	return (struct slice){drop->names.at + m->name, m->base_len};
}

/* Notes errno in `words`; MAILDROP_FAILED. */
enum maildrop_end drop_fail(struct maildrop *drop, const char *where);

/* scan.c; both block. Lists the folder. */
enum maildrop_end drop_scan(struct maildrop *drop) MUST_USE;
/* Finds files that were moved; those that are nowhere are gone. */
enum maildrop_end drop_refresh(struct maildrop *drop) MUST_USE;

#endif
