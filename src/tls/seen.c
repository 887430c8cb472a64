/* SPDX-License-Identifier: Apache-2.0 */
/* What a session turned out to be, and what binds a sign-in to it. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "tls/inside.h"

enum { SUBJECT_MAX = 200 };

static void put_fingerprint(struct text *texts, X509 *certificate)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len;

	if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1)
		return;
	text_put(texts, SLICE("SHA256:"));
	for (unsigned i = 0; i < len; i++)
		text_hex(texts, digest[i], 2);
}

static void put_subject(struct text *texts, X509 *certificate)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *at;

	if (out && X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0,
			   XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		long len = BIO_get_mem_data(out, &at);
		text_put(texts, slice_part((struct slice){at, (size_t)len}, 0, SUBJECT_MAX));
	}
	BIO_free(out);
}

static const char *group_of(SSL *ssl)
{
	int nid = (int)SSL_get_negotiated_group(ssl);

	return SSL_version(ssl) < TLS1_3_VERSION && SSL_session_reused(ssl)
		       ? NULL
		       : SSL_group_to_name(ssl, nid);
}

void session_look(struct tls_session *session)
{
	SSL *ssl = session->ssl;
	const char *server =
		SSL_is_server(ssl) ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL;
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	struct text texts = TEXT_GROWING;

	text_put(&texts, slice_of(server));
	size_t name = texts.len;
	if (certificate)
		put_fingerprint(&texts, certificate);
	size_t print = texts.len;
	if (certificate)
		put_subject(&texts, certificate);
	session->texts = texts.at;
	session->seen = (struct tls_seen){.version = slice_of(SSL_get_version(ssl)),
		.cipher = slice_of(SSL_get_cipher_name(ssl)),
		.group = slice_of(group_of(ssl)),
		.resumed = SSL_session_reused(ssl) == 1,
		.name = slice_part(text_slice(&texts), 0, name),
		.certificate = slice_part(text_slice(&texts), name, print),
		.subject = slice_from(text_slice(&texts), print),
		.verified = certificate && (SSL_is_server(ssl) || session->has_name) &&
			    SSL_get_verify_result(ssl) == X509_V_OK};
	ERR_clear_error();
}

const struct tls_seen *tls_seen(const struct tls_session *session)
{
	return &session->seen;
}

/* Before TLS 1.3 two sessions may have one value unless the handshake is bound by RFC 7627. */
bool tls_exporter(struct tls_session *session, uint8_t value[32])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_version(session->ssl) < TLS1_3_VERSION && SSL_get_extms_support(session->ssl) != 1)
		return false;
	bool done = SSL_export_keying_material(
			    session->ssl, value, 32, label, sizeof label - 1, NULL, 0, 0) == 1;
	ERR_clear_error();
	return done;
}
