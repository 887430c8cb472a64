/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of a channel: {u16 type, u16 length, body}…, little-endian, at most CHANNEL_PACKET_MAX
 * bytes. Pure: no I/O. The sender is taken for hostile; a packet is sound as a whole or not used.
 */
#ifndef RUN_CHANNEL_PACKET_H
#define RUN_CHANNEL_PACKET_H

#include "base/cursor.h"

enum { MESSAGE_HEAD = 4 };

/* How many messages a packet holds; 0 if it is not made of whole messages, or of none. */
size_t packet_messages(struct slice packet);
/* The next message of a sound packet; false at its end. */
bool packet_next(struct reader *in, uint16_t *type, struct slice *body);
/* Appends one message; the caller has checked that it fits. */
void packet_add(struct writer *out, uint16_t type, struct slice body);

#endif
