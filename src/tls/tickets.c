/* SPDX-License-Identifier: Apache-2.0 */
/* Session tickets: sealed with the newest of the keys that the role keys hands to every process, so
 * a session begun at one edge goes on at another (RFC 5077 section 4). */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#include "tls/inside.h"

enum { TICKET_NONE = 0, TICKET_GOOD = 1, TICKET_RENEW = 2, TICKET_FAILED = -1 };

static bool mac_begin(EVP_MAC_CTX *mac, struct ticket_key *key)
{
	char digest[] = "SHA2-256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int seal(struct tls *tls, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac)
{
	struct ticket_key *key = &tls->tickets.keys[0];

	if (tls->tickets.count == 0)
		return TICKET_NONE;
	memcpy(name, key->name, sizeof key->name);
	bool ok = RAND_bytes_ex(tls->library, iv,
			  (size_t)EVP_CIPHER_get_iv_length(tls->ticket_cipher), 0) == 1 &&
		  EVP_EncryptInit_ex2(cipher, tls->ticket_cipher, key->cipher, iv, NULL) == 1 &&
		  mac_begin(mac, key);
	return ok ? TICKET_GOOD : TICKET_FAILED;
}

static int unseal(struct tls *tls, const unsigned char *name, const unsigned char *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	for (uint8_t i = 0; i < tls->tickets.count; i++) {
		struct ticket_key *key = &tls->tickets.keys[i];
		if (memcmp(name, key->name, sizeof key->name) != 0)
			continue;
		bool ok = EVP_DecryptInit_ex2(cipher, tls->ticket_cipher, key->cipher, iv, NULL) ==
				  1 &&
			  mac_begin(mac, key);
		return !ok ? TICKET_FAILED : i == 0 ? TICKET_GOOD : TICKET_RENEW;
	}
	return TICKET_NONE;
}

int ticket_key_chosen(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int making)
{
	struct tls_session *session = SSL_get_app_data(ssl);

	return making ? seal(session->tls, name, iv, cipher, mac)
		      : unseal(session->tls, name, iv, cipher, mac);
}
