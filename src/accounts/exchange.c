/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sign-in, from the mechanism's name to its end. Read signin.h and sasl/sasl.h first.
 *
 * Who is not there is tested as long as who is, by the same steps: a place in the counters of
 * guesses, a look at the store, a hash. What the client hears does not tell them apart either, nor
 * a disabled account from a wrong password; the log does.
 */
#include "accounts/exchange.h"

#include "base/panic.h"
#include "run/random.h"

static const mono_ns client_patience = 5 * 60 * NS_PER_S; /* as RFC 5321 section 4.5.3.2.7 has it */

void exchange_note(struct signin_exchange *exchange, struct slice words)
{
	text_clear(&exchange->because);
	text_put(&exchange->because, words);
}

/* ---- the conversation ---- */

static bool needs_guess(enum sasl_next next)
{
	return next == SASL_FIND_ACCOUNT || next == SASL_TEST_PASSWORD || next == SASL_TEST_TOKEN ||
	       next == SASL_TEST_CERTIFICATE;
}

/* Says it, and waits for the client. False: it has said `*`, or thought too long. */
static bool challenge(struct task *task, struct signin_exchange *exchange, struct sasl_step *step)
{
	mono_ns outer = task_limit(task, client_patience);
	enum wait end = WAIT_READY;

	if (exchange->peer) {
		exchange->has_response = false;
		exchange_say(exchange, step->words);
	}
	while (!exchange->has_response && end == WAIT_READY)
		end = gate_wait(task, &exchange->heard, "the client");
	task_restore(task, outer);
	if (end != WAIT_READY || exchange->cancelled)
		return false;
	exchange->has_response = true; /* nothing more is awaited */
	sasl_server_answer(exchange->server, exchange->response, step);
	return true;
}

/* A verdict that is not the mechanism's end: a token that is refused is explained first. */
static enum signin_outcome verdict(
	struct signin_exchange *exchange, enum signin_outcome tested, struct sasl_step *step)
{
	if (tested != SIGNED_IN && tested != SIGNIN_WRONG)
		return tested;
	sasl_server_verdict(exchange->server, tested == SIGNED_IN, step);
	return SIGNED_IN;
}

/* One step that asks us something; SIGNED_IN: go on. */
static enum signin_outcome work(
	struct task *task, struct signin_exchange *exchange, struct sasl_step *step)
{
	exchange->who = step->login;
	enum signin_outcome outcome = exchange_guess_take(task, exchange, step->login);
	if (outcome != SIGNED_IN)
		return outcome;
	switch (step->next) {
	case SASL_FIND_ACCOUNT: return exchange_give_keys(task, exchange, step);
	case SASL_TEST_PASSWORD:
		return verdict(exchange, exchange_test_password(task, exchange, step), step);
	case SASL_TEST_TOKEN:
		return verdict(exchange, exchange_test_token(task, exchange, step), step);
	case SASL_TEST_CERTIFICATE:
		return verdict(exchange, exchange_test_certificate(task, exchange, step), step);
	case SASL_CHALLENGE:
	case SASL_DONE:
	case SASL_WRONG:
	case SASL_MALFORMED: break;
	}
	panic("no work at step %d", (int)step->next);
}

static enum signin_outcome wrong(struct signin_exchange *exchange, const struct sasl_step *step)
{
	if (!exchange->who.len)
		exchange->who = step->login;
	if (!exchange->because.len)
		exchange_note(exchange, SLICE("the mechanism's own rules"));
	return SIGNIN_WRONG;
}

static enum signin_outcome converse(struct task *task, struct signin_exchange *exchange)
{
	struct sasl_step step;

	sasl_server_begin(
		exchange->server, exchange->begin.has_initial, exchange->begin.initial, &step);
	for (;;) {
		if (needs_guess(step.next)) {
			enum signin_outcome outcome = work(task, exchange, &step);
			if (outcome != SIGNED_IN)
				return outcome;
			continue;
		}
		if (step.next == SASL_CHALLENGE && challenge(task, exchange, &step))
			continue;
		if (step.next == SASL_CHALLENGE) {
			exchange_note(exchange, SLICE("cancelled"));
			return SIGNIN_MALFORMED;
		}
		if (step.next == SASL_DONE)
			return SIGNED_IN;
		if (step.next == SASL_WRONG)
			return wrong(exchange, &step);
		exchange_note(exchange, SLICE("no message of this mechanism"));
		return SIGNIN_MALFORMED;
	}
}

/* ---- beginning and end ---- */

static bool is_offered(struct slice offered, struct slice name)
{
	while (offered.len)
		if (slice_is_nocase(slice_cut(&offered, ' '), name))
			return true;
	return false;
}

static void server_begin(struct signin_exchange *exchange, enum sasl_mechanism mechanism)
{
	const struct signin *signin = exchange->signin;
	uint8_t chance[SASL_NONCE / 4 * 3];

	random_bytes(chance, sizeof chance);
	struct sasl_setting setting = {
		.binding = exchange->begin.has_binding ? exchange->begin.binding : NULL,
		.plus_offered = exchange->begin.has_binding &&
				is_offered(signin->offered, sasl_name(SASL_SCRAM_SHA_256_PLUS)),
		.nonce = sasl_nonce(chance, exchange->arena),
	};
	exchange->server = sasl_server_new(exchange->arena, mechanism, &setting);
}

static enum signin_outcome begin(struct task *task, struct signin_exchange *exchange)
{
	struct signin *signin = exchange->signin;
	enum sasl_mechanism mechanism;

	if (!exchange->begin.tls)
		return SIGNIN_WEAK;
	if (!signin->store) {
		exchange_note(exchange, SLICE("there are no accounts"));
		return SIGNIN_CANNOT_TELL;
	}
	if (!sasl_find(exchange->begin.mechanism, &mechanism) ||
		!is_offered(signin->offered, sasl_name(mechanism)) ||
		(mechanism == SASL_SCRAM_SHA_256_PLUS && !exchange->begin.has_binding))
		return SIGNIN_UNKNOWN;
	exchange->store = signin->store;
	stores_hold(exchange->store);
	server_begin(exchange, mechanism);
	return converse(task, exchange);
}

/* What proved who one is, but not that one may. */
static enum signin_outcome admit(struct signin_exchange *exchange, enum signin_outcome outcome)
{
	if (outcome != SIGNED_IN || !exchange->is_disabled)
		return outcome;
	exchange_note(exchange, SLICE("the account is disabled"));
	return SIGNIN_WRONG;
}

static void exchange_end(struct signin_exchange *exchange)
{
	struct signin *signin = exchange->signin;
	struct arena *arena = exchange->arena;

	guess_forget(signin->guesses, &exchange->guess);
	text_free(&exchange->because);
	stores_release(exchange->store);
	list_remove(&exchange->link);
	if (--signin->exchange_count == 0)
		gate_open(&signin->emptied);
	arena_wipe(arena); /* the exchange lies in it */
	arena_free(arena);
}

void exchange_run(struct task *task, void *arg)
{
	struct signin_exchange *exchange = arg;
	struct signin *signin = exchange->signin;

	exchange->task = task;
	enum signin_outcome outcome = admit(exchange, begin(task, exchange));
	exchange_guess_end(exchange, outcome);
	exchange_shut_or_open(exchange, outcome);
	if (outcome == SIGNED_IN) {
		text_clear(&exchange->because);
		store_used(exchange->store, exchange->who, loop_wall(signin->role->loop));
	} else if (outcome == SIGNIN_WRONG) {
		exchange_delay(task, exchange);
	}
	exchange_done(exchange, outcome);
	exchange_end(exchange);
}
