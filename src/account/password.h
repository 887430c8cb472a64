/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords and what is kept in their place: a verifier (a crypt(3) or argon2id string) and SCRAM
 * keys (RFC 5803). Everything here takes milliseconds on purpose and belongs into a thread; nothing
 * here remembers anything.
 *
 *	struct password_made made;
 *	if (password_make(password, &made, &words)) … made.verifier, made.scram
 *	if (password_test(verifier, password) == PASSWORD_RIGHT) …
 */
#ifndef ACCOUNT_PASSWORD_H
#define ACCOUNT_PASSWORD_H

#include "base/status.h"
#include "base/text.h"

enum { PASSWORD_MAX = 512, VERIFIER_MAX = 384, SCRAM_TEXT_MAX = 256 };

struct password_made {
	char verifier[VERIFIER_MAX]; /* "$y$…": yescrypt at its default cost */
	char scram[SCRAM_TEXT_MAX];  /* "SCRAM-SHA-256$4096:…" */
};
/* False with words: empty, too long, or with characters that SASLprep (RFC 4013) forbids. */
bool password_make(struct slice password, struct password_made *made, struct text *words) MUST_USE;

enum password_verdict {
	PASSWORD_RIGHT,
	PASSWORD_WRONG,
	PASSWORD_UNTESTED, /* the verifier is of a kind that this host cannot test */
};
/* An empty password and an empty verifier are wrong, after the usual time. */
enum password_verdict password_test(struct slice verifier, struct slice password);
/* For users that do not exist: takes the time that a test of a verifier of ours takes. */
void password_test_nothing(struct slice password);

/* Whether it is a verifier that can be tested here: $y$, $6$, $5$, $2b$ and its elder forms,
 * $argon2id$. */
bool verifier_is_known(struct slice verifier);

#endif
