/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signs for a process that has no private keys: the role keys over a channel (keys_door.c), or
 * a test.
 */
#ifndef TLS_SIGNER_H
#define TLS_SIGNER_H

#include "packets/signing.h"
#include "tls/tls.h"

struct tls_signer {
	/* Waits. `ask->request` is not set. On SIGNED `signature` has at most SIGNATURE_MAX octets
	 * in it. */
	enum signing_outcome (*sign)(struct task *task, void *self, const struct signing_ask *ask,
		struct text *signature);
	bool (*is_here)(const void *self);
	void *self;
};

/* Instead of the channel of tls_keys_peer(). */
void tls_set_signer(struct tls *tls, const struct tls_signer *signer);
/* Session ticket keys from now on; those of before still open tickets where they are among them. */
void tls_set_tickets(struct tls *tls, const struct signing_tickets *tickets);

#endif
