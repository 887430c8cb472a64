/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between queue and out: jobs one way, what became of each recipient the other.
 *
 * A job names a message by where it lies (a segment that out holds open read-only, sent once), and
 * recipients by their index in its envelope, which out reads itself. Never a whole envelope.
 */
#ifndef PACKETS_DELIVERY_H
#define PACKETS_DELIVERY_H

#include "base/cursor.h"

enum delivery_type {
	DELIVERY_SEGMENT = 0x0300, /* queue → out, with a descriptor of its own, read-only */
	DELIVERY_FORGET,           /* queue → out: no further job names this segment; close it */
	DELIVERY_JOB,              /* queue → out */
	DELIVERY_OUTCOME,          /* out → queue: one recipient */
	DELIVERY_END,              /* out → queue: nothing more comes of this job; job u64 */
};

enum {
	JOB_RECIPIENTS_MAX = 500,
	REMOTE_NAME_MAX = 1000,
	REMOTE_WORDS_MAX = 1000,
	ENHANCED_TEXT_MAX = 16,
	TLS_SESSION_MAX = 80,
	TLS_WHY_MAX = 200,
	ROUTE_LOGIN_MAX = 250, /* octets of a login, and of the path of its file */
};

struct delivery_segment {
	uint32_t number;
	uint8_t segment_class;
	uint64_t epoch;
};

enum route_kind { ROUTE_MX, ROUTE_HOSTS, ROUTE_LMTP, ROUTE_MAILDIR };
enum route_tls { ROUTE_TLS_MAY, ROUTE_TLS_OFF, ROUTE_TLS_VERIFIED, ROUTE_TLS_DANE };

struct delivery_job {
	uint64_t job; /* queue's number for it */
	uint32_t segment;
	uint64_t offset; /* of the MESSAGE record */
	uint64_t id, origin;
	uint8_t route;    /* enum route_kind */
	uint8_t tls;      /* enum route_tls */
	uint16_t port;    /* ROUTE_MX: where to; usually 25 */
	bool private_too; /* loopback and private addresses too: the policy names the domain */
	/* ROUTE_MX: the domain. ROUTE_HOSTS: "host:port" in order, blank-separated. ROUTE_LMTP:
	 * path or host:port. ROUTE_MAILDIR: the folder's pattern with %d and %l. */
	struct slice target;
	/* ROUTE_HOSTS: sign in as `login` with the password of this file, which the supervisor
	 * gives to out. Both empty: no signing in. */
	struct slice login, password_file;
	struct slice recipients; /* u16 little-endian each: indices into the envelope */
};

/* The encryption of an attempt: what the way wished, and what there was. */
struct delivery_tls {
	bool known;           /* false: the way is none over a network, or no server was met */
	uint8_t wanted;       /* enum route_tls */
	bool verified;        /* the certificate is the wished host's */
	struct slice session; /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: without TLS */
	struct slice why;     /* why it is without TLS, or why not verified; may be empty */
};
struct slice route_tls_text(enum route_tls tls); /* "verified" */

enum outcome { OUTCOME_DELIVERED, OUTCOME_DEFERRED, OUTCOME_FAILED };
struct delivery_outcome {
	uint64_t job;
	uint16_t recipient; /* index in the envelope */
	uint8_t outcome;    /* enum outcome */
	uint16_t code;      /* the remote's reply code; 0: it said nothing */
	uint16_t reason;    /* enum reason where we say it; 0 where the remote does */
	struct delivery_tls tls;
	/* The encoder cuts these to ENHANCED_TEXT_MAX, REMOTE_NAME_MAX and REMOTE_WORDS_MAX, those
	 * of `tls` to TLS_SESSION_MAX and TLS_WHY_MAX. */
	struct slice enhanced; /* "5.1.1", or empty */
	struct slice remote;   /* "mx.example.org [192.0.2.1]:25", or the Maildir's path */
	struct slice words;    /* the remote's words, or ours for a failure of the way */
};
struct delivery_end {
	uint64_t job;
};

void delivery_segment_write(struct writer *out, const struct delivery_segment *m);
bool delivery_segment_read(struct slice body, struct delivery_segment *m);
void delivery_job_write(struct writer *out, const struct delivery_job *m);
bool delivery_job_read(struct slice body, struct delivery_job *m);
void delivery_outcome_write(struct writer *out, const struct delivery_outcome *m);
bool delivery_outcome_read(struct slice body, struct delivery_outcome *m);
void delivery_end_write(struct writer *out, const struct delivery_end *m);
bool delivery_end_read(struct slice body, struct delivery_end *m);
size_t job_recipient_count(const struct delivery_job *m);
uint16_t job_recipient(const struct delivery_job *m, size_t i);

#endif
