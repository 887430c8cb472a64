/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Return addresses for forwarded mail (the Sender Rewriting Scheme): an address of ours that holds
 * the sender's, so that reports come back through us and nobody who checks SPF sees us send in
 * another domain's name.
 *
 *	alice@a.example, forwarded by b.example:    SRS0=hash=day=a.example=alice@b.example
 *	that again, forwarded by c.example: SRS1=hash=b.example==hash=day=a.example=alice@c.example
 *
 * The hash is 40 bits of an HMAC-SHA256 under a secret of this host over all that follows it, the
 * day it was made, and which of the two it is; letters count as small ones, for others change them.
 * Who shows a right hash shows that the mail left here, within SRS_DAYS.
 */
#ifndef WIRE_SRS_H
#define WIRE_SRS_H

#include "base/clock.h"
#include "wire/mailbox.h"

enum { SRS_SECRET_SIZE = 32, SRS_DAYS = 21 };

struct srs_secret {
	uint8_t bytes[SRS_SECRET_SIZE];
};

/* The return address at `domain` for mail of `sender`. False: there is none, for the null sender
 * has none and a local part has 64 octets at most (RFC 5321 section 4.5.3.1.1). */
bool srs_forward(const struct srs_secret *secret, const struct mailbox *sender, struct slice domain,
	wall_ns now, struct arena *arena, struct mailbox *address) MUST_USE;
/* Whether it looks like one, ours or not. */
bool srs_is_one(const struct mailbox *address);
/* Whom it stands for. False: we did not make it, or too long ago. */
bool srs_reverse(const struct srs_secret *secret, const struct mailbox *address, wall_ns now,
	struct arena *arena, struct mailbox *sender) MUST_USE;

#endif
