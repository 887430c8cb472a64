/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCRAM-SHA-256 and -PLUS as a server (RFC 5802 sections 3, 5, 6; RFC 7677; RFC 9266). Read sasl.h
 * first.
 */
#include "base/panic.h"
#include "sasl/inside.h"
#include "wire/base64.h"

#include <openssl/crypto.h>
#include <string.h>

enum { BINDING_LEN = 32 };
static const struct slice binding_type = SLICE("tls-exporter");

/* ---- client-first-message ---- */

/* Section 6: whether what the client says of channel binding fits what was offered. A `y` where
 * -PLUS was offered means that somebody took it out of our list on the way. */
static bool binding_fits(const struct sasl_server *server, const struct gs2_header *gs2)
{
	bool plus = server->mechanism == SASL_SCRAM_SHA_256_PLUS;

	switch (gs2->binding) {
	case BINDING_NONE: return !plus;
	case BINDING_NOT_SEEN: return !plus && !server->setting.plus_offered;
	case BINDING_USED:
		return plus && server->setting.binding && slice_is(gs2->type, binding_type);
	}
	return false;
}

void scram_first_take(struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	struct scram_first *first = &server->first;

	if (!scram_first_parse(arena_slice(server->arena, words), server->arena, first))
		sasl_end(server, SASL_MALFORMED, step);
	else if (!sasl_take_login(server, first->name) || !binding_fits(server, &first->gs2) ||
		 (first->gs2.authzid.len && !slice_is(first->gs2.authzid, first->name)))
		sasl_end(server, SASL_WRONG, step);
	else {
		sasl_test(server, SASL_FIND_ACCOUNT, step);
		server->stage = AT_KEYS;
	}
}

/* ---- server-first-message ---- */

void scram_keys_take(
	struct sasl_server *server, const struct scram_keys *keys, struct sasl_step *step)
{
	struct text words = TEXT_GROWING;

	server->keys = *keys;
	text_put(&words, SLICE("r="));
	text_put(&words, server->first.nonce);
	text_put(&words, server->setting.nonce);
	server->nonce = slice_from(arena_slice(server->arena, text_slice(&words)), 2);
	text_put(&words, SLICE(",s="));
	text_base64(&words, (struct slice){(const char *)keys->salt, keys->salt_len});
	text_put(&words, SLICE(",i="));
	text_number(&words, keys->iterations);
	server->challenge = arena_slice(server->arena, text_slice(&words));
	text_free(&words);
	sasl_say(server, server->challenge, AT_FINAL, step);
}

/* ---- client-final-message, server-final-message ---- */

/* `c=` is the header again, and behind it the channel's own octets (section 7). */
static bool binding_is_right(const struct sasl_server *server, struct slice said)
{
	struct slice header = server->first.gs2.whole;
	struct slice octets = slice_from(said, header.len);

	if (!slice_starts(said, header))
		return false;
	if (server->mechanism != SASL_SCRAM_SHA_256_PLUS)
		return !octets.len;
	return octets.len == BINDING_LEN &&
	       sasl_same((const uint8_t *)octets.at, server->setting.binding, BINDING_LEN);
}

static struct slice auth_message(const struct sasl_server *server, struct slice without_proof)
{
	return arena_format(server->arena, "%.*s,%.*s,%.*s", SLICE_ARGS(server->first.bare),
		SLICE_ARGS(server->challenge), SLICE_ARGS(without_proof));
}

/* ClientKey = ClientProof XOR HMAC(StoredKey, AuthMessage); right if its hash is StoredKey. */
static bool proof_is_right(
	const struct sasl_server *server, struct slice message, struct slice proof)
{
	uint8_t client[SCRAM_KEY], hash[SCRAM_KEY];

	if (proof.len != SCRAM_KEY)
		return false;
	scram_hmac(server->keys.stored, SCRAM_KEY, message, client);
	for (size_t i = 0; i < SCRAM_KEY; i++)
		client[i] ^= (uint8_t)proof.at[i];
	scram_hash(client, SCRAM_KEY, hash);
	bool same = sasl_same(hash, server->keys.stored, SCRAM_KEY);
	OPENSSL_cleanse(client, sizeof client);
	return same;
}

static void say_signature(struct sasl_server *server, struct slice message, struct sasl_step *step)
{
	uint8_t signature[SCRAM_KEY];
	char room[2 + (SCRAM_KEY + 2) / 3 * 4];
	struct text words = TEXT_FIXED(room);

	scram_hmac(server->keys.server, SCRAM_KEY, message, signature);
	text_put(&words, SLICE("v="));
	text_base64(&words, (struct slice){(const char *)signature, SCRAM_KEY});
	server->proved = true;
	sasl_say(server, arena_slice(server->arena, text_slice(&words)), AT_ASSENT, step);
}

void scram_final_take(struct sasl_server *server, struct slice words, struct sasl_step *step)
{
	struct scram_final final;

	if (!scram_final_parse(words, server->arena, &final)) {
		sasl_end(server, SASL_MALFORMED, step);
		return;
	}
	struct slice message = auth_message(server, final.without);
	bool right = proof_is_right(server, message, final.proof);
	if (right && slice_is(final.nonce, server->nonce) &&
		binding_is_right(server, final.binding))
		say_signature(server, message, step);
	else
		sasl_end(server, SASL_WRONG, step);
}
