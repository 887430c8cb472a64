/* SPDX-License-Identifier: Apache-2.0 */
/* Signing with a private key. The contract is in private_key.h. */
#include "tls/private_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

struct private_key {
	EVP_PKEY *pair;
	uint8_t name[KEY_NAME_LEN];
};

/* A pass phrase is asked of nobody: OpenSSL would talk to the terminal. */
static int no_phrase(char *buffer, int size, int writing, void *owner)
{
	(void)buffer, (void)size, (void)writing, (void)owner;
	return -1;
}

static EVP_PKEY *pair_read(struct slice pem)
{
	BIO *in = BIO_new_mem_buf(pem.at ? pem.at : "", (int)pem.len);
	EVP_PKEY *pair = in ? PEM_read_bio_PrivateKey(in, NULL, no_phrase, NULL) : NULL;

	BIO_free(in);
	ERR_clear_error();
	return pair;
}

static bool name_of(EVP_PKEY *pair, uint8_t name[KEY_NAME_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(pair, &der);

	if (len <= 0)
		return false;
	SHA256(der, (size_t)len, name);
	OPENSSL_free(der);
	return true;
}

static const char *type_of(const EVP_PKEY *pair)
{
	static const char *const types[] = {"EC", "RSA", "ED25519"};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (EVP_PKEY_is_a(pair, types[i]))
			return types[i];
	return NULL;
}

struct private_key *private_key_read(struct slice pem, struct text *why)
{
	EVP_PKEY *pair = pair_read(pem);
	struct private_key *key = calloc(1, sizeof *key);

	panic_if(!key, "no memory for a key");
	key->pair = pair;
	if (!pair)
		text_put(why, SLICE("holds no private key in PEM without a pass phrase"));
	else if (!type_of(pair) || !name_of(pair, key->name))
		text_put(why, SLICE("is neither an EC, RSA nor Ed25519 key"));
	else
		return key;
	private_key_free(key);
	return NULL;
}

void private_key_free(struct private_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pair);
	free(key);
}

const uint8_t *private_key_name(const struct private_key *key)
{
	return key->name;
}

struct slice private_key_type(const struct private_key *key)
{
	return slice_of(type_of(key->pair));
}

/* ---- signing ---- */

static bool scheme_fits(const struct private_key *key, uint8_t scheme)
{
	static const char *const types[SIGNING_SCHEMES] = {[SIGN_ECDSA] = "EC",
		[SIGN_RSA_PKCS1] = "RSA",
		[SIGN_RSA_PSS] = "RSA",
		[SIGN_ED25519] = "ED25519"};

	return scheme < SIGNING_SCHEMES && EVP_PKEY_is_a(key->pair, types[scheme]);
}

static const EVP_MD *digest_of(uint8_t hash)
{
	return hash == SIGN_SHA256   ? EVP_sha256()
	       : hash == SIGN_SHA384 ? EVP_sha384()
	       : hash == SIGN_SHA512 ? EVP_sha512()
				     : NULL;
}

static bool sign_message(
	const struct private_key *key, struct slice message, unsigned char *out, size_t *len)
{
	EVP_MD_CTX *signing = EVP_MD_CTX_new();
	bool done = signing &&
		    EVP_DigestSignInit_ex(signing, NULL, NULL, NULL, NULL, key->pair, NULL) == 1 &&
		    EVP_DigestSign(
			    signing, out, len, (const unsigned char *)message.at, message.len) == 1;

	EVP_MD_CTX_free(signing);
	return done;
}

static bool set_padding(EVP_PKEY_CTX *signing, uint8_t scheme)
{
	if (scheme == SIGN_RSA_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(signing, RSA_PKCS1_PADDING) == 1;
	if (scheme != SIGN_RSA_PSS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(signing, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(signing, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool sign_digest(const struct private_key *key, const struct signing_ask *ask,
	unsigned char *out, size_t *len)
{
	EVP_PKEY_CTX *signing = EVP_PKEY_CTX_new_from_pkey(NULL, key->pair, NULL);
	bool done = signing && EVP_PKEY_sign_init(signing) == 1 &&
		    set_padding(signing, ask->scheme) &&
		    EVP_PKEY_CTX_set_signature_md(signing, digest_of(ask->hash)) == 1 &&
		    EVP_PKEY_sign(signing, out, len, (const unsigned char *)ask->input.at,
			    ask->input.len) == 1;

	EVP_PKEY_CTX_free(signing);
	return done;
}

enum signing_outcome private_key_sign(
	const struct private_key *key, const struct signing_ask *ask, struct text *signature)
{
	unsigned char out[SIGNATURE_MAX];
	size_t len = sizeof out;

	if (!scheme_fits(key, ask->scheme) || (size_t)EVP_PKEY_get_size(key->pair) > sizeof out)
		return SIGN_FAILED;
	ERR_clear_error();
	bool done = ask->scheme == SIGN_ED25519 ? sign_message(key, ask->input, out, &len)
						: sign_digest(key, ask, out, &len);
	ERR_clear_error();
	if (!done)
		return SIGN_FAILED;
	text_put(signature, (struct slice){(const char *)out, len});
	return SIGNED;
}

bool private_key_fits(const struct private_key *key, struct slice certificate)
{
	BIO *in = BIO_new_mem_buf(certificate.at ? certificate.at : "", (int)certificate.len);
	X509 *first = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	bool fits = first && X509_check_private_key(first, key->pair) == 1;

	X509_free(first);
	BIO_free(in);
	ERR_clear_error();
	return fits;
}
