/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of SCRAM, taken apart (RFC 5802 section 7). Slices point into what was read, names
 * decoded into the arena.
 */
#ifndef SASL_SCRAM_MESSAGE_H
#define SASL_SCRAM_MESSAGE_H

#include "base/arena.h"
#include "base/status.h"

/* "n,," "y,," "p=tls-exporter,a=user," (section 7, gs2-header): RFC 5801's, of SCRAM and of
 * OAUTHBEARER. */
enum gs2_binding { BINDING_NONE, BINDING_NOT_SEEN, BINDING_USED };
struct gs2_header {
	enum gs2_binding binding; /* `n`: the client cannot; `y`: it could, and saw no -PLUS */
	struct slice type;        /* of `p=` */
	struct slice authzid;     /* decoded; empty: none */
	struct slice whole;       /* with its last comma */
};
/* *rest is what follows it. */
bool gs2_parse(struct slice s, struct arena *arena, struct gs2_header *header,
	struct slice *rest) MUST_USE;

struct scram_first { /* of the client */
	struct gs2_header gs2;
	struct slice name;  /* decoded, not prepared */
	struct slice nonce; /* the client's */
	struct slice bare;  /* all behind the header: of AuthMessage */
};
bool scram_first_parse(struct slice s, struct arena *arena, struct scram_first *first) MUST_USE;

struct scram_final {          /* of the client */
	struct slice binding; /* decoded */
	struct slice nonce;
	struct slice proof;   /* decoded */
	struct slice without; /* all in front of ",p=": of AuthMessage */
};
bool scram_final_parse(struct slice s, struct arena *arena, struct scram_final *final) MUST_USE;

struct scram_challenge {          /* server-first-message */
	struct slice nonce, salt; /* salt decoded */
	uint32_t iterations;
};
bool scram_challenge_parse(
	struct slice s, struct arena *arena, struct scram_challenge *challenge) MUST_USE;

/* server-final-message: *signature decoded, empty where it says an error. */
bool scram_signature_parse(struct slice s, struct arena *arena, struct slice *signature) MUST_USE;

/* A name as a saslname: "," as "=2C", "=" as "=3D". */
struct slice scram_name_encode(struct slice name, struct arena *arena);

#endif
