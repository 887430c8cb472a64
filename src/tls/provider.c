/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenSSL provider "postern", key management: a public key whose private half is elsewhere
 * (provider-keymgmt(7)). What can be asked of a public key is asked of OpenSSL's own object of it;
 * a private part is never exported, so OpenSSL comes to us for signatures. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "tls/inside.h"

#define PARAM_REMOTE "postern-key" /* octets: a pointer to the remote_key */

const char provider_name[] = "postern";

/* ---- keys ---- */

static void *key_new(void *provider)
{
	(void)provider;
	struct remote_key *key = calloc(1, sizeof *key);
	if (key)
		key->references = 1;
	return key;
}

void remote_key_drop(struct remote_key *key)
{
	if (!key || --key->references > 0)
		return;
	EVP_PKEY_free(key->public);
	free(key);
}

static void key_free(void *object)
{
	remote_key_drop(object);
}

static int key_has(const void *object, int selection)
{
	const struct remote_key *key = object;

	(void)selection;
	return key->public != NULL; /* the private half too, in its way */
}

static int key_match(const void *one, const void *other, int selection)
{
	const struct remote_key *a = one, *b = other;

	(void)selection;
	return memcmp(a->name, b->name, sizeof a->name) == 0;
}

static int key_import(void *object, int selection, const OSSL_PARAM params[])
{
	struct remote_key *key = object;
	const OSSL_PARAM *given = OSSL_PARAM_locate_const(params, PARAM_REMOTE);
	const struct remote_key *from;

	(void)selection;
	if (!given || given->data_size != sizeof from)
		return 0;
	memcpy(&from, given->data, sizeof from);
	*key = (struct remote_key){.tls = from->tls, .references = key->references};
	memcpy(key->name, from->name, sizeof key->name);
	key->public = from->public;
	return EVP_PKEY_up_ref(key->public);
}

static const OSSL_PARAM *key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(PARAM_REMOTE, NULL, 0), OSSL_PARAM_END};

	(void)selection;
	return types;
}

static int key_export(void *object, int selection, OSSL_CALLBACK *take, void *arg)
{
	struct remote_key *key = object;
	OSSL_PARAM *params = NULL;

	if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ||
		EVP_PKEY_todata(key->public, EVP_PKEY_PUBLIC_KEY, &params) != 1)
		return 0;
	int taken = take(params, arg);
	OSSL_PARAM_free(params);
	return taken;
}

static const OSSL_PARAM *key_export_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0), OSSL_PARAM_END};

	return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : types;
}

static int key_get(void *object, OSSL_PARAM params[])
{
	const struct remote_key *key = object;

	return EVP_PKEY_get_params(key->public, params);
}

static const OSSL_PARAM *key_gettable(void *provider)
{
	static const OSSL_PARAM types[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0), OSSL_PARAM_END};

	(void)provider;
	return types;
}

static const char *ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : "EC";
}

#define KEY_FUNCTION(id, function)                                                                 \
	{                                                                                          \
		OSSL_FUNC_KEYMGMT_##id, (void (*)(void))(function)                                 \
	}
#define KEY_FUNCTIONS                                                                              \
	KEY_FUNCTION(NEW, key_new), KEY_FUNCTION(FREE, key_free), KEY_FUNCTION(HAS, key_has),      \
		KEY_FUNCTION(MATCH, key_match), KEY_FUNCTION(IMPORT, key_import),                  \
		KEY_FUNCTION(IMPORT_TYPES, key_import_types), KEY_FUNCTION(EXPORT, key_export),    \
		KEY_FUNCTION(EXPORT_TYPES, key_export_types), KEY_FUNCTION(GET_PARAMS, key_get),   \
		KEY_FUNCTION(GETTABLE_PARAMS, key_gettable)

static const OSSL_DISPATCH key_functions[] = {KEY_FUNCTIONS, {0, NULL}};
static const OSSL_DISPATCH ec_key_functions[] = {
	KEY_FUNCTIONS, KEY_FUNCTION(QUERY_OPERATION_NAME, ec_operation), {0, NULL}};

/* ---- the provider ---- */

static const OSSL_ALGORITHM key_types[] = {
	{"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=postern", ec_key_functions, NULL},
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=postern", key_functions, NULL},
	{"ED25519:1.3.101.112", "provider=postern", key_functions, NULL}, {0}};
static const OSSL_ALGORITHM signature_types[] = {
	{"ECDSA", "provider=postern", remote_ecdsa_functions, NULL},
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", "provider=postern", remote_rsa_functions, NULL},
	{"ED25519:1.3.101.112", "provider=postern", remote_ed25519_functions, NULL}, {0}};

static const OSSL_ALGORITHM *provider_offers(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return key_types;
	return operation == OSSL_OP_SIGNATURE ? signature_types : NULL;
}

int provider_begin(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
	void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))provider_offers}, {0, NULL}};
	static char context; /* there is none, but it must not be NULL */

	(void)core, (void)in;
	*out = functions;
	*provider = &context;
	return 1;
}

/* ---- a key for a certificate ---- */

static bool name_of(EVP_PKEY *public, uint8_t name[KEY_NAME_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(public, &der);

	if (len <= 0)
		return false;
	SHA256(der, (size_t)len, name);
	OPENSSL_free(der);
	return true;
}

static EVP_PKEY *from_params(struct tls *tls, const char *type, OSSL_PARAM params[])
{
	EVP_PKEY_CTX *making = EVP_PKEY_CTX_new_from_name(tls->library, type, "provider=postern");
	EVP_PKEY *key = NULL;

	if (!making || EVP_PKEY_fromdata_init(making) != 1 ||
		EVP_PKEY_fromdata(making, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(making);
	return key;
}

EVP_PKEY *remote_key_new(struct tls *tls, EVP_PKEY *public)
{
	static const char *const types[] = {"EC", "RSA", "ED25519"};
	struct remote_key key = {.tls = tls, .public = public};
	struct remote_key *at = &key;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(PARAM_REMOTE, &at, sizeof at), OSSL_PARAM_END};

	if (!name_of(public, key.name))
		return NULL;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (EVP_PKEY_is_a(public, types[i]))
			return from_params(tls, types[i], params);
	return NULL;
}
