/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `listen … proxy from NETWORK`: a peer in that network says first, with a PROXY header
 * (wire/proxy.h), for which client it speaks; nobody else may. The client is then judged by its own
 * address, in everything; one that the header does not name is `::`, which is in no network.
 */
#ifndef SMTPIN_PROXIED_H
#define SMTPIN_PROXIED_H

#include "smtpin/session.h"

/* Hears the header where one is due, before anything else is said or heard. False: there was none,
 * or its client is not let in; the session is being ended. */
bool proxy_heard(struct task *task, struct session *session) MUST_USE;

#endif
