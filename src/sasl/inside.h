/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the server's side share. Nobody else includes it. */
#ifndef SASL_INSIDE_H
#define SASL_INSIDE_H

#include "sasl/sasl.h"
#include "sasl/scram_message.h"

/* What is expected next. */
enum sasl_stage {
	AT_START,
	AT_FIRST,    /* the first message, where none came with the command */
	AT_PASSWORD, /* LOGIN's second answer */
	AT_KEYS,     /* SCRAM: the caller's */
	AT_FINAL,    /* SCRAM: the client's proof */
	AT_ASSENT,   /* an empty answer to our last word; then the end that is known already */
	AT_VERDICT,  /* the caller's */
	AT_END,
};
struct sasl_server {
	struct arena *arena;
	enum sasl_mechanism mechanism;
	struct sasl_setting setting;
	enum sasl_stage stage;
	struct slice login;
	bool proved; /* what the end will be */
	/* SCRAM */
	struct scram_first first;
	struct slice challenge, nonce; /* server-first-message; both nonces */
	struct scram_keys keys;
};

void sasl_end(struct sasl_server *server, enum sasl_next next, struct sasl_step *step);
/* Says `words` next, and expects `stage`. */
void sasl_say(struct sasl_server *server, struct slice words, enum sasl_stage stage,
	struct sasl_step *step);
/* The name in its prepared form as the server's login; false: it cannot be one. */
bool sasl_take_login(struct sasl_server *server, struct slice name);
/* A password or token to be tested by the caller. */
void sasl_test(struct sasl_server *server, enum sasl_next next, struct sasl_step *step);

void scram_first_take(struct sasl_server *server, struct slice words, struct sasl_step *step);
void scram_keys_take(
	struct sasl_server *server, const struct scram_keys *keys, struct sasl_step *step);
void scram_final_take(struct sasl_server *server, struct slice words, struct sasl_step *step);
void oauthbearer_take(struct sasl_server *server, struct slice words, struct sasl_step *step);
void xoauth2_take(struct sasl_server *server, struct slice words, struct sasl_step *step);
void oauth_refuse(struct sasl_server *server, struct sasl_step *step);

#endif
