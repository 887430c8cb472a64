/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the role out for what it alone can find out: whether the next hop of a domain with
 * `mailboxes asked` takes mail for an address. Nothing is kept here: out remembers for all edges,
 * so that each learns from what the others heard.
 *
 * Out answers in PROBE_PATIENCE (smtpout/asked.h); who hears nothing for NEXT_HOP_PATIENCE cannot
 * tell.
 */
#ifndef SMTPIN_OF_NEXT_HOP_H
#define SMTPIN_OF_NEXT_HOP_H

#include "base/arena.h"
#include "packets/asking.h"
#include "policy/facts.h"
#include "run/channel.h"
#include "run/task.h"

#define NEXT_HOP_PATIENCE (10 * NS_PER_S)
enum { NEXT_HOP_QUESTIONS_MOST = 4096 }; /* of one process at once */

struct next_hop;
struct next_hop *next_hop_open(struct loop *loop);
void next_hop_close(struct next_hop *next_hop); /* no task waits in it; NULL is fine */
/* A channel end to the (new) out, owned from here on. */
void next_hop_connect(struct next_hop *next_hop, int fd);
/* Instead, for tests: `send` takes what would go over a channel; false: it does not. */
void next_hop_use_way(struct next_hop *next_hop,
	bool (*send)(void *owner, uint16_t type, struct slice body), void *owner);
void next_hop_receive(struct next_hop *next_hop, uint16_t type, struct slice body);

/* Fills an answer to FACT_MAILBOX, within the task's deadline; anything but WAIT_READY leaves it as
 * it was. NULL for `next_hop`: nobody can be asked. What it points to lives in `arena`. */
enum wait fact_of_next_hop(struct task *task, struct next_hop *next_hop,
	const struct mailbox *recipient, struct arena *arena, struct fact_answer *answer) MUST_USE;

#endif
