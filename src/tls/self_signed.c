/* SPDX-License-Identifier: Apache-2.0 */
/* Making a self-signed certificate. The contract is in self_signed.h. */
#include "tls/self_signed.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define YEARS_10 (10 * 365 * 86400L)
#define DAYS_30 (30 * 86400L)

static bool set_serial(X509 *certificate)
{
	uint64_t serial;

	return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1;
}

static bool add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return added;
}

/* A common name has at most 64 characters (RFC 5280, ub-common-name); the real name is the
 * alternative one. */
static bool set_names(X509 *certificate, struct slice name)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	struct slice common = slice_part(name, 0, 64);
	char alternative[300];

	snprintf(alternative, sizeof alternative, "DNS:%.*s", SLICE_ARGS(name));
	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
		       (const unsigned char *)common.at, (int)common.len, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, subject) == 1 &&
	       add_extension(certificate, NID_subject_alt_name, alternative) &&
	       add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE");
}

/* From a day ago: clocks differ. */
static bool fill_in(X509 *certificate, struct slice name, wall_ns now, EVP_PKEY *key)
{
	time_t start = (time_t)(now / NS_PER_S) - 86400;

	return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
	       ASN1_TIME_set(X509_getm_notBefore(certificate), start) &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), start + YEARS_10) &&
	       set_names(certificate, name) && X509_set_pubkey(certificate, key) == 1 &&
	       X509_sign(certificate, key, EVP_sha256()) > 0;
}

static void take_pem(BIO *out, struct text *text)
{
	char *at;
	long len = BIO_get_mem_data(out, &at);

	text_put(text, (struct slice){at, (size_t)len});
}

static bool write_both(
	X509 *certificate, EVP_PKEY *key, struct text *key_text, struct text *certificate_text)
{
	BIO *one = BIO_new(BIO_s_mem()), *other = BIO_new(BIO_s_mem());
	bool ok = one && other &&
		  PEM_write_bio_PrivateKey(one, key, NULL, NULL, 0, NULL, NULL) == 1 &&
		  PEM_write_bio_X509(other, certificate) == 1;

	if (ok) {
		take_pem(one, key_text);
		take_pem(other, certificate_text);
	}
	BIO_free(one);
	BIO_free(other);
	return ok;
}

enum status self_signed_make(
	struct slice name, wall_ns now, struct text *key_text, struct text *certificate_text)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	bool ok = key && certificate && name.len > 0 && name.len < 256 &&
		  fill_in(certificate, name, now, key) &&
		  write_both(certificate, key, key_text, certificate_text);

	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok ? STATUS_OK : STATUS_FAILED;
}

bool self_signed_serves(struct slice pem, struct slice name, wall_ns now)
{
	BIO *in = BIO_new_mem_buf(pem.at ? pem.at : "", (int)pem.len);
	X509 *certificate = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	time_t soon = (time_t)(now / NS_PER_S) + DAYS_30;
	bool serves = certificate &&
		      X509_check_host(certificate, name.at, name.len, 0, NULL) == 1 &&
		      X509_cmp_time(X509_get0_notAfter(certificate), &soon) > 0;

	X509_free(certificate);
	BIO_free(in);
	ERR_clear_error();
	return serves;
}
