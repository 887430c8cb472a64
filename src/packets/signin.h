/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between those who talk to clients (edges, pop) and accounts: signing in, and what is
 * known of accounts, addresses and leases.
 *
 * The mechanisms of SASL (RFC 4422) run in accounts, where the verifiers are: an asker hands over
 * what the client said, and hands back what accounts answers, until it says DONE. An exchange that
 * its asker gives up, or whose channel ends, is forgotten.
 */
#ifndef PACKETS_SIGNIN_H
#define PACKETS_SIGNIN_H

#include "base/address.h"
#include "base/clock.h"
#include "base/cursor.h"

enum signin_type {
	SIGNIN_BEGIN = 0x0800, /* asker → accounts */
	SIGNIN_CHALLENGE,      /* accounts → asker: say this to the client */
	SIGNIN_RESPONSE,       /* asker → accounts: the client's answer to it, or its `*` */
	SIGNIN_DONE,           /* accounts → asker: the end of the exchange */
	SIGNIN_GIVE_UP,        /* asker → accounts: the client is gone; no DONE follows */
	SIGNIN_ASK,            /* asker → accounts: a question about accounts */
	SIGNIN_ANSWER,         /* accounts → asker */
	SIGNIN_OFFERED, /* accounts → asker, at the start and when it changes: mechanisms */
	SIGNIN_CHANGED, /* accounts → asker: answers kept about this account are not true any
			   more (empty: about any) */
	SIGNIN_SHUT,    /* accounts → asker: from where nobody may sign in for a while */
};
enum {
	SASL_MESSAGE_MAX =
		3072, /* of a client or of us, decoded (tokens of OAUTHBEARER are long) */
	SIGNIN_TEXTS_MAX = 3072,  /* octets of an answer's texts in one packet */
	SIGNIN_SUBJECT_MAX = 512, /* of an account's name, an address */
	MECHANISM_MAX = 20,       /* RFC 4422 section 3.1 */
	CERTIFICATE_TEXT_MAX = 128,
};

enum signin_service { SIGNIN_SMTP, SIGNIN_SUBMISSION, SIGNIN_POP3, SIGNIN_SERVICES };
struct signin_begin {
	uint32_t request; /* the asker's own number, repeated in all that follows */
	uint8_t service;  /* enum signin_service */
	struct address client;
	bool tls;
	bool has_binding; /* tls-exporter, RFC 9266 */
	uint8_t binding[32];
	struct slice certificate; /* the client's, verified: "SHA256:…", for EXTERNAL; or empty */
	struct slice mechanism;   /* upper case */
	bool has_initial;         /* an initial response, which may be empty */
	struct slice initial;
};
struct signin_challenge {
	uint32_t request;
	struct slice words;
};
struct signin_response {
	uint32_t request;
	bool cancelled; /* `*` */
	struct slice words;
};
enum signin_outcome {
	SIGNED_IN,
	SIGNIN_WRONG,       /* 535 5.7.8: also no such account, and a disabled one */
	SIGNIN_CANNOT_TELL, /* 454 4.7.0: a store is away */
	SIGNIN_TOO_MANY,    /* 454 4.7.0: this address or this account has guessed too often */
	SIGNIN_BUSY,        /* 454 4.7.0: more sign-ins wait than are worked off */
	SIGNIN_MALFORMED,   /* 501 5.5.2: no message of this mechanism */
	SIGNIN_UNKNOWN,     /* 504 5.5.4: no such mechanism here */
	SIGNIN_WEAK,        /* 538 5.7.11: only under TLS */
	SIGNIN_OUTCOMES
};
struct signin_done {
	uint32_t request;
	uint8_t outcome;
	struct slice
		account; /* who signed in; who it claimed to be, where that is known: for logs */
	struct slice because; /* for the administrator, never for the client */
};
struct signin_give_up {
	uint32_t request;
};

enum signin_question {
	ASK_STANDS,  /* does this account stand (exist, not disabled)? texts: its own limits */
	ASK_GROUPS,  /* texts: its groups */
	ASK_OWNED,   /* texts: its addresses, and `*@domain`; its own name too if that is one */
	ASK_MAILBOX, /* does somebody have this address? */
	ASK_LEASES,  /* texts: the accounts that signed in by POP from `client`; times: when */
	SIGNIN_QUESTIONS
};
struct signin_ask {
	uint32_t request;
	uint8_t question;
	struct address client; /* of ASK_LEASES; else no address */
	struct slice subject;  /* an account, or an address in its one form */
};
enum signin_found { ANSWER_FOUND, ANSWER_NOT_FOUND, ANSWER_CANNOT_TELL, SIGNIN_FOUNDS };
struct signin_answer {
	uint32_t request;
	uint8_t found;
	bool more; /* another packet with more texts follows */
	uint16_t count;
	struct slice texts;   /* `count` of signin_text */
	struct slice because; /* which store said so, and why it cannot tell: for traces */
};
struct signin_text {
	struct slice text;
	wall_ns time; /* 0: none */
};
struct signin_offered {
	struct slice
		mechanisms; /* "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN": the best first */
};
struct signin_changed {
	struct slice account;
};
/* Told when it begins, to those who come to accounts while it lasts, and when it ends early. */
struct signin_shut {
	struct address client; /* of IPv6 each of its /64 */
	uint32_t seconds;      /* from now on; 0: it is over */
};

void signin_begin_write(struct writer *out, const struct signin_begin *m);
bool signin_begin_read(struct slice body, struct signin_begin *m);
void signin_challenge_write(struct writer *out, const struct signin_challenge *m);
bool signin_challenge_read(struct slice body, struct signin_challenge *m);
void signin_response_write(struct writer *out, const struct signin_response *m);
bool signin_response_read(struct slice body, struct signin_response *m);
void signin_done_write(struct writer *out, const struct signin_done *m);
bool signin_done_read(struct slice body, struct signin_done *m);
void signin_give_up_write(struct writer *out, const struct signin_give_up *m);
bool signin_give_up_read(struct slice body, struct signin_give_up *m);
void signin_ask_write(struct writer *out, const struct signin_ask *m);
bool signin_ask_read(struct slice body, struct signin_ask *m);
void signin_answer_write(struct writer *out, const struct signin_answer *m);
bool signin_answer_read(struct slice body, struct signin_answer *m);
void signin_text_write(struct writer *out, const struct signin_text *m);
bool signin_text_read(struct reader *in, struct signin_text *m);
void signin_offered_write(struct writer *out, const struct signin_offered *m);
bool signin_offered_read(struct slice body, struct signin_offered *m);
void signin_changed_write(struct writer *out, const struct signin_changed *m);
bool signin_changed_read(struct slice body, struct signin_changed *m);
void signin_shut_write(struct writer *out, const struct signin_shut *m);
bool signin_shut_read(struct slice body, struct signin_shut *m);

#endif
