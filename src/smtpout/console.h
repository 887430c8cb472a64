/* SPDX-License-Identifier: Apache-2.0 */
/* What control asks out, beside its status. */
#ifndef SMTPOUT_CONSOLE_H
#define SMTPOUT_CONSOLE_H

#include "run/channel.h"
#include "smtpout/asked.h"

/* Sends an answer in as many pieces as it needs. One that control does not take is asked again. */
void console_answer(struct channel *control, uint32_t request, struct slice answer);
/* {"ask":"mailbox","address":"a@b"}: whether the next hop takes mail for it, answered when that is
 * known: {"address":…,"known":true|false|null,"because":…}. `control` is where its channel stands,
 * NULL once it is gone; it outlives the answer. False: it is another question. */
bool console_ask(
	struct asked *asked, struct slice question, uint32_t request, struct channel **control);

#endif
