/* SPDX-License-Identifier: Apache-2.0 */
/* What is offered and what is trusted. A context for each certificate chain, chosen by SNI; with
 * it go chains of other key types for the same name, so that ECDSA and RSA stand side by side. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "tls/inside.h"

/* Forward secrecy and authenticated encryption alone (RFC 9325 section 4.2). */
static const char server_ciphers[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
#define TICKET_SECONDS (6 * 3600)
enum { CLIENT_CHAIN_MAX = 64 * 1024 }; /* octets of a peer's certificates */

/* A call of OpenSSL never reads on after something that is no data of the peer, so that a flood of
 * such records comes by session.c (no SSL_MODE_AUTO_RETRY). */
static void set_modes(SSL_CTX *context)
{
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_CLEANSE_PLAINTEXT); /* passwords */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(context, CLIENT_CHAIN_MAX);
#if OPENSSL_VERSION_NUMBER < 0x30500000L /* from 3.5 on its own list begins with ML-KEM */
	char groups[] = "X25519:P-256:P-384";
	SSL_CTX_set1_groups_list(context, groups);
#endif
}

SSL_CTX *context_new(struct tls *tls, const SSL_METHOD *method, struct text *why)
{
	ERR_clear_error();
	SSL_CTX *context = SSL_CTX_new_ex(tls->library, NULL, method);
	if (!context) {
		text_format(why, "no context for TLS: %s", error_words());
		ERR_clear_error();
		return NULL;
	}
	set_modes(context);
	return context;
}

/* ---- for clients ---- */

static bool trust(struct tls *tls, SSL_CTX *context)
{
	return tls->trust_file ? SSL_CTX_load_verify_file(context, tls->trust_file) == 1
			       : SSL_CTX_set_default_verify_paths(context) == 1;
}

/* Of who will do with any certificate (RFC 7435) weak ones are better than none. */
SSL_CTX *context_for_client(struct tls *tls, bool verified, struct text *why)
{
	SSL_CTX *context = context_new(tls, TLS_client_method(), why);

	if (!context)
		return NULL;
	SSL_CTX_set_cipher_list(context, verified ? "DEFAULT" : "DEFAULT:@SECLEVEL=0");
	SSL_CTX_set_verify(context, verified ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (trust(tls, context))
		return context;
	text_format(why, "the trusted roots in %s cannot be read: %s",
		tls->trust_file ? tls->trust_file : "the system's folder", error_words());
	ERR_clear_error();
	SSL_CTX_free(context);
	return NULL;
}

/* ---- which certificate ---- */

static struct host *host_named(const struct tls_contexts *contexts, struct slice name)
{
	char lower[256] = "*";
	size_t len = name.len < sizeof lower - 1 ? name.len : 0;

	for (size_t i = 0; i < len; i++)
		lower[i + 1] = ascii_lower(name.at[i]);
	struct slice whole = {lower + 1, len};
	struct host *host = map_get(contexts->by_name, whole);
	size_t dot = slice_find(whole, '.');
	if (host || dot == SIZE_MAX || dot == 0)
		return host;
	lower[dot] = '*'; /* "mx.example" as "*.example" */
	return map_get(contexts->by_name, (struct slice){lower + dot, len - dot + 1});
}

/* A name that no certificate has gets the first one, as without SNI: many senders of mail ask for
 * the name of the domain and look at nothing. */
static int choose_host(SSL *ssl, int *alert, void *owner)
{
	const struct tls *tls = owner;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (!name || !tls->contexts)
		return SSL_TLSEXT_ERR_NOACK;
	struct host *host = host_named(tls->contexts, slice_of(name));
	if (!host)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(ssl, host->context);
	return SSL_TLSEXT_ERR_OK;
}

/* ---- for servers ---- */

static bool add_certificate(SSL_CTX *context, const struct host *host, struct text *why)
{
	STACK_OF(X509) *above = sk_X509_dup(host->chain);

	panic_if(!above, "no memory for certificates");
	(void)sk_X509_shift(above);
	int added = SSL_CTX_use_cert_and_key(
		context, sk_X509_value(host->chain, 0), host->key, above, 1);
	sk_X509_free(above);
	if (added == 1)
		return true;
	text_put(why, SLICE("the certificate "));
	text_escaped(why, host->file);
	text_format(why, " cannot be used: %s", error_words());
	ERR_clear_error();
	return false;
}

static bool is_same_kind(const struct host *a, const struct host *b)
{
	return slice_is(slice_of(EVP_PKEY_get0_type_name(a->key)),
		slice_of(EVP_PKEY_get0_type_name(b->key)));
}

static bool is_beside(const struct tls_contexts *contexts, size_t of, size_t other)
{
	const struct host *host = &contexts->hosts[of], *beside = &contexts->hosts[other];

	if (host->name_count == 0 || !host_has_name(beside, host->names[0]))
		return false;
	for (size_t i = 0; i < other; i++)
		if (i != of && is_same_kind(&contexts->hosts[i], beside) &&
			host_has_name(&contexts->hosts[i], host->names[0]))
			return false;
	return !is_same_kind(host, beside);
}

/* No certificate is refused here: whose it is, and whether it leads to a root, are facts for the
 * policy. */
static int take_any(int ok, X509_STORE_CTX *checking)
{
	(void)ok, (void)checking;
	return 1;
}

static void ask_clients(SSL_CTX *context, struct tls_contexts *contexts, struct tls *tls,
	const struct tls_setup *setup)
{
	if (!setup->ask_clients && setup->client_ca.len == 0)
		return;
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, take_any);
	if (!contexts->client_roots)
		return;
	SSL_CTX_set1_cert_store(context, contexts->client_roots);
	STACK_OF(X509) *roots = certificates_read(tls->library, setup->client_ca);
	for (int i = 0; i < sk_X509_num(roots); i++)
		(void)SSL_CTX_add_client_CA(context, sk_X509_value(roots, i));
	sk_X509_pop_free(roots, X509_free);
}

/* A ticket of before does not carry a verdict over other roots into this configuration. */
static void set_sessions(SSL_CTX *context, const struct tls_setup *setup)
{
	uint64_t hash = slice_hash(setup->client_ca) ^ setup->ask_clients;

	SSL_CTX_set_session_id_context(context, (const unsigned char *)&hash, sizeof hash);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key_chosen);
	SSL_CTX_set_timeout(context, TICKET_SECONDS);
	SSL_CTX_set_num_tickets(context, 1);
}

static bool make_context(struct tls *tls, struct tls_contexts *contexts, size_t at,
	const struct tls_setup *setup, struct text *why)
{
	struct host *host = &contexts->hosts[at];

	host->context = context_new(tls, TLS_server_method(), why);
	if (!host->context || !add_certificate(host->context, host, why))
		return false;
	for (size_t i = 0; i < contexts->count; i++)
		if (i != at && is_beside(contexts, at, i) &&
			!add_certificate(host->context, &contexts->hosts[i], why))
			return false;
	SSL_CTX_set_cipher_list(host->context, server_ciphers);
	SSL_CTX_set_tlsext_servername_callback(host->context, choose_host);
	SSL_CTX_set_tlsext_servername_arg(host->context, tls);
	ask_clients(host->context, contexts, tls, setup);
	set_sessions(host->context, setup);
	return true;
}

static void enter_names(struct tls_contexts *contexts, struct host *host)
{
	for (size_t i = 0; i < host->name_count; i++)
		if (!map_get(contexts->by_name, host->names[i]))
			map_put(contexts->by_name, host->names[i], host);
}

static bool read_roots(
	struct tls *tls, struct tls_contexts *contexts, struct slice pem, struct text *why)
{
	if (pem.len == 0)
		return true;
	STACK_OF(X509) *roots = certificates_read(tls->library, pem);
	if (!roots) {
		text_put(why, SLICE("the file of `tls client-ca` holds no certificates in PEM"));
		return false;
	}
	contexts->client_roots = X509_STORE_new();
	panic_if(!contexts->client_roots, "no memory for roots");
	for (int i = 0; i < sk_X509_num(roots); i++)
		X509_STORE_add_cert(contexts->client_roots, sk_X509_value(roots, i));
	sk_X509_pop_free(roots, X509_free);
	return true;
}

static struct tls_contexts *contexts_new(size_t count)
{
	struct tls_contexts *contexts = calloc(1, sizeof *contexts);

	panic_if(!contexts, "no memory for contexts");
	contexts->hosts = calloc(count + 1, sizeof *contexts->hosts);
	panic_if(!contexts->hosts, "no memory for contexts");
	contexts->by_name = map_new(0);
	return contexts;
}

static bool fill_contexts(struct tls *tls, struct tls_contexts *contexts,
	const struct tls_setup *setup, struct text *why)
{
	bool ok = read_roots(tls, contexts, setup->client_ca, why);

	for (; ok && contexts->count < setup->chain_count; contexts->count++) {
		struct host *host = &contexts->hosts[contexts->count];
		ok = host_read(tls, host, &setup->chains[contexts->count], why);
		enter_names(contexts, host);
	}
	for (size_t i = 0; ok && i < contexts->count; i++)
		ok = make_context(tls, contexts, i, setup, why);
	return ok;
}

/* Without any certificate the contexts are empty, and nothing can be accepted. */
struct tls_contexts *tls_prepare(struct tls *tls, const struct tls_setup *setup, struct text *why)
{
	const struct tls_chain own = {SLICE("self-signed"), text_slice(&tls->self_signed)};
	struct tls_setup wanted = *setup;

	if (setup->chain_count == 0 && own.pem.len > 0) {
		wanted.chains = &own;
		wanted.chain_count = 1;
	}
	struct tls_contexts *contexts = contexts_new(wanted.chain_count);
	if (fill_contexts(tls, contexts, &wanted, why))
		return contexts;
	tls_contexts_drop(contexts);
	return NULL;
}

void tls_contexts_drop(struct tls_contexts *contexts)
{
	if (!contexts)
		return;
	for (size_t i = 0; i < contexts->count; i++)
		host_free(&contexts->hosts[i]);
	map_free(contexts->by_name);
	X509_STORE_free(contexts->client_roots);
	free(contexts->hosts);
	free(contexts);
}
