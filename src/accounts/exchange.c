/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sign-in, from the mechanism's name to its end. Read signin.h and sasl/sasl.h first.
 *
 * Who is not there is tested as long as who is, by the same steps: a place in the counters of
 * guesses, a look at the store, a hash. What the client hears does not tell them apart either, nor
 * a disabled account from a wrong password; the log does.
 */
#include "accounts/exchange.h"

#include <stdlib.h>

#include "account/login.h"
#include "account/password.h"
#include "base/panic.h"
#include "run/random.h"

static const mono_ns client_patience = 5 * 60 * NS_PER_S; /* as RFC 5321 section 4.5.3.2.7 has it */
static const mono_ns guess_patience = 10 * NS_PER_S;      /* until others of its address end */

enum { ASKING_MAX = 64, INVENTED_ITERATIONS = SCRAM_ITERATIONS_MIN };

static void note(struct signin_exchange *exchange, struct slice words)
{
	text_clear(&exchange->because);
	text_put(&exchange->because, words);
}

/* ---- guesses ---- */

static struct slice one_form(struct signin_exchange *exchange, struct slice login)
{
	struct slice form;

	return login_normalise(login, exchange->arena, &form, NULL) ? form : login;
}

static void note_lock(struct signin_exchange *exchange, struct slice full, mono_ns free_in)
{
	note(exchange, SLICE("too many wrong ones: "));
	text_put(&exchange->because, full);
	text_format(&exchange->because, ", the next in %jd s", (intmax_t)(free_in / NS_PER_S) + 1);
}

/* A place in each counter, once an exchange. Anything but SIGNED_IN is the end. */
static enum signin_outcome guess_take(
	struct task *task, struct signin_exchange *exchange, struct slice login)
{
	struct signin *signin = exchange->signin;
	struct slice account = one_form(exchange, login), full = SLICE_NONE;
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
		note(exchange, SLICE("others of its address are being tested all the time"));
	return guessing == GUESS_TOO_MANY ? SIGNIN_TOO_MANY : SIGNIN_BUSY;
}

static void tell_kept(struct signin *signin, const struct guess *guess, struct guess_kept kept)
{
	for (size_t i = kept.first; i < kept.end; i++)
		signin_note(signin, &guess->counters[i]);
}

static void guess_end(struct signin_exchange *exchange, enum signin_outcome outcome)
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
static void shut_or_open(struct signin_exchange *exchange, enum signin_outcome outcome)
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
static void delay(struct task *task, struct signin_exchange *exchange)
{
	struct signin *signin = exchange->signin;
	mono_ns wait =
		guess_delay(signin->guesses, &exchange->guess, loop_mono(signin->role->loop));

	if (!wait || signin->delayed_count >= DELAYED_MAX || signin->closing)
		return;
	signin->delayed_count++;
	if (task_sleep(task, wait) != WAIT_READY)
		note(exchange, SLICE("the role ends"));
	signin->delayed_count--;
}

/* ---- the account ---- */

/* CANNOT_TELL, or the account is in `exchange` where there is one. */
static enum found account_find(
	struct task *task, struct signin_exchange *exchange, struct slice login)
{
	text_clear(&exchange->because);
	enum found found = store_find(task, exchange->store, login, exchange->arena,
		&exchange->account, &exchange->because);

	exchange->has_account = found == FOUND;
	exchange->is_disabled = exchange->has_account && exchange->account.disabled;
	if (exchange->has_account)
		exchange->who = exchange->account.login;
	return found;
}

/* ---- passwords ---- */

struct hashing_job {
	struct slice verifier, password;
	struct scram_keys keys;
	enum { BY_VERIFIER, BY_KEYS, BY_NOBODY } by;
	enum password_verdict verdict;
};

static void hash_run(void *arg)
{
	struct hashing_job *job = arg;

	switch (job->by) {
	case BY_VERIFIER: job->verdict = password_test(job->verifier, job->password); break;
	case BY_KEYS:
		job->verdict =
			scram_keys_fit(&job->keys, job->password) ? PASSWORD_RIGHT : PASSWORD_WRONG;
		break;
	case BY_NOBODY:
		password_test_nothing(job->password);
		job->verdict = PASSWORD_WRONG;
		break;
	}
}

static void job_choose(struct signin_exchange *exchange, struct hashing_job *job)
{
	const struct account *account = &exchange->account;

	job->by = BY_NOBODY;
	if (!exchange->has_account)
		return;
	if (account->verifier.len) {
		job->by = BY_VERIFIER;
		job->verifier = account->verifier;
	} else if (scram_keys_parse(account->scram, exchange->arena, &job->keys)) {
		job->by = BY_KEYS;
	}
}

/* Those whom an account knows wait in a longer queue, which strangers cannot fill. */
static bool queue_is_full(const struct signin_exchange *exchange)
{
	size_t most = exchange->guess.is_known ? 2 * HASHING_MAX : HASHING_MAX;

	return exchange->signin->hashing_count >= most;
}

static enum signin_outcome verdict_outcome(
	struct signin_exchange *exchange, enum password_verdict verdict)
{
	switch (verdict) {
	case PASSWORD_RIGHT: return SIGNED_IN;
	case PASSWORD_WRONG:
		note(exchange, exchange->has_account ? SLICE("wrong password")
						     : SLICE("there is no such account"));
		return SIGNIN_WRONG;
	case PASSWORD_UNTESTED:
		note(exchange, SLICE("its verifier is of a kind that this host cannot test"));
		return SIGNIN_CANNOT_TELL;
	}
	return SIGNIN_CANNOT_TELL;
}

static enum signin_outcome test_here(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step)
{
	struct hashing_job *job = ARENA_NEW(exchange->arena, struct hashing_job);

	if (account_find(task, exchange, step->login) == CANNOT_TELL)
		return SIGNIN_CANNOT_TELL;
	if (queue_is_full(exchange)) {
		note(exchange, SLICE("too many passwords wait to be tested"));
		return SIGNIN_BUSY;
	}
	job->password = step->password;
	job_choose(exchange, job);
	exchange->signin->hashing_count++;
	offload_run(task, exchange->signin->hashing, hash_run, job);
	exchange->signin->hashing_count--;
	return verdict_outcome(exchange, job->verdict);
}

/* A store that tests passwords itself. */
static enum signin_outcome test_there(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step)
{
	struct signin *signin = exchange->signin;

	if (queue_is_full(exchange)) {
		note(exchange, SLICE("too many passwords wait to be tested"));
		return SIGNIN_BUSY;
	}
	signin->hashing_count++;
	text_clear(&exchange->because);
	enum found found = store_test(task, exchange->store, step->login, step->password,
		exchange->arena, &exchange->account, &exchange->because);
	signin->hashing_count--;
	switch (found) {
	case FOUND: break;
	case NOT_FOUND: return SIGNIN_WRONG;
	case CANNOT_TELL: return SIGNIN_CANNOT_TELL;
	}
	exchange->has_account = true;
	exchange->is_disabled = exchange->account.disabled;
	if (exchange->account.login.len)
		exchange->who = exchange->account.login;
	return SIGNED_IN;
}

static enum signin_outcome test_password(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step)
{
	return exchange->store->kind->has_verifiers ? test_here(task, exchange, step)
						    : test_there(task, exchange, step);
}

/* ---- SCRAM ---- */

static enum signin_outcome give_keys(
	struct task *task, struct signin_exchange *exchange, struct sasl_step *step)
{
	struct scram_keys keys;

	if (account_find(task, exchange, step->login) == CANNOT_TELL)
		return SIGNIN_CANNOT_TELL;
	if (!exchange->has_account ||
		!scram_keys_parse(exchange->account.scram, exchange->arena, &keys)) {
		note(exchange, exchange->has_account
				       ? SLICE("the account has no keys of SCRAM: set its password")
				       : SLICE("there is no such account"));
		scram_keys_invent(exchange->signin->secret, one_form(exchange, step->login),
			INVENTED_ITERATIONS, &keys);
	} else {
		note(exchange, SLICE("wrong password"));
	}
	sasl_server_keys(exchange->server, &keys, step);
	return SIGNED_IN;
}

/* ---- tokens and certificates ---- */

/* Whose token it is must have an account here, and be whom the client says it is. */
static enum signin_outcome account_of(struct task *task, struct signin_exchange *exchange,
	struct slice login, struct slice claimed)
{
	enum found found = account_find(task, exchange, login);

	if (found == CANNOT_TELL)
		return SIGNIN_CANNOT_TELL;
	if (found == NOT_FOUND || (claimed.len && !slice_is(one_form(exchange, claimed),
							  one_form(exchange, login)))) {
		note(exchange, found == NOT_FOUND ? SLICE("whose it is has no account here")
						  : SLICE("it is another account's"));
		return SIGNIN_WRONG;
	}
	return SIGNED_IN;
}

static enum signin_outcome test_token(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step)
{
	struct signin *signin = exchange->signin;
	struct slice login;

	if (signin->asking_count >= ASKING_MAX) {
		note(exchange, SLICE("too many tokens wait to be asked about"));
		return SIGNIN_BUSY;
	}
	signin->asking_count++;
	text_clear(&exchange->because);
	enum token token = token_test(task, signin->asking, &signin->tokens, step->token,
		exchange->arena, &login, &exchange->because);
	signin->asking_count--;
	switch (token) {
	case TOKEN_GOOD: return account_of(task, exchange, login, step->login);
	case TOKEN_BAD: return SIGNIN_WRONG;
	case TOKEN_CANNOT_TELL: break;
	}
	return SIGNIN_CANNOT_TELL;
}

static enum signin_outcome test_certificate(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step)
{
	struct signin *signin = exchange->signin;
	struct slice login = SLICE_NONE;

	if (exchange->begin.certificate.len && signin->hooks.account_of_certificate)
		login = signin->hooks.account_of_certificate(
			signin->hooks.owner, exchange->begin.certificate, exchange->arena);
	if (!login.len) {
		note(exchange, exchange->begin.certificate.len
				       ? SLICE("no account belongs to its certificate")
				       : SLICE("it has shown no certificate"));
		return SIGNIN_WRONG;
	}
	return account_of(task, exchange, login, step->login);
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
	enum signin_outcome outcome = guess_take(task, exchange, step->login);
	if (outcome != SIGNED_IN)
		return outcome;
	switch (step->next) {
	case SASL_FIND_ACCOUNT: return give_keys(task, exchange, step);
	case SASL_TEST_PASSWORD:
		return verdict(exchange, test_password(task, exchange, step), step);
	case SASL_TEST_TOKEN: return verdict(exchange, test_token(task, exchange, step), step);
	case SASL_TEST_CERTIFICATE:
		return verdict(exchange, test_certificate(task, exchange, step), step);
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
		note(exchange, SLICE("the mechanism's own rules"));
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
			note(exchange, SLICE("cancelled"));
			return SIGNIN_MALFORMED;
		}
		if (step.next == SASL_DONE)
			return SIGNED_IN;
		if (step.next == SASL_WRONG)
			return wrong(exchange, &step);
		note(exchange, SLICE("no message of this mechanism"));
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
		note(exchange, SLICE("there are no accounts"));
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
	note(exchange, SLICE("the account is disabled"));
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
	guess_end(exchange, outcome);
	shut_or_open(exchange, outcome);
	if (outcome == SIGNED_IN) {
		text_clear(&exchange->because);
		store_used(exchange->store, exchange->who, loop_wall(signin->role->loop));
	} else if (outcome == SIGNIN_WRONG) {
		delay(task, exchange);
	}
	exchange_done(exchange, outcome);
	exchange_end(exchange);
}
