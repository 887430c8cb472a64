/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between those who need signatures (edges, pop, queue) and keys, which alone holds private
 * keys and gives none away.
 *
 * A key is named by the SHA-256 of its SubjectPublicKeyInfo, so whoever has the certificate knows
 * the name. What is signed is a digest (or, for Ed25519, the message itself): keys parses nothing.
 */
#ifndef PACKETS_SIGNING_H
#define PACKETS_SIGNING_H

#include "base/cursor.h"

enum signing_type {
	SIGNING_ASK = 0x0900, /* asker → keys */
	SIGNING_ANSWER,       /* keys → asker */
	SIGNING_TICKETS,      /* keys → asker, at the start and at each rotation */
};
enum {
	KEY_NAME_LEN = 32,
	SIGNING_INPUT_MAX = 512, /* octets: of TLS the longest is a key exchange of TLS 1.2 */
	SIGNATURE_MAX = 1024,    /* RSA with 8,192 bits */
	TICKET_KEYS_MAX = 4,
};

enum signing_scheme {
	SIGN_ECDSA,     /* RFC 8446 section 4.2.3, DER */
	SIGN_RSA_PKCS1, /* RSASSA-PKCS1-v1_5 */
	SIGN_RSA_PSS,   /* the salt as long as the hash, MGF1 with the same hash */
	SIGN_ED25519,
	SIGNING_SCHEMES
};
enum signing_hash { SIGN_NO_HASH, SIGN_SHA256, SIGN_SHA384, SIGN_SHA512, SIGNING_HASHES };

struct signing_ask {
	uint32_t request; /* the asker's own number, repeated in the answer */
	uint8_t key[KEY_NAME_LEN];
	uint8_t scheme;     /* enum signing_scheme */
	uint8_t hash;       /* enum signing_hash; of SIGN_ED25519: SIGN_NO_HASH */
	struct slice input; /* a digest of that hash, or the message */
};
enum signing_outcome {
	SIGNED,
	SIGN_NO_KEY, /* keys has none of that name */
	SIGN_FAILED, /* the key cannot sign so (another type, too short) */
	SIGNING_OUTCOMES,
	/* These two are never in a packet: */
	SIGN_AWAY, /* keys is not there, or does not answer */
	SIGN_BUSY, /* too much waits for it already */
};
struct signing_answer {
	uint32_t request;
	uint8_t outcome;
	struct slice signature;
};
/* Session tickets (RFC 5077, RFC 8446 section 4.6.1) are made with the first key and read with any,
 * so that a session begun at one edge goes on at another. */
struct ticket_key {
	uint8_t name[16], cipher[32], mac[32]; /* AES-256-CBC, HMAC-SHA-256 */
};
struct signing_tickets {
	uint8_t count; /* at least 1 */
	struct ticket_key keys[TICKET_KEYS_MAX];
};

size_t signing_hash_len(uint8_t hash); /* octets; 0: there is none, or the input is no digest */
void signing_ask_write(struct writer *out, const struct signing_ask *m);
bool signing_ask_read(struct slice body, struct signing_ask *m);
void signing_answer_write(struct writer *out, const struct signing_answer *m);
bool signing_answer_read(struct slice body, struct signing_answer *m);
void signing_tickets_write(struct writer *out, const struct signing_tickets *m);
bool signing_tickets_read(struct slice body, struct signing_tickets *m);

#endif
