/* SPDX-License-Identifier: Apache-2.0 */
/* A server's TLS for tests. The contract is in testing.h. */
#include "tls/testing.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/testing.h"
#include "tls/inside.h"
#include "tls/self_signed.h"

#define SOME_DAY (INT64_C(1700000000) * NS_PER_S)

static enum signing_outcome sign(
	struct task *task, void *self, const struct signing_ask *ask, struct text *signature)
{
	struct testing_tls *server = self;

	server->asked++;
	if (server->pauses > 0 && task_sleep(task, server->pauses * NS_PER_MS) != WAIT_READY)
		return SIGN_AWAY;
	if (server->away)
		return SIGN_AWAY;
	for (size_t i = 0; i < server->key_count; i++)
		if (memcmp(private_key_name(server->keys[i]), ask->key, KEY_NAME_LEN) == 0)
			return private_key_sign(server->keys[i], ask, signature);
	return SIGN_NO_KEY;
}

static bool is_here(const void *self)
{
	const struct testing_tls *server = self;

	return !server->away;
}

struct tls_signer testing_signer(struct testing_tls *server)
{
	return (struct tls_signer){.sign = sign, .is_here = is_here, .self = server};
}

static void write_trust(struct testing_tls *server)
{
	int fd = testing_pattern(server->trust_file, sizeof server->trust_file, "tls-trust")
			 ? mkstemp(server->trust_file)
			 : -1;
	struct slice pem = text_slice(&server->certificate);

	panic_if(fd < 0 || write(fd, pem.at, pem.len) != (ssize_t)pem.len, "no file for roots");
	close(fd);
}

struct testing_tls *testing_tls_open(struct loop *loop, struct slice name)
{
	struct testing_tls *server = calloc(1, sizeof *server);
	struct text key = TEXT_GROWING, why = TEXT_GROWING;

	panic_if(!server, "no memory");
	server->certificate = TEXT_GROWING;
	wall_ns now = loop_wall(loop) > SOME_DAY ? loop_wall(loop) : SOME_DAY;
	panic_if(self_signed_make(name, now, &key, &server->certificate) != STATUS_OK, "no key");
	server->keys[server->key_count++] = private_key_read(text_slice(&key), &why);
	server->tls = tls_open(loop, &why);
	panic_if(!server->tls, "%.*s", SLICE_ARGS(text_slice(&why)));
	const struct tls_chain chain = {SLICE("self"), text_slice(&server->certificate)};
	const struct tls_setup setup = {.chains = &chain, .chain_count = 1};
	struct tls_contexts *contexts = tls_prepare(server->tls, &setup, &why);
	panic_if(!contexts, "%.*s", SLICE_ARGS(text_slice(&why)));
	tls_switch_over(server->tls, contexts);
	struct tls_signer signer = testing_signer(server);
	tls_set_signer(server->tls, &signer);
	write_trust(server);
	text_free(&key);
	text_free(&why);
	return server;
}

void testing_tls_close(struct testing_tls *server)
{
	tls_close(server->tls);
	for (size_t i = 0; i < server->key_count; i++)
		private_key_free(server->keys[i]);
	unlink(server->trust_file);
	text_free(&server->certificate);
	free(server);
}

/* Broken, as OpenSSL has it: there is nobody to say close_notify to. */
struct tls_session *testing_tls_session(void)
{
	static SSL_CTX *context; /* dear to make */
	struct tls_session *session = calloc(1, sizeof *session);

	if (!context)
		context = SSL_CTX_new(TLS_server_method());
	panic_if(!session || !context, "no memory for a session");
	*session = (struct tls_session){.ssl = SSL_new(context),
		.broken = true,
		.seen = {.version = SLICE("TLSv1.3"), .cipher = SLICE("TLS_AES_256_GCM_SHA384")}};
	panic_if(!session->ssl, "no memory for a session");
	return session;
}
