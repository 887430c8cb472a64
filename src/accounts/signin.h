/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing in (packets/signin.h): the exchanges of all edges and pops, each a task that drives a
 * mechanism (sasl/sasl.h) with what the store says, within the bounds of guesses.h.
 *
 *	struct signin *signin = signin_open(role, &hooks);
 *	signin_use(signin, store, &tokens);                 at each configuration
 *	struct signin_peer *peer = signin_peer_open(signin, channel);
 *	if (signin_receive(peer, type, body)) …             it was of these
 *	signin_peer_close(peer);                            before its channel is
 *
 * Bounds: EXCHANGES_MAX at once; HASHING_MAX tests of passwords wait for the threads that hash (of
 * addresses that an account has signed in at before, twice as many); above them SIGNIN_BUSY. What
 * a client sends too late, or for nothing, is answered and forgotten.
 */
#ifndef ACCOUNTS_SIGNIN_H
#define ACCOUNTS_SIGNIN_H

#include "account/stores.h"
#include "accounts/counters.h"
#include "accounts/oauth.h"
#include "packets/signin.h"
#include "role/role.h"

enum { EXCHANGES_MAX = 4096, HASHING_MAX = 64, HASHING_THREADS = 1, DELAYED_MAX = 1024 };

/* What it tells the rest of the role. Members may be NULL. */
struct signin_hooks {
	/* An exchange is over. `account` is who signed in, or who it claimed to be. */
	void (*over)(void *owner, const struct signin_begin *begin, enum signin_outcome outcome,
		struct slice account);
	/* The account that a certificate signs in as; empty: none. In `arena`. */
	struct slice (*account_of_certificate)(
		void *owner, struct slice certificate, struct arena *arena);
	void *owner;
};

struct signin;
struct signin *signin_open(struct role *role, const struct signin_hooks *hooks);
/* NULL: nobody can sign in. Holds the store while it is used. `secret` (32 octets) makes the salts
 * of users who are not there; the same at each start. */
void signin_use(struct signin *signin, struct store *store, const struct token_setting *tokens);
void signin_secret(struct signin *signin, const uint8_t secret[32]);
/* STATE/accounts, the signin's from here on: guesses and the secret are read. False with words: a
 * format that is newer than known. `pool`: a thread that writes. */
bool signin_folder(
	struct signin *signin, struct offload *pool, int folder, struct text *why) MUST_USE;
void signin_start(struct signin *signin);
void signin_tend(struct signin *signin);                      /* every few seconds */
void signin_finish(struct task *task, struct signin *signin); /* all is written, before close */
/* The counters of guesses, for the file and for status. */
struct counters *signin_counters(struct signin *signin);
void signin_tell(struct signin *signin, struct text *out); /* JSON, for status */
/* Every exchange has ended when it comes back; every peer is closed. */
void signin_close(struct task *task, struct signin *signin);

struct signin_peer;
struct signin_peer *signin_peer_open(struct signin *signin, struct channel *channel);
void signin_peer_close(struct signin_peer *peer);
/* False: no message of signing in (questions are somebody else's). */
bool signin_receive(struct signin_peer *peer, uint16_t type, struct slice body);

#endif
