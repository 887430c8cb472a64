/* SPDX-License-Identifier: Apache-2.0 */
/* One process's TLS: OpenSSL's library context with its own algorithms and our provider. */
#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "tls/inside.h"

enum { SELF_SIGNED_MAX = 16 * 1024 };

const char *error_words(void)
{
	const char *words = ERR_reason_error_string(ERR_peek_error());

	return words ? words : "";
}

/* Our provider signs for our own keys; everything else is OpenSSL's. */
static bool library_open(struct tls *tls)
{
	tls->library = OSSL_LIB_CTX_new();
	return tls->library &&
	       OSSL_PROVIDER_add_builtin(tls->library, provider_name, provider_begin) == 1 &&
	       (tls->standard = OSSL_PROVIDER_load(tls->library, "default")) != NULL &&
	       (tls->ours = OSSL_PROVIDER_load(tls->library, provider_name)) != NULL &&
	       EVP_set_default_properties(tls->library, "?provider=default") == 1 &&
	       (tls->ticket_cipher = EVP_CIPHER_fetch(tls->library, "AES-256-CBC", NULL)) != NULL;
}

static struct tls *open_with(struct loop *loop, struct text *why)
{
	struct tls *tls = calloc(1, sizeof *tls);

	panic_if(!tls, "no memory for TLS");
	tls->loop = loop;
	turns_init(&tls->turns, loop);
	tls->self_signed = TEXT_GROWING;
	ERR_clear_error();
	if (library_open(tls) && session_bio_open(tls))
		return tls;
	text_format(why, "OpenSSL cannot be set up: %s", error_words());
	ERR_clear_error();
	tls_close(tls);
	return NULL;
}

struct tls *tls_open(struct loop *loop, struct text *why)
{
	return open_with(loop, why);
}

struct tls *tls_open_client(struct slice trust_file, struct text *why)
{
	struct tls *tls = open_with(NULL, why);

	if (!tls)
		return NULL;
	if (trust_file.len > 0)
		tls->trust_file = slice_string(trust_file);
	for (int verified = 0; verified < 2; verified++) {
		tls->client[verified] = context_for_client(tls, verified != 0, why);
		if (!tls->client[verified]) {
			tls_close(tls);
			return NULL;
		}
	}
	return tls;
}

void tls_close(struct tls *tls)
{
	if (!tls)
		return;
	door_close(tls->door);
	tls_contexts_drop(tls->contexts);
	SSL_CTX_free(tls->client[0]);
	SSL_CTX_free(tls->client[1]);
	EVP_CIPHER_free(tls->ticket_cipher);
	BIO_meth_free(tls->bio);
	if (tls->ours)
		OSSL_PROVIDER_unload(tls->ours);
	if (tls->standard)
		OSSL_PROVIDER_unload(tls->standard);
	OSSL_LIB_CTX_free(tls->library);
	OPENSSL_cleanse(&tls->tickets, sizeof tls->tickets);
	text_free(&tls->self_signed);
	free(tls->trust_file);
	free(tls);
}

void tls_set_signer(struct tls *tls, const struct tls_signer *signer)
{
	tls->signer = *signer;
}

void tls_set_tickets(struct tls *tls, const struct signing_tickets *tickets)
{
	tls->tickets = *tickets;
}

bool tls_has_keys(const struct tls *tls)
{
	return tls->signer.sign && tls->signer.is_here(tls->signer.self);
}

bool tls_has_certificate(const struct tls *tls)
{
	return tls && tls->contexts && tls->contexts->count > 0;
}

bool tls_can_accept(const struct tls *tls)
{
	return tls_has_certificate(tls) && tls_has_keys(tls);
}

const struct tls_counts *tls_counts(const struct tls *tls)
{
	return &tls->counts;
}

void tls_take_self_signed(struct tls *tls, int fd)
{
	text_clear(&tls->self_signed);
	char *room = text_reserve(&tls->self_signed, SELF_SIGNED_MAX);
	ssize_t len = pread(fd, room, SELF_SIGNED_MAX, 0); /* whose offset others share */

	tls->self_signed.len = len > 0 ? (size_t)len : 0;
	close(fd);
}

void tls_switch_over(struct tls *tls, struct tls_contexts *contexts)
{
	tls_contexts_drop(tls->contexts);
	tls->contexts = contexts;
}
