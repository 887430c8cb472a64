/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS (RFC 8446, RFC 5246) over streams, for every protocol that offers or asks for it.
 *
 * A `struct tls` is what the sessions of one process share: certificates, trust, session tickets
 * and the way to the role `keys`, which holds the private keys and signs (packets/signing.h). A
 * private key is never in a process that talks to a network: OpenSSL asks for signatures through a
 * provider of ours, and the task waits meanwhile.
 *
 * A session lies between a stream and its io (struct transport in run/stream.h), so a conversation
 * goes on with the stream as before.
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include "run/stream.h"

struct text;

struct tls;
struct tls_session;

enum tls_end {
	TLS_DONE,
	TLS_REFUSED, /* the two could not agree, or what was wished is not so; words in `why` */
	TLS_NO_KEYS, /* keys is away: nothing was said yet, or the handshake broke off */
	TLS_UNREAD,  /* the peer sent something before the handshake (RFC 3207 section 6) */
	TLS_CLOSED,
	TLS_FAILED,
	TLS_DEADLINE,
	TLS_CANCELLED,
};

/* ---- what a process opens once ---- */

/* Without certificates yet: tls_can_accept() is false. NULL and `why`. */
struct tls *tls_open(struct loop *loop, struct text *why);
/* For clients alone; `trust_file` is a file of trusted roots (PEM), empty: the system's. NULL and
 * `why`. */
struct tls *tls_open_client(struct slice trust_file, struct text *why);
void tls_close(struct tls *tls); /* every session has ended; NULL is fine */
/* The channel to the role keys; the one before, if any, is closed. */
void tls_keys_peer(struct tls *tls, int fd);

/* ---- what its configuration says ---- */

struct tls_chain {
	struct slice name; /* for people: the file it came from */
	struct slice pem;  /* the certificate, then those that lead to its root */
};
struct tls_setup {
	const struct tls_chain *chains; /* the first is the default */
	size_t chain_count;
	struct slice client_ca; /* PEM; empty: no client's certificate is `verified` */
	bool ask_clients;       /* for a certificate, which none has to have */
};
struct tls_contexts;
/* What holds where no chain is written: the supervisor's self-signed certificate. Owns `fd`. */
void tls_take_self_signed(struct tls *tls, int fd);
/* NULL and `why`, naming the file: nothing changes. */
struct tls_contexts *tls_prepare(struct tls *tls, const struct tls_setup *setup, struct text *why);
void tls_switch_over(struct tls *tls, struct tls_contexts *contexts); /* for sessions to come */
void tls_contexts_drop(struct tls_contexts *contexts);                /* NULL is fine */

/* ---- what it has seen ---- */

enum { TLS_REASONS = 12 };
struct tls_counts {
	uint64_t accepted, resumed, failed; /* handshakes; `resumed` are among `accepted` */
	uint64_t signatures, unsigned_;     /* asked of keys and had, asked and not had */
	struct {
		const char *words; /* NULL: no more of them; the last one gathers the rest */
		uint64_t count;
	} reasons[TLS_REASONS]; /* why handshakes failed */
};
const struct tls_counts *tls_counts(const struct tls *tls);
bool tls_has_keys(const struct tls *tls); /* whether the role keys is there */
/* For `postern status`: {"keys":…,"certificates":[…],"handshakes":…}. */
void json_put_tls_state(struct text *out, struct slice key, const struct tls *tls, wall_ns now);

/* ---- what a session is ---- */

/* What a session turned out to be. Slices live as long as the session. */
struct tls_seen {
	struct slice version; /* "TLSv1.3" */
	struct slice cipher;  /* "TLS_AES_256_GCM_SHA384" */
	struct slice group;   /* of the key exchange: "X25519" */
	struct slice name;    /* of a client's SNI; empty: none */
	bool resumed;
	/* The other side's certificate: */
	struct slice certificate; /* "SHA256:…" in lower case hex, of the DER; empty: none */
	bool verified;            /* it leads to a trusted root (and, of a server, has its name) */
	struct slice subject;     /* for people */
};

/* ---- as a server ---- */

/* Whether a handshake could be done now: there is a certificate, and keys is there. Asked before
 * 220 is said to STARTTLS (else 454), and at the start of an implicit session. */
bool tls_can_accept(const struct tls *tls);
bool tls_has_certificate(const struct tls *tls); /* NULL has none */
/* The handshake; on TLS_DONE the stream speaks TLS. A stream with unread input is TLS_UNREAD. */
enum tls_end tls_accept(struct task *task, struct tls *tls, struct stream *stream,
	struct tls_session **session, struct text *why) MUST_USE;
/* Who waits when many come at once, so that replies to others do not wait behind them (turns.h). */
enum tls_turn {
	TLS_AT_ONCE, /* never: as tls_accept() */
	TLS_IN_TURN, /* strangers */
	TLS_LAST,    /* while there is no stranger */
	TLS_TURNS
};
enum tls_end tls_accept_in_turn(struct task *task, struct tls *tls, enum tls_turn turn,
	struct stream *stream, struct tls_session **session, struct text *why) MUST_USE;

/* ---- as a client ---- */

struct tls_wish {
	struct slice name; /* for SNI, and the name its certificate must have; empty: no SNI */
	bool verified;     /* else any certificate will do (RFC 7435) */
};
enum tls_end tls_connect(struct task *task, struct tls *tls, struct stream *stream,
	const struct tls_wish *wish, struct tls_session **session, struct text *why) MUST_USE;

/* ---- both ---- */

const struct tls_seen *tls_seen(const struct tls_session *session);
/* RFC 9266 `tls-exporter`, for SCRAM-…-PLUS. False: not available (TLS 1.2 without RFC 7627). */
bool tls_exporter(struct tls_session *session, uint8_t value[32]) MUST_USE;
/* Says close_notify if it can without waiting; the stream is closed by the caller after it. NULL is
 * fine. */
void tls_session_end(struct tls_session *session);

#endif
