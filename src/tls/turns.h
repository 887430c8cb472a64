/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns of handshakes: each step of one is a tenth of a millisecond or more of this process,
 * between two replies to others. However many strangers come at once, a turn of the loop has
 * TURNS_MOST of their steps; who has to wait is served in the order of coming.
 */
#ifndef TLS_TURNS_H
#define TLS_TURNS_H

#include "run/task.h"
#include "tls/tls.h"

enum { TURNS_MOST = 1 };

struct turns {
	struct loop *loop;
	struct turn_end hook;
	struct gate waiting[TLS_TURNS]; /* the first is never waited at */
	unsigned taken;                 /* in this turn of the loop */
};
void turns_init(struct turns *turns, struct loop *loop);
/* For one step. Anything but WAIT_READY: none is to be done. */
enum wait turns_take(struct task *task, struct turns *turns, enum tls_turn turn) MUST_USE;

#endif
