/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of handshakes. The contract is in turns.h. */
#include "tls/turns.h"

/* Those who wait are woken for the next turn, and have it. */
static void turn_ends(struct turn_end *hook)
{
	struct turns *turns = LIST_OBJECT(struct turns, hook, hook);

	turns->taken = 0;
	for (int turn = TLS_IN_TURN; turn < TLS_TURNS; turn++)
		while (turns->taken < TURNS_MOST && !list_is_empty(&turns->waiting[turn].waiting)) {
			gate_open_one(&turns->waiting[turn]);
			turns->taken++;
		}
}

void turns_init(struct turns *turns, struct loop *loop)
{
	*turns = (struct turns){.loop = loop, .hook = {.run = turn_ends}};
	for (int turn = 0; turn < TLS_TURNS; turn++)
		gate_init(&turns->waiting[turn]);
}

enum wait turns_take(struct task *task, struct turns *turns, enum tls_turn turn)
{
	enum wait end = WAIT_READY;

	if (turn == TLS_AT_ONCE)
		return WAIT_READY;
	if (turns->taken < TURNS_MOST)
		turns->taken++;
	else
		end = gate_wait(task, &turns->waiting[turn], "a turn for its handshake");
	loop_at_turn_end(turns->loop, &turns->hook); /* for those who still wait */
	return end;
}
