/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate of who has written no `tls certificate`: self-signed, EC P-256. It keeps mail
 * from being read on the way by who only listens (RFC 7435), and proves nothing.
 */
#ifndef TLS_SELF_SIGNED_H
#define TLS_SELF_SIGNED_H

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"

/* Appends the key and the certificate for `name`, both PEM, from `now` for ten years. */
enum status self_signed_make(
	struct slice name, wall_ns now, struct text *key, struct text *certificate) MUST_USE;
/* Whether this certificate (PEM) is for `name` and lasts another 30 days from `now`. */
bool self_signed_serves(struct slice certificate, struct slice name, wall_ns now);

#endif
