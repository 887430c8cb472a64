/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Maildir as one POP3 session sees it (RFC 1939 section 4): messages by number, with their sizes
 * as sent and unique ids that last. What is here when it is opened has a number; what comes later
 * is for the next session. Files that other programs move are found again, those they remove are
 * gone; nobody but maildrop_update() removes any.
 *
 * Whatever says "blocks" is for an offload thread. One thread at a time has a maildrop.
 *
 *	drop = maildrop_new(folder, &base);
 *	if (maildrop_open(drop) == MAILDROP_DONE) …          blocks
 *	maildrop_close(drop);
 */
#ifndef POP3_MAILDROP_H
#define POP3_MAILDROP_H

#include "base/text.h"
#include "deliver/maildir.h"

#define MAILDROP_LOCK "postern-pop3.lock"

struct maildrop;

enum maildrop_end {
	MAILDROP_DONE,
	MAILDROP_IN_USE, /* another session has it */
	MAILDROP_FAILED, /* the system said no: maildrop_words() */
};

/* `folder` is copied; `base` (all zero: none) is as in deliver/maildir.h, its path and descriptor
 * outlive the maildrop. Opens nothing. */
struct maildrop *maildrop_new(struct slice folder, const struct maildir_base *base);
/* Blocks. Locks the folder and lists it; one that is not there yet holds no messages. */
enum maildrop_end maildrop_open(struct maildrop *drop) MUST_USE;
void maildrop_close(struct maildrop *drop); /* unlocks; deletes nothing; NULL is fine */
struct slice maildrop_words(const struct maildrop *drop); /* "new: Permission denied" */

/* ---- what is there: numbers are from 1 to the count ---- */

size_t maildrop_count(const struct maildrop *drop);
/* It exists, and was not deleted in this session. */
bool maildrop_has(const struct maildrop *drop, uint64_t number);
void maildrop_put_uid(const struct maildrop *drop, size_t number, struct text *out);
bool maildrop_size(const struct maildrop *drop, size_t number, uint64_t *size); /* false: unknown */
/* Blocks. Finds the sizes of at most `most` messages that are not known; false when all are. */
bool maildrop_measure(struct maildrop *drop, size_t most);
bool maildrop_is_measured(const struct maildrop *drop);
/* Blocks. The file, and its size found if it was not known; -1 and gone from now on, or -1 and
 * maildrop_words(). */
int maildrop_message(struct maildrop *drop, size_t number);

/* ---- deleting ---- */

void maildrop_delete(struct maildrop *drop, size_t number); /* at the update */
void maildrop_reset(struct maildrop *drop);                 /* nothing is to be deleted */
/* Blocks. Removes what was deleted, for good; MAILDROP_FAILED: some of it is still there. */
enum maildrop_end maildrop_update(struct maildrop *drop) MUST_USE;
size_t maildrop_deleted(const struct maildrop *drop); /* how many are to be */

#endif
