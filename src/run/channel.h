/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels: typed messages between two processes of ours, over SOCK_SEQPACKET.
 *
 * A packet is at most 4 KiB and carries several messages: {u16 type, u16 length, body}…; messages
 * sent during one turn of the loop leave together at its end. A descriptor travels in a packet
 * with its message alone. The receiver gets whole messages, in order, in the loop (not in a task);
 * a packet that does not parse ends the channel: the other side is treated as hostile. What a body
 * holds is packets/'s business.
 *
 * Every sender has a bounded queue (what the socket does not take waits here): CHANNEL_FULL means
 * nothing was queued and the caller's stated rule applies; `drained` is called when there is room
 * again. One call of `receive` may send, also on the channel it came from, but not close it.
 */
#ifndef RUN_CHANNEL_H
#define RUN_CHANNEL_H

#include "run/loop.h"

enum {
	CHANNEL_PACKET_MAX = 4096,
	CHANNEL_BODY_MAX = CHANNEL_PACKET_MAX - 4,
	CHANNEL_QUEUE_MAX = 1 << 20, /* bytes waiting, per channel */
};

struct channel;

struct channel_user {
	/* `fd` is a descriptor that now is the receiver's; -1: none came, or none was left to
	 * receive it with (EMFILE). */
	void (*receive)(
		void *owner, struct channel *channel, uint16_t type, struct slice body, int fd);
	void (*gone)(
		void *owner, struct channel *channel); /* ended by the other side; close it here */
	void (*drained)(void *owner, struct channel *channel); /* may be NULL */
	void *owner;
};

enum sent { SENT, CHANNEL_FULL, CHANNEL_GONE };

bool channel_pair(int fds[2]); /* non-blocking, close-on-exec; false and errno */
struct channel *channel_open(struct loop *loop, int fd, struct channel_user user); /* owns fd */
void channel_close(struct channel *channel); /* what is queued is dropped; NULL is fine */
/* For what nobody waits for: a packet that is not full may wait so long for more to fill it, which
 * saves the receiver a wake-up for each of ours. What waits so leaves before the channel closes. */
void channel_set_patience(struct channel *channel, mono_ns patience);
/* `fd` is -1 or a descriptor that is passed on; the caller keeps its own. CHANNEL_FULL with errno
 * EMFILE or ENFILE: there was none left to copy it to; otherwise errno stays. */
enum sent channel_send(struct channel *channel, uint16_t type, struct slice body, int fd) MUST_USE;
/* What was sent last holds a secret: it is overwritten when it has left. */
void channel_wipe_sent(struct channel *channel);
/* In `receive`: this message holds one, and is overwritten when every message that came with it has
 * been handed over. */
void channel_wipe_received(struct channel *channel);
size_t channel_queued(const struct channel *channel); /* bytes */
/* Sends what is queued now, blocking, for the last words of a process that ends. */
void channel_drain(struct channel *channel);

#endif
