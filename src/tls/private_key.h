/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys, for the role keys and for tests; no process that talks to a network includes this.
 */
#ifndef TLS_PRIVATE_KEY_H
#define TLS_PRIVATE_KEY_H

#include "base/text.h"
#include "packets/signing.h"

struct private_key;

/* From PEM, without a pass phrase. NULL and `why`. */
struct private_key *private_key_read(struct slice pem, struct text *why);
void private_key_free(struct private_key *key);                 /* NULL is fine */
const uint8_t *private_key_name(const struct private_key *key); /* KEY_NAME_LEN octets */
struct slice private_key_type(const struct private_key *key);   /* "EC", "RSA", "ED25519" */
/* SIGNED, or SIGN_FAILED where the key cannot sign so. `ask` has passed signing_ask_read(). */
enum signing_outcome private_key_sign(
	const struct private_key *key, const struct signing_ask *ask, struct text *signature);
/* Whether the (first) certificate of this PEM text is of this key. */
bool private_key_fits(const struct private_key *key, struct slice certificate);

#endif
