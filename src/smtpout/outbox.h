/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What out tells the queue. A lost outcome would be a second delivery, so while the channel is full
 * they wait here, in order; jobs bound how many there can be.
 */
#ifndef SMTPOUT_OUTBOX_H
#define SMTPOUT_OUTBOX_H

#include "base/list.h"
#include "packets/delivery.h"
#include "run/channel.h"

struct outbox {
	struct channel *channel; /* NULL: no queue; then what is put is dropped */
	struct list waiting;
	char room[3000]; /* for one outcome; a buffer on the stack is cleared each time */
};

void outbox_init(struct outbox *box);
void outbox_connect(struct outbox *box, struct channel *channel); /* owned from here on */
void outbox_lost(struct outbox *box); /* the channel is closed by the caller */
void outbox_outcome(struct outbox *box, const struct delivery_outcome *outcome);
void outbox_end(struct outbox *box, uint64_t job);
void outbox_retry(struct outbox *box); /* there is room again */
void outbox_drain(struct outbox *box); /* blocking, for the last words */

#endif
