/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A role's answers to control's questions (packets/report.h), on their way: they leave in pieces as
 * the channel takes them, so that a long list never fills it.
 *
 *	struct text *words = answers_begin(&answers, ask.request);
 *	if (words)
 *		fill(words);
 *	answers_pump(&answers, channel);          and again when the channel has drained
 */
#ifndef ROLE_ANSWERS_H
#define ROLE_ANSWERS_H

#include "base/text.h"
#include "run/channel.h"

enum { ANSWERS_MAX = 16 }; /* on their way at once */

struct answers {
	struct list waiting;
	size_t count;
};
void answers_init(struct answers *answers);
/* Where the answer is written, growing, before the next call of this room. NULL: there are too
 * many, and that is the answer. */
struct text *answers_begin(struct answers *answers, uint32_t request);
/* False: the channel is full; call it again when it has drained. */
bool answers_pump(struct answers *answers, struct channel *channel);
void answers_drop(struct answers *answers); /* who asked has gone */

#endif
