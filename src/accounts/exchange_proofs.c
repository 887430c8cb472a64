/* SPDX-License-Identifier: Apache-2.0 */
/* What proves who one is: a password, keys of SCRAM, a token, a certificate. Read exchange.h first.
 */
#include <string.h>

#include "account/password.h"
#include "accounts/exchange.h"

enum { ASKING_MAX = 64, INVENTED_ITERATIONS = SCRAM_ITERATIONS_MIN };

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
		exchange_note(exchange, exchange->has_account ? SLICE("wrong password")
							      : SLICE("there is no such account"));
		return SIGNIN_WRONG;
	case PASSWORD_UNTESTED:
		exchange_note(
			exchange, SLICE("its verifier is of a kind that this host cannot test"));
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
		exchange_note(exchange, SLICE("too many passwords wait to be tested"));
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
		exchange_note(exchange, SLICE("too many passwords wait to be tested"));
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

enum signin_outcome exchange_test_password(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step)
{
	return exchange->store->kind->has_verifiers ? test_here(task, exchange, step)
						    : test_there(task, exchange, step);
}

/* ---- SCRAM ---- */

enum signin_outcome exchange_give_keys(
	struct task *task, struct signin_exchange *exchange, struct sasl_step *step)
{
	struct scram_keys keys;

	if (account_find(task, exchange, step->login) == CANNOT_TELL)
		return SIGNIN_CANNOT_TELL;
	if (!exchange->has_account ||
		!scram_keys_parse(exchange->account.scram, exchange->arena, &keys)) {
		exchange_note(exchange,
			exchange->has_account
				? SLICE("the account has no keys of SCRAM: set its password")
				: SLICE("there is no such account"));
		scram_keys_invent(exchange->signin->secret,
			exchange_one_form(exchange, step->login), INVENTED_ITERATIONS, &keys);
	} else {
		exchange_note(exchange, SLICE("wrong password"));
	}
	sasl_server_keys(exchange->server, &keys, step);
	explicit_bzero(&keys, sizeof keys);
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
	if (found == NOT_FOUND || (claimed.len && !slice_is(exchange_one_form(exchange, claimed),
							  exchange_one_form(exchange, login)))) {
		exchange_note(exchange, found == NOT_FOUND
						? SLICE("whose it is has no account here")
						: SLICE("it is another account's"));
		return SIGNIN_WRONG;
	}
	return SIGNED_IN;
}

enum signin_outcome exchange_test_token(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step)
{
	struct signin *signin = exchange->signin;
	struct slice login;

	if (signin->asking_count >= ASKING_MAX) {
		exchange_note(exchange, SLICE("too many tokens wait to be asked about"));
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

enum signin_outcome exchange_test_certificate(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step)
{
	struct signin *signin = exchange->signin;
	struct slice login = SLICE_NONE;

	if (exchange->begin.certificate.len && signin->hooks.account_of_certificate)
		login = signin->hooks.account_of_certificate(
			signin->hooks.owner, exchange->begin.certificate, exchange->arena);
	if (!login.len) {
		exchange_note(exchange, exchange->begin.certificate.len
						? SLICE("no account belongs to its certificate")
						: SLICE("it has shown no certificate"));
		return SIGNIN_WRONG;
	}
	return account_of(task, exchange, login, step->login);
}
