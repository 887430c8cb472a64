/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A `struct dns` for tests that answers from a zone text, one record or outcome a line:
 *
 *	example.org     MX 10 mx.example.org
 *	example.org     MX 0 .                       a null MX
 *	mx.example.org  A 192.0.2.1
 *	www.example.org CNAME mx.example.org
 *	example.org     TXT "v=spf1 -all"            to the end of the line, outer quotes dropped
 *	broken.example  SERVFAIL                     every type cannot be told, at once
 *	silent.example  TIMEOUT                      the same after 20 s
 *	signed.example  SECURE                       what is answered of it is validated
 *
 * A name that stands nowhere is DNS_NO_NAME, one that stands without the type DNS_NO_DATA. A line
 * that is none of these panics. `#` begins a comment line.
 */
#ifndef DNS_FAKE_H
#define DNS_FAKE_H

#include "dns/dns.h"

/* Lives in `arena`; the text is copied. */
struct dns *dns_fake_new(struct arena *arena, struct slice zone);
unsigned dns_fake_asked(const struct dns *dns); /* how many questions so far */

#endif
