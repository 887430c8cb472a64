/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate says of itself, for who checks a configuration. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include "base/clock.h"
#include "base/text.h"
#include "packets/signing.h"

struct certificate_facts {
	wall_ns ends;
	uint8_t key_name[KEY_NAME_LEN];
	size_t in_chain; /* certificates in the text, at least 1 */
};
/* The first certificate of the PEM text. False: there is none, or one of them cannot be read. */
bool certificate_look(struct slice pem, struct certificate_facts *facts);
/* "mx.example, *.example": what it is for. */
void text_certificate_names(struct text *text, struct slice pem);

#endif
