/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenSSL provider "postern", signatures: digests are made here, the signature is asked for,
 * and the task that is in OpenSSL waits meanwhile (provider-signature(7)). */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "tls/inside.h"

struct signing {
	struct remote_key *key; /* counted */
	EVP_MD *digest;         /* NULL: of Ed25519 */
	uint8_t scheme, hash;
};

static void *signing_new(uint8_t scheme)
{
	struct signing *signing = calloc(1, sizeof *signing);

	if (signing)
		signing->scheme = scheme;
	return signing;
}

static void *signing_new_ecdsa(void *provider, const char *properties)
{
	(void)provider, (void)properties;
	return signing_new(SIGN_ECDSA);
}

static void *signing_new_rsa(void *provider, const char *properties)
{
	(void)provider, (void)properties;
	return signing_new(SIGN_RSA_PKCS1);
}

static void *signing_new_ed25519(void *provider, const char *properties)
{
	(void)provider, (void)properties;
	return signing_new(SIGN_ED25519);
}

static void signing_free(void *object)
{
	struct signing *signing = object;

	remote_key_drop(signing->key);
	EVP_MD_free(signing->digest);
	free(signing);
}

static void *signing_copy(void *object)
{
	const struct signing *from = object;
	struct signing *copy = malloc(sizeof *copy);

	if (!copy)
		return NULL;
	*copy = *from;
	if (copy->key)
		copy->key->references++;
	if (copy->digest)
		EVP_MD_up_ref(copy->digest);
	return copy;
}

/* ---- how it is to sign ---- */

static uint8_t hash_of(const EVP_MD *digest)
{
	static const char *const names[SIGNING_HASHES] = {NULL, "SHA2-256", "SHA2-384", "SHA2-512"};

	for (uint8_t hash = 1; hash < SIGNING_HASHES; hash++)
		if (EVP_MD_is_a(digest, names[hash]))
			return hash;
	return SIGN_NO_HASH;
}

/* What is not SHA-2 is of TLS 1.1 and before. */
static int choose_digest(struct signing *signing, const char *name)
{
	if (!name)
		name = "SHA2-256";
	EVP_MD_free(signing->digest);
	signing->digest = EVP_MD_fetch(signing->key->tls->library, name, NULL);
	signing->hash = signing->digest ? hash_of(signing->digest) : SIGN_NO_HASH;
	return signing->hash != SIGN_NO_HASH;
}

static int set_padding(struct signing *signing, const OSSL_PARAM *param)
{
	int padding = 0;

	if (param->data_type == OSSL_PARAM_UTF8_STRING) {
		padding = strcmp(param->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0
				  ? RSA_PKCS1_PSS_PADDING
			  : strcmp(param->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0
				  ? RSA_PKCS1_PADDING
				  : 0;
	} else if (!OSSL_PARAM_get_int(param, &padding)) {
		return 0;
	}
	if (padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_PSS_PADDING)
		return 0;
	signing->scheme = padding == RSA_PKCS1_PSS_PADDING ? SIGN_RSA_PSS : SIGN_RSA_PKCS1;
	return 1;
}

/* Of the salt's length nothing but "as long as the digest" is asked by TLS (RFC 8446 section
 * 4.2.3), and nothing else is done. */
static int signing_set(void *object, const OSSL_PARAM params[])
{
	struct signing *signing = object;
	const OSSL_PARAM *padding =
		params ? OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PAD_MODE) : NULL;

	return !padding || signing->scheme == SIGN_ED25519 || set_padding(signing, padding);
}

static const OSSL_PARAM *signing_settable(void *object, void *provider)
{
	static const OSSL_PARAM types[] = {OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0), OSSL_PARAM_END};

	(void)object, (void)provider;
	return types;
}

static int signing_begin(void *object, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signing *signing = object;
	struct remote_key *given = key;

	if (given) {
		given->references++;
		remote_key_drop(signing->key);
		signing->key = given;
	}
	if (!signing->key || (signing->scheme != SIGN_ED25519 && !choose_digest(signing, digest)))
		return 0;
	return signing_set(signing, params);
}

/* ---- signing ---- */

static int ask(struct signing *signing, struct slice input, struct text *signature)
{
	struct tls *tls = signing->key->tls;
	struct task *task = tls->task;
	struct signing_ask asked = {
		.scheme = signing->scheme, .hash = signing->hash, .input = input};

	memcpy(asked.key, signing->key->name, sizeof asked.key);
	if (!task || !tls->signer.sign)
		return 0;
	enum signing_outcome outcome = tls->signer.sign(task, tls->signer.self, &asked, signature);
	tls->task = task;
	tls->last_signing = outcome;
	tls->counts.signatures += outcome == SIGNED;
	tls->counts.unsigned_ += outcome != SIGNED;
	return outcome == SIGNED && !signature->cut;
}

static int signing_do(void *object, unsigned char *out, size_t *out_len, size_t size,
	const unsigned char *message, size_t message_len)
{
	struct signing *signing = object;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int digest_len;
	struct slice input = {(const char *)message, message_len};

	if (!out) {
		*out_len = (size_t)EVP_PKEY_get_size(signing->key->public);
		return 1;
	}
	if (signing->digest) {
		if (EVP_Digest(message, message_len, digest, &digest_len, signing->digest, NULL) !=
			1)
			return 0;
		input = (struct slice){(const char *)digest, digest_len};
	}
	struct text signature = {.at = (char *)out, .size = size};
	if (!ask(signing, input, &signature))
		return 0;
	*out_len = signature.len;
	return 1;
}

#define SIGN_FUNCTION(id, function)                                                                \
	{                                                                                          \
		OSSL_FUNC_SIGNATURE_##id, (void (*)(void))(function)                               \
	}
#define SIGN_FUNCTIONS(new)                                                                        \
	{                                                                                          \
		SIGN_FUNCTION(NEWCTX, new), SIGN_FUNCTION(FREECTX, signing_free),                  \
			SIGN_FUNCTION(DUPCTX, signing_copy),                                       \
			SIGN_FUNCTION(DIGEST_SIGN_INIT, signing_begin),                            \
			SIGN_FUNCTION(DIGEST_SIGN, signing_do),                                    \
			SIGN_FUNCTION(SET_CTX_PARAMS, signing_set),                                \
			SIGN_FUNCTION(SETTABLE_CTX_PARAMS, signing_settable),                      \
		{                                                                                  \
			0, NULL                                                                    \
		}                                                                                  \
	}

const OSSL_DISPATCH remote_ecdsa_functions[] = SIGN_FUNCTIONS(signing_new_ecdsa);
const OSSL_DISPATCH remote_rsa_functions[] = SIGN_FUNCTIONS(signing_new_rsa);
const OSSL_DISPATCH remote_ed25519_functions[] = SIGN_FUNCTIONS(signing_new_ed25519);
