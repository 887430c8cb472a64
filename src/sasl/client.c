/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side: PLAIN, LOGIN, SCRAM-SHA-256. The contract is in sasl.h. */
#include <openssl/crypto.h>
#include <string.h>

#include "base/panic.h"
#include "sasl/prepare.h"
#include "sasl/sasl.h"
#include "sasl/scram_message.h"
#include "wire/base64.h"

enum client_stage { TO_BEGIN, TO_NAME, TO_SECRET, TO_PROVE, TO_VERIFY, TO_END };
struct sasl_client {
	struct arena *arena;
	enum sasl_mechanism mechanism;
	enum client_stage stage;
	struct slice login, password, nonce;
	struct slice bare; /* client-first-message-bare */
	uint8_t signature[SCRAM_KEY];
	bool believes;
	struct slice why;
};

struct sasl_client *sasl_client_new(struct arena *arena, enum sasl_mechanism mechanism,
	struct slice login, struct slice password, struct slice nonce)
{
	struct sasl_client *client = ARENA_NEW(arena, struct sasl_client);

	panic_if(mechanism != SASL_PLAIN && mechanism != SASL_LOGIN &&
			 mechanism != SASL_SCRAM_SHA_256,
		"no client speaks mechanism %d", (int)mechanism);
	*client = (struct sasl_client){
		.arena = arena, .mechanism = mechanism, .nonce = arena_slice(arena, nonce)};
	if (!sasl_prepare(login, arena, &client->login) ||
		!sasl_prepare(password, arena, &client->password) || !client->login.len ||
		slice_has(client->login, '\0'))
		return NULL;
	client->believes = mechanism != SASL_SCRAM_SHA_256;
	return client;
}

static bool give_up(struct sasl_client *client, struct slice why)
{
	client->stage = TO_END;
	client->why = why;
	return false;
}

/* ---- beginnings ---- */

static struct slice plain_words(const struct sasl_client *client)
{
	size_t size = client->login.len + client->password.len + 2;
	struct text out = {.at = arena_alloc(client->arena, size), .size = size};

	text_char(&out, '\0');
	text_put(&out, client->login);
	text_char(&out, '\0');
	text_put(&out, client->password);
	return text_slice(&out);
}

/* `n`: this side has no channel binding (RFC 5802 section 6). */
static struct slice scram_first_words(struct sasl_client *client)
{
	struct slice name = scram_name_encode(client->login, client->arena);
	struct slice words = arena_format(
		client->arena, "n,,n=%.*s,r=%.*s", SLICE_ARGS(name), SLICE_ARGS(client->nonce));

	client->bare = slice_from(words, 3);
	return words;
}

bool sasl_client_begin(struct sasl_client *client, struct slice *words)
{
	*words = SLICE_NONE;
	if (client->mechanism == SASL_LOGIN) {
		client->stage = TO_NAME;
		return false;
	}
	bool plain = client->mechanism == SASL_PLAIN;
	client->stage = plain ? TO_END : TO_PROVE;
	*words = plain ? plain_words(client) : scram_first_words(client);
	return true;
}

/* ---- SCRAM (RFC 5802 section 3) ---- */

/* ClientProof, and the signature the server has to show. */
static void prove(struct sasl_client *client, const struct scram_challenge *challenge,
	struct slice message, uint8_t proof[SCRAM_KEY])
{
	uint8_t salted[SCRAM_KEY], key[SCRAM_KEY], stored[SCRAM_KEY];

	scram_salted(client->password, challenge->salt, challenge->iterations, salted);
	scram_hmac(salted, SCRAM_KEY, SLICE("Client Key"), key);
	scram_hash(key, SCRAM_KEY, stored);
	scram_hmac(stored, SCRAM_KEY, message, proof);
	for (size_t i = 0; i < SCRAM_KEY; i++)
		proof[i] ^= key[i];
	scram_hmac(salted, SCRAM_KEY, SLICE("Server Key"), key);
	scram_hmac(key, SCRAM_KEY, message, client->signature);
	OPENSSL_cleanse(salted, sizeof salted);
	OPENSSL_cleanse(key, sizeof key);
}

static struct slice final_words(
	struct sasl_client *client, const struct scram_challenge *challenge, struct slice said)
{
	struct slice without = arena_format(
		client->arena, "c=biws,r=%.*s", SLICE_ARGS(challenge->nonce)); /* "n,," */
	struct slice message = arena_format(client->arena, "%.*s,%.*s,%.*s",
		SLICE_ARGS(client->bare), SLICE_ARGS(said), SLICE_ARGS(without));
	uint8_t proof[SCRAM_KEY];
	char room[(SCRAM_KEY + 2) / 3 * 4];
	struct text encoded = TEXT_FIXED(room);

	prove(client, challenge, message, proof);
	text_base64(&encoded, (struct slice){(const char *)proof, SCRAM_KEY});
	return arena_format(client->arena, "%.*s,p=%.*s", SLICE_ARGS(without),
		SLICE_ARGS(text_slice(&encoded)));
}

static bool scram_prove(struct sasl_client *client, struct slice said, struct slice *words)
{
	struct scram_challenge challenge;

	if (!scram_challenge_parse(said, client->arena, &challenge))
		return give_up(client, SLICE("the challenge is none of SCRAM"));
	if (!slice_starts(challenge.nonce, client->nonce) ||
		challenge.nonce.len == client->nonce.len)
		return give_up(client, SLICE("the challenge has not our nonce and one of its own"));
	if (challenge.iterations < SCRAM_ITERATIONS_MIN ||
		challenge.iterations > SCRAM_ITERATIONS_MAX)
		return give_up(client, SLICE("its number of iterations is out of bounds"));
	*words = final_words(client, &challenge, said);
	client->stage = TO_VERIFY;
	return true;
}

static bool scram_verify(struct sasl_client *client, struct slice said, struct slice *words)
{
	struct slice signature;

	*words = SLICE_NONE;
	if (!scram_signature_parse(said, client->arena, &signature) || signature.len != SCRAM_KEY ||
		!sasl_same((const uint8_t *)signature.at, client->signature, SCRAM_KEY))
		return give_up(client, SLICE("the server has not shown that it knows the account"));
	client->believes = true;
	client->stage = TO_END;
	return true;
}

/* ---- answers ---- */

/* LOGIN has prompts of any words; the order is fixed. */
static bool login_answer(struct sasl_client *client, struct slice *words)
{
	bool name = client->stage == TO_NAME;

	*words = name ? client->login : client->password;
	client->stage = name ? TO_SECRET : TO_END;
	return true;
}

bool sasl_client_answer(struct sasl_client *client, struct slice challenge, struct slice *words)
{
	switch (client->stage) {
	case TO_BEGIN: /* the initial response was kept back: the challenge asks for it */
		return sasl_client_begin(client, words) || login_answer(client, words);
	case TO_NAME:
	case TO_SECRET: return login_answer(client, words);
	case TO_PROVE: return scram_prove(client, challenge, words);
	case TO_VERIFY: return scram_verify(client, challenge, words);
	case TO_END: break;
	}
	return give_up(client, SLICE("the server asks more than its mechanism does"));
}

bool sasl_client_believes(const struct sasl_client *client)
{
	return client->believes;
}

struct slice sasl_client_why(const struct sasl_client *client)
{
	return client->why;
}
