/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of SCRAM. The contract is in scram.h. */
#include "sasl/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/panic.h"
#include "wire/base64.h"

static struct slice bytes_of(const uint8_t *bytes, size_t len)
{
	return (struct slice){(const char *)bytes, len};
}

/* ---- pieces ---- */

void scram_hmac(const uint8_t *key, size_t len, struct slice of, uint8_t mac[SCRAM_KEY])
{
	const uint8_t *at = (const uint8_t *)(of.at ? of.at : "");
	unsigned got = 0;

	panic_if(!HMAC(EVP_sha256(), key, (int)len, at, of.len, mac, &got) || got != SCRAM_KEY,
		"no HMAC-SHA256");
}

void scram_hash(const uint8_t *bytes, size_t len, uint8_t hash[SCRAM_KEY])
{
	unsigned got = 0;

	panic_if(!EVP_Digest(bytes, len, hash, &got, EVP_sha256(), NULL) || got != SCRAM_KEY,
		"no SHA-256");
}

void scram_salted(
	struct slice password, struct slice salt, uint32_t iterations, uint8_t salted[SCRAM_KEY])
{
	panic_if(!PKCS5_PBKDF2_HMAC(password.at ? password.at : "", (int)password.len,
			 (const uint8_t *)salt.at, (int)salt.len, (int)iterations, EVP_sha256(),
			 SCRAM_KEY, salted),
		"no PBKDF2");
}

bool sasl_same(const uint8_t *a, const uint8_t *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/* ---- making keys ---- */

/* RFC 5802 section 3: StoredKey is H(ClientKey). */
static void keys_of(const uint8_t salted[SCRAM_KEY], struct scram_keys *keys)
{
	uint8_t client[SCRAM_KEY];

	scram_hmac(salted, SCRAM_KEY, SLICE("Client Key"), client);
	scram_hash(client, SCRAM_KEY, keys->stored);
	scram_hmac(salted, SCRAM_KEY, SLICE("Server Key"), keys->server);
	OPENSSL_cleanse(client, sizeof client);
}

static void salt_set(struct scram_keys *keys, struct slice salt)
{
	panic_if(salt.len > SCRAM_SALT_MAX, "a salt of %zu octets", salt.len);
	keys->salt_len = (uint8_t)salt.len;
	if (salt.len)
		memcpy(keys->salt, salt.at, salt.len);
}

void scram_keys_derive(
	struct slice password, struct slice salt, uint32_t iterations, struct scram_keys *keys)
{
	uint8_t salted[SCRAM_KEY];

	*keys = (struct scram_keys){.iterations = iterations};
	salt_set(keys, salt);
	scram_salted(password, salt, iterations, salted);
	keys_of(salted, keys);
	OPENSSL_cleanse(salted, sizeof salted);
}

/* 16 octets, as many as the salts that are made with accounts. */
void scram_keys_invent(const uint8_t secret[SCRAM_KEY], struct slice login, uint32_t iterations,
	struct scram_keys *keys)
{
	enum { INVENTED_SALT = 16 };
	uint8_t mac[SCRAM_KEY];

	*keys = (struct scram_keys){.iterations = iterations};
	scram_hmac(secret, SCRAM_KEY, login, mac);
	salt_set(keys, bytes_of(mac, INVENTED_SALT));
	scram_hmac(mac, SCRAM_KEY, SLICE("stored"), keys->stored);
	scram_hmac(mac, SCRAM_KEY, SLICE("server"), keys->server);
}

bool scram_keys_fit(const struct scram_keys *keys, struct slice password)
{
	struct scram_keys made;

	scram_keys_derive(password, bytes_of(keys->salt, keys->salt_len), keys->iterations, &made);
	bool same = sasl_same(made.stored, keys->stored, SCRAM_KEY);
	OPENSSL_cleanse(&made, sizeof made);
	return same;
}

/* ---- at rest (RFC 5803 section 3) ---- */

static const struct slice scheme = SLICE("SCRAM-SHA-256$");

static bool key_read(struct slice s, struct arena *arena, uint8_t key[SCRAM_KEY])
{
	struct slice bytes;

	if (!base64_decode(s, arena, &bytes) || bytes.len != SCRAM_KEY)
		return false;
	memcpy(key, bytes.at, SCRAM_KEY);
	return true;
}

static bool salt_read(struct slice s, struct arena *arena, struct scram_keys *keys)
{
	struct slice salt;

	if (!base64_decode(s, arena, &salt) || salt.len == 0 || salt.len > SCRAM_SALT_MAX)
		return false;
	salt_set(keys, salt);
	return true;
}

bool scram_keys_parse(struct slice s, struct arena *arena, struct scram_keys *keys)
{
	uint64_t iterations;

	*keys = (struct scram_keys){0};
	if (!slice_starts_nocase(s, scheme))
		return false;
	s = slice_from(s, scheme.len);
	if (!slice_number(slice_cut(&s, ':'), SCRAM_ITERATIONS_MAX, &iterations) || !iterations)
		return false;
	keys->iterations = (uint32_t)iterations;
	return salt_read(slice_cut(&s, '$'), arena, keys) &&
	       key_read(slice_cut(&s, ':'), arena, keys->stored) &&
	       key_read(s, arena, keys->server);
}

void text_scram_keys(struct text *text, const struct scram_keys *keys)
{
	text_put(text, scheme);
	text_number(text, keys->iterations);
	text_char(text, ':');
	text_base64(text, bytes_of(keys->salt, keys->salt_len));
	text_char(text, '$');
	text_base64(text, bytes_of(keys->stored, SCRAM_KEY));
	text_char(text, ':');
	text_base64(text, bytes_of(keys->server, SCRAM_KEY));
}
