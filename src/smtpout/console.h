/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control asks out, beside its status: whether the next hop takes mail for an address.
 *
 *	{"ask":"mailbox","address":"a@b"}
 *	{"address":"a@b","known":true|false|null,"because":"asked 10.0.0.7:25: 250 2.1.5 Ok"}
 */
#ifndef SMTPOUT_CONSOLE_H
#define SMTPOUT_CONSOLE_H

#include "role/told.h"
#include "smtpout/asked.h"

/* False: it is another question. `address`, in `arena`, is empty where there is none. */
bool console_read(struct slice question, struct arena *arena, struct slice *address) MUST_USE;
void console_write(struct text *json, struct slice address, const struct asking_answer *answer);

/* Asks, and answers by told_later() when that is known. False: it is another question. */
bool console_ask(struct asked *asked, struct told *told, struct slice question, uint32_t request,
	uint64_t asker) MUST_USE;

#endif
