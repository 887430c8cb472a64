/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Equal refusals share a journal line, so that a client that hammers cannot write the journal full.
 * The first is written at once; those that follow it within a second are gathered, and written as
 * one line when that second is over: that of the first of them, with `repeats` (how many) and `ids`
 * (the first and the last).
 *
 * Equal are refusals and deferrals up to RCPT of one client on one listener under one policy, for
 * one reason, by one clause, with the same words, for the same HELO name, account, sender and
 * recipient. Session, transaction and what was counted are those of the line. What is refused after
 * the data is a message each, and has a line each. Of clients turned away as they connect a hundred
 * are named each second; the others of that second share a line that names none of them.
 */
#ifndef SMTPIN_ALIKE_H
#define SMTPIN_ALIKE_H

#include "journal/journal.h"
#include "run/loop.h"

struct alike;
/* `write` takes a line for the journal. */
struct alike *alike_open(struct loop *loop, uint64_t seed,
	void (*write)(void *owner, struct slice line), void *owner);
/* Writes what is gathered. */
void alike_flush(struct alike *alike);
void alike_close(struct alike *alike);
/* Writes a decision's line, or gathers it. `line` is room for it. */
void alike_record(struct alike *alike, const struct journal_decision *decision, struct text *line);

#endif
