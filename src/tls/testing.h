/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of rooms that speak TLS: a server's `struct tls` with a key of its own in this process,
 * made now, so that no role keys is needed. Link tls_testing_dep.
 *
 *	struct testing_tls *server = testing_tls_open(loop, SLICE("mx.example"));
 *	tls_accept(task, server->tls, stream, &session, &why);
 *	struct tls *client = tls_open_client(slice_of(server->trust_file), &why);  verifies it
 */
#ifndef TLS_TESTING_H
#define TLS_TESTING_H

#include "tls/private_key.h"
#include "tls/signer.h"

enum { TESTING_KEYS_MAX = 8 };

struct testing_tls {
	struct tls *tls;
	struct private_key *keys[TESTING_KEYS_MAX];
	size_t key_count;
	struct text certificate; /* PEM of the last made */
	char trust_file[64];     /* the same, for clients */
	bool away;               /* as if keys were away */
	unsigned pauses;         /* each signature waits so many milliseconds of the loop */
	unsigned asked;
};

struct testing_tls *testing_tls_open(struct loop *loop, struct slice name);
void testing_tls_close(struct testing_tls *server);
/* A server's session in which nobody shook hands: its stream goes on in the clear. For tests of
 * what a conversation allows under TLS; tls_session_end() ends it. */
struct tls_session *testing_tls_session(void);
/* The signer that `server->tls` has, over its keys. */
struct tls_signer testing_signer(struct testing_tls *server);

#endif
