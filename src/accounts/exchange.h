/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange, and what signin.c (life, peers, packets), exchange.c (the task), exchange_guesses.c
 * and exchange_proofs.c share. Nobody else includes it. */
#ifndef ACCOUNTS_EXCHANGE_H
#define ACCOUNTS_EXCHANGE_H

#include "account/addresses.h"
#include "accounts/guesses.h"
#include "accounts/keeper.h"
#include "accounts/signin.h"
#include "base/map.h"
#include "sasl/sasl.h"

struct signin {
	struct role *role;
	struct signin_hooks hooks;
	struct offload *hashing, *asking; /* threads that hash; that ask about tokens */
	struct store *store;              /* NULL: there are no accounts */
	struct token_setting tokens;
	uint8_t secret[SCRAM_KEY];
	struct counters *guesses;
	struct addresses *shut; /* from where nobody is heard, as askers were told */
	struct keeper keeper;   /* of them */
	bool has_keeper;
	struct gate guess_over; /* some guess has ended */
	struct list peers, exchanges;
	size_t exchange_count, hashing_count, asking_count, delayed_count;
	uint64_t outcomes[SIGNIN_OUTCOMES];
	struct gate emptied; /* the last exchange has ended */
	bool closing;
	struct slice offered;
	char offered_room[256];
};

struct signin_peer {
	struct list link;
	struct signin *signin;
	struct channel *channel;
	struct map *exchanges; /* by request */
};

struct signin_exchange {
	struct list link;
	struct signin *signin;
	struct signin_peer *peer; /* NULL: gone, or it has given up */
	uint64_t request;
	struct task *task;
	struct arena *arena; /* holds secrets */
	struct signin_begin begin;
	struct store *store; /* held */
	struct gate heard;
	bool has_response, cancelled;
	struct slice response;
	struct guess guess;
	bool guessing;
	struct sasl_server *server;
	struct account account;
	bool has_account, is_disabled;
	struct slice who; /* who it is or claims to be, for the end */
	struct text because;
};

void exchange_run(struct task *task, void *arg); /* owns the exchange */
/* A counter of guesses has kept a place: for the file. */
void signin_note(struct signin *signin, const struct counting_counter *kept);
/* Tells all askers that nobody may sign in from there for so long (0: one may); once. */
void signin_shut(struct signin *signin, const struct address *client, mono_ns how_long);
/* To the asker; nothing where it has gone. */
void exchange_say(struct signin_exchange *exchange, struct slice words);
void exchange_done(struct signin_exchange *exchange, enum signin_outcome outcome);

/* Why it ends as it does, for the log. */
void exchange_note(struct signin_exchange *exchange, struct slice words);

/* ---- exchange_guesses.c ---- */
/* The login as it is kept, or as it stands where it can be none. */
struct slice exchange_one_form(struct signin_exchange *exchange, struct slice login);
/* A place in each counter, once an exchange. Anything but SIGNED_IN is the end. */
enum signin_outcome exchange_guess_take(
	struct task *task, struct signin_exchange *exchange, struct slice login);
void exchange_guess_end(struct signin_exchange *exchange, enum signin_outcome outcome);
void exchange_shut_or_open(struct signin_exchange *exchange, enum signin_outcome outcome);
void exchange_delay(struct task *task, struct signin_exchange *exchange);

/* ---- exchange_proofs.c: SIGNED_IN is what it proves, or that it goes on ---- */
enum signin_outcome exchange_test_password(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step);
enum signin_outcome exchange_give_keys(
	struct task *task, struct signin_exchange *exchange, struct sasl_step *step);
enum signin_outcome exchange_test_token(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step);
enum signin_outcome exchange_test_certificate(
	struct task *task, struct signin_exchange *exchange, const struct sasl_step *step);

#endif
