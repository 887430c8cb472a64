/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hearing the PROXY header (wire/proxy.h) of a connection that a load balancer makes: before
 * anything else is said or heard, TLS too.
 */
#ifndef ROLE_PROXIED_H
#define ROLE_PROXIED_H

#include "run/io.h"

enum proxied {
	PROXIED, /* `client` is for whom it speaks; `::`, which is in no network: it does not say */
	PROXIED_BAD, /* `why` says what */
	PROXIED_GONE,
};
/* Within ten seconds. Reads not an octet more than the header. */
enum proxied proxied_hear(
	struct task *task, struct io *io, struct address *client, const char **why) MUST_USE;

#endif
