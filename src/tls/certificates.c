/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate chains: read from PEM, with the names they are for. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/panic.h"
#include "tls/certificate.h"
#include "tls/inside.h"

/* The next certificate of the PEM text; NULL at its end or at one that cannot be read. */
static X509 *next_certificate(OSSL_LIB_CTX *library, BIO *in)
{
	X509 *certificate = X509_new_ex(library, NULL);

	panic_if(!certificate, "no memory for a certificate");
	if (PEM_read_bio_X509(in, &certificate, NULL, NULL))
		return certificate;
	X509_free(certificate);
	return NULL;
}

STACK_OF(X509) * certificates_read(OSSL_LIB_CTX *library, struct slice pem)
{
	BIO *in = BIO_new_mem_buf(pem.at ? pem.at : "", (int)pem.len);
	STACK_OF(X509) *chain = sk_X509_new_null();

	panic_if(!in || !chain, "no memory for certificates");
	ERR_clear_error();
	for (X509 *next; (next = next_certificate(library, in));)
		panic_if(!sk_X509_push(chain, next), "no memory for certificates");
	bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	BIO_free(in);
	if (whole)
		ERR_clear_error();
	if (whole && sk_X509_num(chain) > 0)
		return chain;
	sk_X509_pop_free(chain, X509_free);
	return NULL;
}

/* ---- names ---- */

static void keep_name(struct host *host, const char *at, size_t len)
{
	char *name = malloc(len + 1);

	host->names = realloc(host->names, (host->name_count + 1) * sizeof *host->names);
	panic_if(!name || !host->names, "no memory for names");
	for (size_t i = 0; i < len; i++)
		name[i] = ascii_lower(at[i]);
	host->names[host->name_count++] = (struct slice){name, len};
}

static void keep_subject_name(struct host *host, X509 *certificate)
{
	char name[256];
	int len = X509_NAME_get_text_by_NID(
		X509_get_subject_name(certificate), NID_commonName, name, sizeof name);

	if (len > 0)
		keep_name(host, name, (size_t)len);
}

/* RFC 6125: the common name counts only where there are no alternative names. */
static void keep_names(struct host *host, X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_DNS)
			keep_name(host, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
				(size_t)ASN1_STRING_length(name->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	if (host->name_count == 0)
		keep_subject_name(host, certificate);
}

static bool name_covers(struct slice name, struct slice asked)
{
	size_t dot = slice_find(asked, '.');

	if (slice_is_nocase(name, asked))
		return true;
	return slice_starts(name, SLICE("*.")) && dot != SIZE_MAX && dot > 0 &&
	       slice_is_nocase(slice_from(name, 1), slice_from(asked, dot));
}

bool host_has_name(const struct host *host, struct slice name)
{
	for (size_t i = 0; i < host->name_count; i++)
		if (name_covers(host->names[i], name))
			return true;
	return false;
}

/* ---- a host's certificate ---- */

static struct slice copied(struct slice s)
{
	char *copy = malloc(s.len + 1);

	panic_if(!copy, "no memory for a name");
	if (s.len > 0)
		memcpy(copy, s.at, s.len);
	return (struct slice){copy, s.len};
}

static void complain(struct text *why, struct slice file, const char *what)
{
	text_put(why, SLICE("the certificate "));
	text_escaped(why, file);
	text_format(why, " %s", what);
	if (*error_words())
		text_format(why, " (%s)", error_words());
	ERR_clear_error();
}

bool host_read(struct tls *tls, struct host *host, const struct tls_chain *from, struct text *why)
{
	*host = (struct host){.file = copied(from->name)};
	host->chain = certificates_read(tls->library, from->pem);
	if (!host->chain) {
		complain(why, from->name, "cannot be read: it must be PEM, its own first");
		return false;
	}
	X509 *own = sk_X509_value(host->chain, 0);
	EVP_PKEY *public = X509_get0_pubkey(own);
	host->key = public ? remote_key_new(tls, public) : NULL;
	if (!host->key) {
		complain(why, from->name, "has a key that is neither EC, RSA nor Ed25519");
		return false;
	}
	keep_names(host, own);
	return true;
}

void host_free(struct host *host)
{
	SSL_CTX_free(host->context);
	EVP_PKEY_free(host->key);
	sk_X509_pop_free(host->chain, X509_free);
	for (size_t i = 0; i < host->name_count; i++)
		free((void *)(uintptr_t)host->names[i].at);
	free(host->names);
	free((void *)(uintptr_t)host->file.at);
}

/* ---- for who checks ---- */

wall_ns certificate_ends(const X509 *certificate)
{
	struct tm time = {0};

	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1)
		return 0;
	return civil_to_wall((struct civil){.year = time.tm_year + 1900,
		.month = time.tm_mon + 1,
		.day = time.tm_mday,
		.hour = time.tm_hour,
		.minute = time.tm_min,
		.second = time.tm_sec});
}

static bool name_key(X509 *certificate, uint8_t name[KEY_NAME_LEN])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);

	if (len <= 0)
		return false;
	SHA256(der, (size_t)len, name);
	OPENSSL_free(der);
	return true;
}

bool certificate_look(struct slice pem, struct certificate_facts *facts)
{
	STACK_OF(X509) *chain = certificates_read(NULL, pem);

	ERR_clear_error();
	if (!chain)
		return false;
	X509 *own = sk_X509_value(chain, 0);
	*facts = (struct certificate_facts){
		.ends = certificate_ends(own), .in_chain = (size_t)sk_X509_num(chain)};
	bool named = name_key(own, facts->key_name);
	sk_X509_pop_free(chain, X509_free);
	return named;
}

void text_certificate_names(struct text *text, struct slice pem)
{
	STACK_OF(X509) *chain = certificates_read(NULL, pem);
	struct host host = {.chain = chain};

	ERR_clear_error();
	if (!chain)
		return;
	keep_names(&host, sk_X509_value(chain, 0));
	for (size_t i = 0; i < host.name_count; i++) {
		text_put(text, i ? SLICE(", ") : SLICE_NONE);
		text_put(text, host.names[i]);
	}
	host_free(&host);
}
