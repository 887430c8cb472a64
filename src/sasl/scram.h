/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677), and their form at rest (RFC 5803):
 *
 *	SCRAM-SHA-256$4096:c2FsdA==$StoredKey:ServerKey        both in base 64
 *
 * From them a password can be tested and guessed at, not read; still they are verifiers, and live
 * in the role accounts alone.
 */
#ifndef SASL_SCRAM_H
#define SASL_SCRAM_H

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"

enum {
	SCRAM_KEY = 32,
	SCRAM_SALT_MAX = 64,
	SCRAM_ITERATIONS_MIN = 4096, /* RFC 7677 section 4 */
	SCRAM_ITERATIONS_MAX = 1000000,
};

struct scram_keys {
	uint32_t iterations;
	uint8_t salt_len;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t stored[SCRAM_KEY], server[SCRAM_KEY];
};

/* `password` is prepared (prepare.h). Takes as long as so many HMACs: 4096 are 2 ms. A salt of more
 * than SCRAM_SALT_MAX octets is a bug. */
void scram_keys_derive(
	struct slice password, struct slice salt, uint32_t iterations, struct scram_keys *keys);
/* Keys that no password opens, the same for one name and secret at each call, so that nobody
 * learns from salt and iterations which names exist. */
void scram_keys_invent(const uint8_t secret[SCRAM_KEY], struct slice login, uint32_t iterations,
	struct scram_keys *keys);
bool scram_keys_parse(struct slice s, struct arena *arena, struct scram_keys *keys) MUST_USE;
void text_scram_keys(struct text *text, const struct scram_keys *keys);
/* Whether this password is the one; as slow as scram_keys_derive(). */
bool scram_keys_fit(const struct scram_keys *keys, struct slice password);

/* ---- pieces, for both sides ---- */
void scram_hmac(const uint8_t *key, size_t len, struct slice of, uint8_t mac[SCRAM_KEY]);
void scram_hash(const uint8_t *bytes, size_t len, uint8_t hash[SCRAM_KEY]);
/* PBKDF2: SaltedPassword. */
void scram_salted(
	struct slice password, struct slice salt, uint32_t iterations, uint8_t salted[SCRAM_KEY]);
/* Takes the same time whatever it finds. */
bool sasl_same(const uint8_t *a, const uint8_t *b, size_t len);

#endif
