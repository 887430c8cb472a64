/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets between the supervisor and every role. Message types are unique in the whole program, so
 * that a packet on the wrong channel is recognised.
 *
 * Each message is a struct with an encoder and a decoder that stand side by side in the .c file and
 * are tested by a round trip; every decoder is fuzzed as hostile. Slices of a decoded message point
 * into the body and live as long as it.
 */
#ifndef PACKETS_SETUP_H
#define PACKETS_SETUP_H

#include "base/cursor.h"

enum role_name {
	ROLE_SUPERVISOR,
	ROLE_EDGE,
	ROLE_RESOLVER,
	ROLE_QUEUE,
	ROLE_OUT,
	ROLE_CONTROL,
	ROLE_ACCOUNTS,
	ROLE_POP,
	ROLE_KEYS,
	ROLE_NAMES,
};
const char *role_name_text(enum role_name name); /* "edge" */
bool role_name_find(struct slice text, enum role_name *name);

enum setup_type {
	SETUP_HELLO = 0x0100, /* role → supervisor: build id; roles of another build are refused */
	SETUP_BUNDLE,         /* supervisor → role, with a sealed memory file: generation u32 */
	SETUP_PREPARED,       /* role → supervisor: generation u32, ok u8, words */
	SETUP_SWITCH,         /* supervisor → role: generation u32 */
	SETUP_SWITCHED,       /* role → supervisor: at work with this generation u32 */
	SETUP_PEER,           /* supervisor → role, with a descriptor */
	SETUP_GRANT,          /* supervisor → role, with a descriptor */
	SETUP_GO,             /* supervisor → role: all that the start needs has been sent */
	SETUP_READY,          /* role → supervisor: at work */
	SETUP_STOP,           /* supervisor → role: finish in order, within grace_ms u32 */
	SETUP_ENDED,          /* role → supervisor: about to exit, with this status */
	SETUP_RELOAD,         /* control → supervisor: somebody asked for a reload, request u32 */
	SETUP_RELOADED,       /* supervisor → control: request u32, ok u8, words */
	SETUP_REVOKE,         /* supervisor → edge: close this listener; the shape of GRANT */
};

struct setup_hello {
	uint16_t role; /* enum role_name */
	uint16_t slot;
	struct slice build;
};
/* SWITCH and SWITCHED have the shape of BUNDLE; GO and READY have no body. */
struct setup_bundle {
	uint32_t generation;
};
struct setup_prepared {
	uint32_t generation;
	bool ok;
	struct slice words; /* why not */
};
struct setup_peer {
	uint16_t role;
	uint16_t slot;
};

enum grant_what {
	GRANT_LISTENER,        /* edge: a listening socket; `service` and `address` say which */
	GRANT_SPOOL_FOLDER,    /* queue: STATE/spool, O_DIRECTORY */
	GRANT_JOURNAL_FOLDER,  /* control: STATE/journal */
	GRANT_POLICY_FOLDER,   /* control: STATE/policy */
	GRANT_CONTROL_SOCKET,  /* control: listening unix socket */
	GRANT_STATE_FOLDER,    /* queue, control, out: STATE itself */
	GRANT_ACCOUNTS_FOLDER, /* accounts: STATE/accounts */
	GRANT_SECRET,          /* edge: STATE/return-path.key, to be read */
	GRANT_CENSUS,          /* edge, pop: who is connected, over all of them (role/census.h) */
	GRANT_KEY,         /* keys: a private key's file; `service` names it, `address` its path */
	GRANT_CERTIFICATE, /* edge, pop: our own self-signed one; before the first bundle */
	GRANT_PASSWORD,    /* out: a password file, named by `address` as the configuration does;
			      `service` is why, where it cannot be opened; before each bundle */
	GRANT_FEED,        /* accounts: listening unix socket of `listen grants` */
	GRANT_KINDS,
};
struct setup_grant {
	uint16_t what;        /* enum grant_what */
	struct slice service; /* "smtp" */
	struct slice address; /* as bound, "127.0.0.1:2525", or the folder's path */
};
struct setup_stop {
	uint32_t grace_ms;
};
struct setup_ended {
	uint8_t status; /* 0 as asked; 75 and 78 (posternd(8)) end the whole program */
};
struct setup_reload {
	uint32_t request;
};
struct setup_reloaded {
	uint32_t request;
	bool ok;
	struct slice words;
};

void setup_hello_write(struct writer *out, const struct setup_hello *m);
bool setup_hello_read(struct slice body, struct setup_hello *m);
void setup_bundle_write(struct writer *out, const struct setup_bundle *m);
bool setup_bundle_read(struct slice body, struct setup_bundle *m);
void setup_prepared_write(struct writer *out, const struct setup_prepared *m);
bool setup_prepared_read(struct slice body, struct setup_prepared *m);
void setup_peer_write(struct writer *out, const struct setup_peer *m);
bool setup_peer_read(struct slice body, struct setup_peer *m);
void setup_grant_write(struct writer *out, const struct setup_grant *m);
bool setup_grant_read(struct slice body, struct setup_grant *m);
void setup_stop_write(struct writer *out, const struct setup_stop *m);
bool setup_stop_read(struct slice body, struct setup_stop *m);
void setup_ended_write(struct writer *out, const struct setup_ended *m);
bool setup_ended_read(struct slice body, struct setup_ended *m);
void setup_reload_write(struct writer *out, const struct setup_reload *m);
bool setup_reload_read(struct slice body, struct setup_reload *m);
void setup_reloaded_write(struct writer *out, const struct setup_reloaded *m);
bool setup_reloaded_read(struct slice body, struct setup_reloaded *m);

#endif
