/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ways out need beside an address: whom to trust (TLS), and passwords to sign in with.
 *
 * Passwords come from the supervisor as descriptors of their files, before each configuration; they
 * are in this process alone, and overwritten when they are no longer needed.
 */
#ifndef SMTPOUT_SECRETS_H
#define SMTPOUT_SECRETS_H

#include "policy/policy.h"
#include "tls/tls.h"

/* Counted: sessions that run keep theirs while a reload brings another. */
struct trust;
struct trust *trust_open(struct slice file, struct text *why); /* empty: the system's; NULL: why */
struct trust *trust_hold(struct trust *trust);                 /* NULL is fine */
void trust_drop(struct trust *trust);                          /* likewise */
struct tls *trust_tls(const struct trust *trust);              /* likewise */

enum { PASSWORD_MAX = 1000 };
struct passwords;
struct passwords *passwords_new(void);
void passwords_free(struct passwords *passwords);
/* The first line of the file, which is closed. `why` not empty: it could not be opened. */
void passwords_take(struct passwords *passwords, struct slice file, int fd, struct slice why);
/* Forgets those of files that the policy does not name. */
void passwords_keep(struct passwords *passwords, const struct policy *policy);
/* A copy in `arena`, whose owner wipes it; or why there is none. NULL passwords: none at all. */
bool passwords_find(const struct passwords *passwords, struct slice file, struct arena *arena,
	struct slice *password, struct slice *why) MUST_USE;

#endif
