/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the client has proved to be, and over what: TLS and signing in (RFC 4954). The command itself
 * is auth_command(); the mechanisms run in accounts (account/asker.h).
 */
#ifndef SMTPIN_AUTH_H
#define SMTPIN_AUTH_H

#include "smtpin/session.h"
#include "tls/tls.h"

enum { AUTH_LINE_MAX = 12288 }; /* octets with CRLF (RFC 4954 section 4) */

bool session_is_encrypted(const struct session *session);
/* What its TLS turned out to be; NULL in the clear. */
const struct tls_seen *session_tls(const struct session *session);
/* EHLO's line, where something is offered now. */
void auth_offer(const struct session *session, struct text *out);
/* Whether the account that the client signed in as still stands, asked anew. True where it has not
 * signed in. False: it has been said why not. `recipient` may be NULL. */
bool auth_stands(struct task *task, struct session *session,
	const struct offered_recipient *recipient, enum stage stage) MUST_USE;
/* As if it had not: after STARTTLS (RFC 3207 section 4.2), and at the end of the session. */
void session_sign_out(struct session *session);

#endif
