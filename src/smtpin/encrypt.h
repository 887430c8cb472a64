/* SPDX-License-Identifier: Apache-2.0 */
/* TLS in a session: STARTTLS (RFC 3207; the command itself is starttls_command()), and from the
 * first octet (RFC 8314). */
#ifndef SMTPIN_ENCRYPT_H
#define SMTPIN_ENCRYPT_H

#include "smtpin/session.h"

/* EHLO's line, where a certificate is there and the session is in the clear. */
void starttls_offer(const struct session *session, struct text *out);
/* On ports that begin with a handshake: does it. False: it failed, and the session ends. */
bool encrypt_first(struct task *task, struct session *session) MUST_USE;

#endif
