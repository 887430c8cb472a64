/* SPDX-License-Identifier: Apache-2.0 */
/* What guesses.h has of a sign-in: its places, what its end means there, and how long who goes on
 * guessing waits. Read exchange.h first. */
#include "account/login.h"
#include "accounts/exchange.h"

static const mono_ns guess_patience = 10 * NS_PER_S; /* until others of its address end */

struct slice exchange_one_form(struct signin_exchange *exchange, struct slice login)
{
	struct slice form;

	return login_normalise(login, exchange->arena, &form, NULL) ? form : login;
}

static void note_lock(struct signin_exchange *exchange, struct slice full, mono_ns free_in)
{
	exchange_note(exchange, SLICE("too many wrong ones: "));
	text_put(&exchange->because, full);
	text_format(&exchange->because, ", the next in %jd s", (intmax_t)(free_in / NS_PER_S) + 1);
}

/* A place in each counter, once an exchange. Anything but SIGNED_IN is the end. */
enum signin_outcome exchange_guess_take(
	struct task *task, struct signin_exchange *exchange, struct slice login)
{
	struct signin *signin = exchange->signin;
	struct slice account = exchange_one_form(exchange, login), full = SLICE_NONE;
	struct counting_state state = {0};
	enum guessing guessing;
	enum wait end = WAIT_READY;

	if (exchange->guessing)
		return SIGNED_IN;
	mono_ns outer = task_limit(task, guess_patience);
	while ((guessing = guess_begin(signin->guesses, &exchange->guess, &exchange->begin.client,
			account, loop_mono(task_loop(task)), &full, &state)) == GUESS_WAIT &&
		end == WAIT_READY && !signin->closing)
		end = gate_wait(task, &signin->guess_over, "other sign-ins of its address");
	task_restore(task, outer);
	exchange->guessing = guessing == GUESS_FREE;
	if (exchange->guessing)
		return SIGNED_IN;
	if (guessing == GUESS_TOO_MANY)
		note_lock(exchange, full, state.free_in);
	else
		exchange_note(
			exchange, SLICE("others of its address are being tested all the time"));
	return guessing == GUESS_TOO_MANY ? SIGNIN_TOO_MANY : SIGNIN_BUSY;
}

static void tell_kept(struct signin *signin, const struct guess *guess, struct guess_kept kept)
{
	for (size_t i = kept.first; i < kept.end; i++)
		signin_note(signin, &guess->counters[i]);
}

void exchange_guess_end(struct signin_exchange *exchange, enum signin_outcome outcome)
{
	struct signin *signin = exchange->signin;
	struct guess *guess = &exchange->guess;
	mono_ns now = loop_mono(signin->role->loop);

	if (!exchange->guessing)
		return;
	exchange->guessing = false;
	if (outcome == SIGNED_IN)
		tell_kept(signin, guess, guess_was_right(signin->guesses, guess, now));
	else if (outcome == SIGNIN_WRONG)
		tell_kept(signin, guess, guess_was_wrong(signin->guesses, guess, now));
	else
		guess_forget(signin->guesses, guess);
	gate_open(&signin->guess_over);
}

/* Who cannot be tested for a while anyhow need not be heard: a connection, and its handshake, cost
 * more than all the rest of a guess. */
void exchange_shut_or_open(struct signin_exchange *exchange, enum signin_outcome outcome)
{
	struct signin *signin = exchange->signin;
	struct guess *guess = &exchange->guess;
	mono_ns now = loop_mono(signin->role->loop);

	if (outcome == SIGNIN_BUSY)
		guess_was_untested(signin->guesses, guess, now);
	mono_ns how_long = guess_shut_for(signin->guesses, guess, now);
	if ((how_long || outcome == SIGNED_IN) && !address_is_nobody(&exchange->begin.client))
		signin_shut(signin, &exchange->begin.client, how_long);
}

/* The answer to who goes on guessing is kept back. So many at once; then it is not, and the
 * counters alone hold. */
void exchange_delay(struct task *task, struct signin_exchange *exchange)
{
	struct signin *signin = exchange->signin;
	mono_ns wait =
		guess_delay(signin->guesses, &exchange->guess, loop_mono(signin->role->loop));

	if (!wait || signin->delayed_count >= DELAYED_MAX || signin->closing)
		return;
	signin->delayed_count++;
	if (task_sleep(task, wait) != WAIT_READY)
		exchange_note(exchange, SLICE("the role ends"));
	signin->delayed_count--;
}
