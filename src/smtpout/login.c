/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in at the next server: AUTH (RFC 4954). Nothing of what is said here is shown anywhere.
 * Read client.h first. */
#include "run/random.h"
#include "sasl/sasl.h"
#include "smtpout/talk.h"
#include "wire/base64.h"

/* One exchange. Its arena holds the password, and is overwritten at the end. */
struct login {
	struct task *task;
	struct client *client;
	const struct manner *manner;
	struct arena *secrets;
	enum sasl_mechanism mechanism;
	struct sasl_client *sasl;
	struct slice challenge, words; /* heard; to be said */
	bool answered;
};

/* ---- how it may fail ---- */

/* The mail waits: a wrong password is a fault of this configuration, not of the message. */
static bool fail(struct login *login, struct slice why, struct settlement *failure)
{
	struct client *client = login->client;

	*failure = settlement_of(REASON_LOGIN_FAILED, client->remote, why, client->arena);
	failure->outcome = OUTCOME_DEFERRED;
	settlement_sign(failure, client);
	return false;
}

static bool fail_by_reply(struct login *login, struct settlement *failure)
{
	const struct reply *reply = &login->client->reply;
	char room[ENHANCED_TEXT_MAX];
	struct text enhanced = TEXT_FIXED(room);

	if (reply->enhanced.class) {
		text_enhanced(&enhanced, reply->enhanced);
		text_char(&enhanced, ' ');
	}
	return fail(login,
		arena_format(login->client->arena, "as \"%.*s\" with %.*s, it answered %u %.*s%.*s",
			SLICE_ARGS(login->manner->login), SLICE_ARGS(sasl_name(login->mechanism)),
			reply->code, SLICE_ARGS(text_slice(&enhanced)),
			SLICE_ARGS(slice_part(text_slice(&reply->words), 0, 300))),
		failure);
}

static bool fail_by_talk(struct login *login, enum talk talk, struct settlement *failure)
{
	*failure = settlement_of_talk(
		login->client, talk, SLICE("while we signed in"), login->client->arena);
	return false;
}

/* ---- the exchange ---- */

static enum talk say(struct login *login, struct slice verb, bool has_words)
{
	struct text *out = stream_output(login->client->stream);

	text_put(out, verb);
	if (has_words && verb.len)
		text_char(out, ' ');
	if (has_words && verb.len && login->words.len == 0)
		text_char(out, '='); /* RFC 4954 4: an initial response that is empty */
	else if (has_words)
		text_base64(out, login->words);
	text_put(out, SLICE("\r\n"));
	return client_listen(login->task, login->client, LIMIT_AUTH);
}

static enum talk begin(struct login *login)
{
	struct slice verb =
		arena_format(login->secrets, "AUTH %.*s", SLICE_ARGS(sasl_name(login->mechanism)));
	bool has_words = sasl_client_begin(login->sasl, &login->words);

	return say(login, verb, has_words);
}

static void answer_on_thread(void *arg)
{
	struct login *login = arg;

	login->answered = sasl_client_answer(login->sasl, login->challenge, &login->words);
}

/* SCRAM takes as long as the server's number of iterations: not in the loop. */
static bool answer(struct login *login)
{
	struct slice said = slice_trim(text_slice(&login->client->reply.words));

	if (!base64_decode(said, login->secrets, &login->challenge))
		return false;
	if (login->manner->threads)
		offload_run(login->task, login->manner->threads, answer_on_thread, login);
	else
		answer_on_thread(login);
	return login->answered;
}

static enum talk cancel(struct login *login)
{
	return say(login, SLICE("*"), false);
}

/* Until it answers something else than 334. */
static bool converse(struct login *login, struct settlement *failure)
{
	enum { STEPS_MAX = 8 };
	struct client *client = login->client;
	enum talk talk = begin(login);

	for (unsigned i = 0; talk == TALK_OK && !client->ended && client->reply.code == 334; i++) {
		if (i < STEPS_MAX && answer(login)) {
			talk = say(login, SLICE_NONE, true);
			continue;
		}
		struct slice why = sasl_client_why(login->sasl);
		if (cancel(login) != TALK_OK)
			client->ended = true;
		return fail(
			login, why.len ? why : SLICE("it asks what cannot be answered"), failure);
	}
	if (talk != TALK_OK)
		return fail_by_talk(login, talk, failure);
	if (client->reply.code != 235)
		return fail_by_reply(login, failure);
	if (!sasl_client_believes(login->sasl))
		return fail(login,
			SLICE("it said yes, and has not shown that it knows the password itself"),
			failure);
	return true;
}

static struct sasl_client *sasl_begin(struct login *login)
{
	uint8_t chance[SASL_NONCE / 4 * 3];

	random_bytes(chance, sizeof chance);
	return sasl_client_new(login->secrets, login->mechanism, login->manner->login,
		login->manner->password, sasl_nonce(chance, login->secrets));
}

static bool sign_in(struct login *login, struct settlement *failure)
{
	const struct client *client = login->client;

	/* The parser asks for `tls verified` beside `login`; this is the lock behind that door. */
	if (!client->tls.verified || !client->session)
		return fail(login, SLICE("not over a connection that is not verified"), failure);
	if (login->manner->no_password.len)
		return fail(login, login->manner->no_password, failure);
	if (!sasl_choose(client->extensions.mechanisms, &login->mechanism))
		return fail(login,
			arena_format(client->arena,
				"it offers no way to sign in that is spoken here (SCRAM-SHA-256, "
				"PLAIN, LOGIN), but \"%.*s\"",
				SLICE_ARGS(slice_part(client->extensions.mechanisms, 0, 200))),
			failure);
	login->sasl = sasl_begin(login);
	if (!login->sasl)
		return fail(login,
			SLICE("the name or the password has characters that cannot be sent"),
			failure);
	return converse(login, failure);
}

bool client_sign_in(struct task *task, struct client *client, const struct manner *manner,
	struct settlement *failure)
{
	if (manner->login.len == 0)
		return true;
	struct login login = {
		.task = task, .client = client, .manner = manner, .secrets = arena_new()};
	bool done = sign_in(&login, failure);
	arena_wipe(login.secrets);
	arena_free(login.secrets);
	return done;
}
