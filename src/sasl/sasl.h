/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL (RFC 4422): proving who one is, as state machines without I/O. README.md has the picture.
 *
 *	struct sasl_client *client = sasl_client_new(arena, SASL_SCRAM_SHA_256, login, password,
 *nonce); struct slice words; if (sasl_client_begin(client, &words)) …               AUTH
 *SCRAM-SHA-256 base64(words) if (!sasl_client_answer(client, challenge, &words)) …  say `*`; else
 *base64(words) if (!sasl_client_believes(client)) …                   at 235: it has not proved
 *itself
 *
 * Everything lives in the arena given, which holds secrets: its owner ends with arena_wipe().
 */
#ifndef SASL_SASL_H
#define SASL_SASL_H

#include "sasl/scram.h"

enum sasl_mechanism {
	SASL_SCRAM_SHA_256_PLUS,
	SASL_SCRAM_SHA_256,
	SASL_PLAIN,
	SASL_LOGIN,
	SASL_OAUTHBEARER,
	SASL_XOAUTH2,
	SASL_EXTERNAL,
	SASL_MECHANISMS
};
struct slice sasl_name(enum sasl_mechanism mechanism); /* "SCRAM-SHA-256-PLUS" */
bool sasl_find(struct slice name, enum sasl_mechanism *mechanism) MUST_USE; /* in any case */
enum { SASL_NONCE = 24 }; /* characters; 18 octets of chance in base 64 */
/* A nonce of SCRAM from SASL_NONCE / 4 * 3 random octets. */
struct slice sasl_nonce(const uint8_t *chance, struct arena *arena);

/* ---- server ---- */

struct sasl_setting {
	const uint8_t *binding; /* `tls-exporter`, 32 octets (RFC 9266); NULL: there is none */
	bool plus_offered;  /* -PLUS was offered to this client: who says we did not was lied to */
	struct slice nonce; /* ours */
};
enum sasl_next {
	SASL_CHALLENGE,        /* say `words`, and hand the reply to sasl_server_answer() */
	SASL_FIND_ACCOUNT,     /* look `login` up; its keys to sasl_server_keys() */
	SASL_TEST_PASSWORD,    /* whether it is `login`'s to sasl_server_verdict() */
	SASL_TEST_TOKEN,       /* likewise; `login` is who it claims to be, or empty */
	SASL_TEST_CERTIFICATE, /* likewise; `login` likewise: the client's, of TLS */
	SASL_DONE,             /* `login` has proved who it is (empty: whoever the token says) */
	SASL_WRONG,            /* it has not; `login` where it is known */
	SASL_MALFORMED,        /* that was no message of this mechanism */
};
struct sasl_step {
	enum sasl_next next;
	struct slice words, login, password, token; /* login and password prepared; in the arena */
};
struct sasl_server;
struct sasl_server *sasl_server_new(
	struct arena *arena, enum sasl_mechanism mechanism, const struct sasl_setting *setting);
void sasl_server_begin(
	struct sasl_server *server, bool has_initial, struct slice initial, struct sasl_step *step);
void sasl_server_answer(struct sasl_server *server, struct slice words, struct sasl_step *step);
void sasl_server_keys(
	struct sasl_server *server, const struct scram_keys *keys, struct sasl_step *step);
void sasl_server_verdict(struct sasl_server *server, bool right, struct sasl_step *step);

/* ---- client ---- */

/* Of the names offered ("PLAIN LOGIN …") the best that the client side speaks: SCRAM-SHA-256,
 * PLAIN, LOGIN. False: none. The last two hand the password over: only under verified TLS. */
bool sasl_choose(struct slice offered, enum sasl_mechanism *mechanism) MUST_USE;
struct sasl_client;
/* PLAIN, LOGIN or SCRAM-SHA-256. NULL: login or password cannot be prepared (prepare.h). `nonce`
 * is sasl_nonce(), used once. */
struct sasl_client *sasl_client_new(struct arena *arena, enum sasl_mechanism mechanism,
	struct slice login, struct slice password, struct slice nonce);
/* The initial response. False: it has none, the server speaks first (LOGIN). */
bool sasl_client_begin(struct sasl_client *client, struct slice *words) MUST_USE;
/* False: no answer can be given; the exchange is to be cancelled with `*`, and sasl_client_why()
 * says why. Of SCRAM it takes as long as the server's number of iterations, at most
 * SCRAM_ITERATIONS_MAX, so it may be called on another thread. */
bool sasl_client_answer(
	struct sasl_client *client, struct slice challenge, struct slice *words) MUST_USE;
/* Whether success may be believed: of SCRAM, when the server has shown that it knows us. */
bool sasl_client_believes(const struct sasl_client *client) MUST_USE;
struct slice sasl_client_why(const struct sasl_client *client); /* for the log */

#endif
