/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share and nobody else includes. */
#ifndef TLS_INSIDE_H
#define TLS_INSIDE_H

#include <openssl/core.h>
#include <openssl/ssl.h>

#include "base/map.h"
#include "base/text.h"
#include "tls/signer.h"
#include "tls/turns.h"

struct keys_door;

struct tls {
	struct loop *loop; /* NULL: for clients alone */
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *standard, *ours;
	EVP_CIPHER *ticket_cipher;
	BIO_METHOD *bio;
	struct task *task;  /* who is in OpenSSL now and may wait for a signature */
	struct turns turns; /* of handshakes; where there is a loop */
	struct tls_signer signer;
	enum signing_outcome last_signing; /* of the call of OpenSSL that runs */
	struct keys_door *door;            /* NULL: none yet */
	struct signing_tickets tickets;    /* count 0: no tickets are given */
	struct tls_contexts *contexts;     /* NULL: cannot accept */
	struct text self_signed;           /* PEM; empty: none was given */
	SSL_CTX *client[2];                /* [verified], NULL until needed */
	char *trust_file;                  /* NULL: the system's */
	struct tls_counts counts;
};

/* ---- contexts.c ---- */

struct tls_contexts {
	struct host *hosts; /* one for each chain, in their order */
	size_t count;
	struct map *by_name;      /* lower case, "mx.example" or "*.example" → struct host */
	X509_STORE *client_roots; /* NULL: none */
};
/* Versions, ciphers, modes: what servers and clients have in common. NULL and `why`. */
SSL_CTX *context_new(struct tls *tls, const SSL_METHOD *method, struct text *why);
SSL_CTX *context_for_client(struct tls *tls, bool verified, struct text *why);

/* ---- certificates.c ---- */

struct host {
	struct slice file;      /* malloc'ed */
	STACK_OF(X509) * chain; /* the first is its own */
	EVP_PKEY *key;          /* ours: has no private part */
	struct slice *names;    /* of the certificate, lower case; malloc'ed */
	size_t name_count;
	SSL_CTX *context;
};
/* Reads the PEM; false and `why`. */
bool host_read(struct tls *tls, struct host *host, const struct tls_chain *from, struct text *why);
bool host_has_name(const struct host *host, struct slice name);
void host_free(struct host *host);
wall_ns certificate_ends(const X509 *certificate);
STACK_OF(X509) * certificates_read(OSSL_LIB_CTX *library, struct slice pem);

/* ---- provider.c ---- */

extern const char provider_name[];
OSSL_provider_init_fn provider_begin;
/* A key whose signatures are asked for; `public` is counted up. NULL: no memory, or a type that
 * is not served. */
EVP_PKEY *remote_key_new(struct tls *tls, EVP_PKEY *public);

/* What the two halves of the provider share: the key and how it is used. */
struct remote_key {
	struct tls *tls;
	EVP_PKEY *public;
	uint8_t name[KEY_NAME_LEN];
	unsigned references;
};
void remote_key_drop(struct remote_key *key);
extern const OSSL_DISPATCH remote_ecdsa_functions[], remote_rsa_functions[],
	remote_ed25519_functions[];

/* ---- keys_door.c ---- */

void door_close(struct keys_door *door); /* NULL is fine */

/* ---- tickets.c ---- */

int ticket_key_chosen(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int making);

/* ---- session.c, seen.c ---- */

struct tls_session {
	struct tls *tls;
	struct io *io;
	SSL *ssl;
	enum tls_turn turn; /* of its handshake */
	bool starved;       /* the last call wanted input and there was none */
	bool ended;         /* the peer has closed */
	bool broken;        /* nothing more can be said */
	bool has_name;      /* of the server, as a client: else nothing can be verified */
	struct tls_seen seen;
	char *texts; /* what `seen` points into */
};
bool session_bio_open(struct tls *tls);
void session_look(struct tls_session *session); /* fills `seen` */
/* OpenSSL's words for the oldest error in its queue; "" where there is none. */
const char *error_words(void);

#endif
