/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in by way of accounts. The contract is in asker.h. */
#include "account/asker_inside.h"

static const mono_ns patience = 30 * NS_PER_S; /* accounts makes guessers wait */

static enum exchange exchange_over(struct asker_exchange *exchange, enum signin_outcome outcome,
	struct slice account, struct slice because)
{
	if (outcome == SIGNED_IN)
		asker_note_known(exchange->asker, &exchange->client);
	if (exchange->request)
		map_take(exchange->asker->exchanges, map_key(&exchange->request));
	exchange->request = 0;
	exchange->outcome = outcome;
	exchange->account = arena_slice(exchange->arena, account);
	exchange->because = arena_slice(exchange->arena, because);
	exchange->state = EXCHANGE_DONE;
	exchange->has_word = true;
	gate_open(&exchange->heard);
	return EXCHANGE_DONE;
}

enum exchange asker_exchange_fail(struct asker_exchange *exchange, struct slice because)
{
	return exchange_over(exchange, SIGNIN_CANNOT_TELL, SLICE_NONE, because);
}

static enum exchange exchange_wait(struct task *task, struct asker_exchange *exchange)
{
	struct loop *loop = task_loop(task);
	mono_ns until = loop_mono(loop) + patience, outer = task_limit(task, patience);
	enum wait end = WAIT_READY;

	while (!exchange->has_word && end == WAIT_READY)
		end = gate_wait(task, &exchange->heard, "accounts");
	task_restore(task, outer);
	exchange->has_word = false;
	if (end == WAIT_READY)
		return exchange->state;
	if (end == WAIT_DEADLINE && loop_mono(loop) >= until) {
		asker_end(exchange);
		return asker_exchange_fail(exchange, SLICE("accounts does not answer"));
	}
	return exchange->state = EXCHANGE_CANCELLED;
}

static bool exchange_send(struct asker *asker, const struct signin_begin *begin)
{
	struct outgoing outgoing = asker_outgoing_begin();

	signin_begin_write(&outgoing.out, begin);
	return asker_outgoing_send(asker, &outgoing, SIGNIN_BEGIN);
}

enum exchange asker_sign_in(struct task *task, struct asker *asker, struct arena *arena,
	const struct signin_begin *begin, struct asker_exchange *exchange)
{
	struct signin_begin numbered = *begin;

	*exchange =
		(struct asker_exchange){.asker = asker, .arena = arena, .client = begin->client};
	gate_init(&exchange->heard);
	if (!asker_is_there(asker))
		return asker_exchange_fail(exchange, is_away);
	if (map_count(asker->exchanges) >= EXCHANGES_MOST)
		return exchange_over(exchange, SIGNIN_BUSY, SLICE_NONE,
			SLICE("too many sign-ins of one process at once"));
	exchange->request = asker_new_request(asker);
	numbered.request = (uint32_t)exchange->request;
	map_put(asker->exchanges, map_key(&exchange->request), exchange);
	if (!exchange_send(asker, &numbered))
		return asker_exchange_fail(exchange, SLICE("accounts does not take it"));
	return exchange_wait(task, exchange);
}

enum exchange asker_respond(
	struct task *task, struct asker_exchange *exchange, bool cancelled, struct slice words)
{
	struct outgoing outgoing;

	if (!exchange->request) /* accounts has died while the client thought */
		return exchange->state == EXCHANGE_DONE ? EXCHANGE_DONE
							: asker_exchange_fail(exchange, is_away);
	exchange->has_word = false;
	outgoing = asker_outgoing_begin();
	signin_response_write(&outgoing.out,
		&(struct signin_response){(uint32_t)exchange->request, cancelled, words});
	if (!asker_outgoing_send(exchange->asker, &outgoing, SIGNIN_RESPONSE))
		return asker_exchange_fail(exchange, SLICE("accounts does not take it"));
	return exchange_wait(task, exchange);
}

/* Where the channel is full, accounts forgets the exchange by its own patience. */
void asker_end(struct asker_exchange *exchange)
{
	struct asker *asker = exchange->asker;

	if (!exchange->request)
		return;
	struct outgoing outgoing = asker_outgoing_begin();
	signin_give_up_write(&outgoing.out, &(struct signin_give_up){(uint32_t)exchange->request});
	(void)asker_outgoing_send(asker, &outgoing, SIGNIN_GIVE_UP);
	map_take(asker->exchanges, map_key(&exchange->request));
	exchange->request = 0;
}

void asker_take_challenge(struct asker *asker, const struct signin_challenge *challenge)
{
	uint64_t request = challenge->request;
	struct asker_exchange *exchange = map_get(asker->exchanges, map_key(&request));

	if (!exchange)
		return; /* its task has gone */
	exchange->words = arena_slice(exchange->arena, challenge->words);
	exchange->state = EXCHANGE_CHALLENGE;
	exchange->has_word = true;
	gate_open(&exchange->heard);
}

void asker_take_done(struct asker *asker, const struct signin_done *done)
{
	uint64_t request = done->request;
	struct asker_exchange *exchange = map_get(asker->exchanges, map_key(&request));

	if (exchange)
		exchange_over(
			exchange, (enum signin_outcome)done->outcome, done->account, done->because);
}
